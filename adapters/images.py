"""What the image adapters share: fields that mean the same everywhere, refusals, and the reading of OpenAI's shape."""

import base64
from collections.abc import Mapping, Sequence
from math import log
from typing import Any, Final

import orjson

from adapters.deferral import Accepted, Deferral
from adapters.media import MediaAnswer, MediaCall, MediaRequest, MediaResult
from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire.deferred import find_job_id
from freetheai.wire.events import UpstreamFailure
from freetheai.wire.images import read_images, read_usage
from freetheai.wire.jsontext import try_loads
from freetheai.wire.multipart import FormPart

EDITS: Final = "/v1/images/edits"
# Names under which a form brings the images to be edited.
_IMAGE_NAMES: Final = ("image", "image[]", "images", "images[]")
# What names the client's users or stores content: never sent, as for generations.
HIDDEN: Final = frozenset({"user", "user_id", "metadata", "safety_identifier", "store"})
# What of a form are numbers or switches in JSON.
_WHOLE: Final = ("n", "output_compression", "partial_images")
_SWITCHES: Final = {"true": True, "false": False}


def json_call(path: str, body: Mapping[str, Any], *, accept: str = "application/json") -> MediaCall:
    """A call whose body is JSON; nulls say nothing and are left out."""
    data = orjson.dumps({name: value for name, value in body.items() if value is not None})
    return MediaCall(path=path, body=data, accept=accept)


def refuse(field: str, why: str) -> ApiError:
    """The 400 for what this provider can't make of a request."""
    return ApiError(errors.INVALID_REQUEST, f"{field}: {why}")


def refuse_stream(request: MediaRequest) -> None:
    """Raise a 400 where partial images are asked of a provider that sends none."""
    if is_true(request.fields.get("stream")):
        raise refuse("stream", "this model sends no partial images; leave it out or send false.")


def refuse_several(request: MediaRequest) -> None:
    """Raise a 400 where several images are asked of a provider that makes one at a time."""
    if number_of(request) > 1:
        raise refuse("n", "this model makes one image at a time.")


def number_of(request: MediaRequest) -> int:
    """How many images are asked for; 1 where it does not say, or says nonsense that the provider will refuse."""
    value = request.fields.get("n")
    text = str(value) if not isinstance(value, bool) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def is_true(value: Any) -> bool:
    """Whether a field is switched on, in JSON or in a form."""
    return value is True or (isinstance(value, str) and value.strip().lower() in ("true", "1"))


def images_of(request: MediaRequest) -> list[FormPart]:
    """The images that a form brings to be edited."""
    return [part for part in request.parts if part.filename is not None and part.name in _IMAGE_NAMES]


def files_named(request: MediaRequest, name: str) -> list[FormPart]:
    """The files of a form under ``name``."""
    return [part for part in request.parts if part.filename is not None and part.name == name]


def data_url(part: FormPart) -> str:
    """A file as a data URL."""
    return f"data:{type_of(part)};base64,{base64_of(part)}"


def base64_of(part: FormPart) -> str:
    """A file's bytes as text."""
    return base64.b64encode(part.data).decode()


def type_of(part: FormPart) -> str:
    """A file's type: what it claims, else what its first bytes say, else PNG."""
    claimed = part.content_type.partition(";")[0].strip().lower()
    if claimed.startswith("image/"):
        return claimed
    head = part.data[:12]
    if head.startswith(b"\xff\xd8"):
        return "image/jpeg"
    return "image/webp" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else "image/png"


def plain_fields(request: MediaRequest) -> dict[str, Any]:
    """What may be sent of the request's texts, as JSON has them: a form's numbers and switches are no texts there."""
    sent = {name: value for name, value in request.fields.items() if name not in HIDDEN}
    return {name: _plain(name, value) for name, value in sent.items()} if request.parts else sent


def _plain(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if name in _WHOLE and text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    return _SWITCHES.get(text.lower(), value) if name in ("stream", "deferred") else value


def aspect_ratio(size: Any, known: Sequence[str]) -> str | None:
    """The ratio of ``known`` (`16:9`) that is nearest to OpenAI's ``size`` (`1536x1024`); None for `auto` or none."""
    parts = str(size).lower().split("x") if isinstance(size, str) else []
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and 0 < int(part) < 100_000 for part in parts):
        return None
    wanted = log(int(parts[0]) / int(parts[1]))

    def distance(ratio: str) -> float:
        width, _, height = ratio.partition(":")
        return abs(log(int(width) / int(height)) - wanted)

    return min(known, key=distance)


def read_answer(request: MediaRequest, answer: MediaAnswer, deferral: Deferral | None) -> MediaResult | UpstreamFailure:
    """Images in OpenAI's shape, as the value that the handler completes; or the job taken, where one was asked for."""
    value = try_loads(answer.body)
    read = read_images(value, answer.status)
    if isinstance(read, UpstreamFailure):
        if read.kind == "empty" and deferral is not None and is_true(request.fields.get("deferred")):
            upstream_id = find_job_id(value, deferral.id_keys)
            if upstream_id:
                return MediaResult(body=b"", value=Accepted(upstream_id))
        return read
    return MediaResult(body=b"", value=read, usage=read_usage(read.get("usage")))
