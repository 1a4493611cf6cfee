"""Large bodies are only read on for a member, and while there is room: what anyone may make us hold is bounded.

Strategy: a body's first ``FREE_BYTES`` are kept for everyone. What is more waits until the gates that need no body have
let its sender in and ``UploadRoom`` has room for all of it; Tornado reads nothing of that connection meanwhile.

Rules:
- the refusal is the request's answer later, in its own time: the handler's ``admit`` raises it, and asks no gate again
  (a wrong key counts once);
- the room is given back when the body is whole: from there on the limits bound how many there are.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tornado.httputil import HTTPServerRequest

from freetheai import admission
from freetheai.addresses import source_address
from freetheai.admission import Visitor
from freetheai.clients import client_name
from freetheai.errors import ApiError
from freetheai.store.directory import Owner
from handlers.base import presented_keys

if TYPE_CHECKING:
    from handlers.services import Services

# More than nearly all requests have, so that they cost nothing more here.
FREE_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a body was not read on, and whose it was, if that was known."""

    error: ApiError
    owner: Owner | None


@dataclass(frozen=True, slots=True)
class Place:
    """Room taken for one body."""

    account: str
    size_bytes: int


async def let_in(request: HTTPServerRequest, services: "Services") -> Place | Refusal:
    """Room for the whole body of ``request``, to be given back with ``leave``; or why there is none."""
    headers = request.headers
    address = source_address(
        request.remote_ip or "",
        ",".join(headers.get_list("X-Forwarded-For")),
        services.settings.server.trusted_proxies,
    )
    visitor = Visitor(address, client_name(headers), presented_keys(request))
    bound = services.settings.server.max_body_bytes
    declared = headers.get("Content-Length", "")
    # Without a length it may be the largest.
    size_bytes = min(int(declared), bound) if declared.isdigit() else bound
    try:
        owner = await admission.admit(visitor, services.house)
        await services.body_room.enter(owner.user_id, size_bytes, bound)
    except ApiError as error:
        return Refusal(error, visitor.owner)
    return Place(owner.user_id, size_bytes)


def leave(place: Place, services: "Services") -> None:
    """Give the room back."""
    services.body_room.leave(place.account, place.size_bytes)
