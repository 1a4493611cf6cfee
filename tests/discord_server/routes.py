"""The table of REST routes: a function each, found by method and path. Literal parts win over parameters."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from discord_server.errors import Problems
from discord_server.world import Attachment

if TYPE_CHECKING:
    from discord_server.backend import Backend


@dataclass
class Upload:
    """One file of a multipart body."""

    name: str
    data: bytes
    content_type: str | None = None


@dataclass
class Call:
    """One request on its way to the function that answers it. ``uploads`` by the index of ``files[n]``."""

    backend: "Backend"
    method: str
    path: str
    params: dict[str, str]
    query: dict[str, str]
    body: Any
    uploads: dict[int, Upload] = field(default_factory=dict)
    reason: str | None = None

    def whole_number(self, name: str, default: int, low: int, high: int) -> int:
        """A query parameter between two bounds.

        Raises:
            DiscordError: it is none.
        """
        text = self.query.get(name, str(default))
        problems = Problems()
        if not text.isdecimal():
            problems.add((name,), "NUMBER_TYPE_COERCE", f'Value "{text}" is not int.')
        elif not low <= int(text) <= high:
            problems.add((name,), "NUMBER_TYPE_MAX", f"int value should be between {low} and {high}.")
        problems.raise_if_any()
        return int(text)


@dataclass(frozen=True, slots=True)
class Created:
    """An answer with status 201."""

    body: Any


Answerer = Callable[[Call], Any]


@dataclass(frozen=True, slots=True)
class Route:
    """``needs_token``: whether the bot's token must be sent. What the function returns is the JSON, None is a 204."""

    method: str
    template: str
    pattern: re.Pattern[str]
    answer: Answerer
    needs_token: bool


ROUTES: list[Route] = []
_MAJOR = ("channel_id", "guild_id", "webhook_token")


def route(method: str, template: str, *, needs_token: bool = True) -> Callable[[Answerer], Answerer]:
    """Register a function for ``"GET", "/guilds/{guild_id}"``."""
    # What is not a parameter is taken literally; `@me` and `@original` are no ids.
    pattern = re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template)))

    def register(answer: Answerer) -> Answerer:
        ROUTES.append(Route(method, template, pattern, answer, needs_token))
        ROUTES.sort(key=lambda each: each.template.count("{"))
        return answer

    return register


def find_route(method: str, path: str) -> tuple[Route | None, dict[str, str], bool]:
    """The route, its parameters, and whether the path exists under any method."""
    is_known = False
    for each in ROUTES:
        if (match := each.pattern.fullmatch(path)) is None:
            continue
        is_known = True
        if each.method == method:
            return each, match.groupdict(), True
    return None, {}, is_known


def major_parameter(params: dict[str, str]) -> str:
    """What the bucket is divided by."""
    return ":".join(params[name] for name in _MAJOR if name in params)


def check_ids(params: dict[str, str]) -> None:
    """Refuse ids that are no snowflakes.

    Raises:
        DiscordError: 400, code 50035.
    """
    problems = Problems()
    for name, value in params.items():
        if name.endswith("_id") and not (value.isdecimal() and len(value) < 21):
            problems.add((name,), "NUMBER_TYPE_COERCE", f'Value "{value}" is not snowflake.')
    problems.raise_if_any()


def new_attachments(call: Call, listed: Any) -> list[Attachment]:
    """The files of this request as attachments, described as ``listed`` (the payload's ``attachments``) says."""
    described = {str(each.get("id")): each for each in listed or [] if isinstance(each, dict)}
    made = []
    for index, upload in sorted(call.uploads.items()):
        entry = described.get(str(index), {})
        name = entry.get("filename") or upload.name
        new_id = call.backend.world.new_id()
        made.append(Attachment(new_id, name, upload.data, entry.get("description"), _type_of(name, upload)))
    return made


def _type_of(name: str, upload: Upload) -> str | None:
    kinds = {"png": "image/png", "gif": "image/gif", "jpg": "image/jpeg", "txt": "text/plain; charset=utf-8",
             "webp": "image/webp", "mp3": "audio/mpeg", "ogg": "audio/ogg", "wav": "audio/wav",
             "csv": "text/csv"}  # fmt: skip
    return kinds.get(name.rsplit(".", 1)[-1].lower(), upload.content_type)
