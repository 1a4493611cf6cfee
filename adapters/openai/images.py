"""OpenAI's images, and servers that make them the same way: JSON for generations, a form for edits.

A server that defers (``deferred: true``) answers an id, and is asked at the path of the POST with the id behind it.
Source: https://platform.openai.com/docs/api-reference/images
"""

from collections.abc import Mapping
from typing import Final

from adapters.deferral import Deferral
from adapters.images import EDITS, HIDDEN, is_true, json_call, plain_fields, read_answer
from adapters.media import MediaAdapter, MediaAnswer, MediaCall, MediaRequest, MediaResult, MediaStream, bare_type
from adapters.openai.codes import CODES
from freetheai.wire.events import UpstreamFailure
from freetheai.wire.formats import Target
from freetheai.wire.image_stream import ImageStream, WholeImages
from freetheai.wire.multipart import text_part, write_form

DEFERRAL: Final = Deferral(path="/images/generations/{id}", result_keys=("data",))


def build(request: MediaRequest, target: Target) -> MediaCall:
    """The client's own request with the provider's name of the model."""
    path = request.route.removeprefix("/v1")
    accept = "text/event-stream" if is_true(request.fields.get("stream")) else "application/json"
    if not request.parts:
        return json_call(path, {**plain_fields(request), "model": target.model}, accept=accept)
    model = text_part("model", target.model)
    sent = [part for part in request.parts if part.filename is not None or part.name not in HIDDEN]
    parts = [model if part.name == "model" and part.filename is None else part for part in sent]
    return MediaCall(
        path=path,
        pieces=write_form(parts, request.boundary),
        content_type=f"multipart/form-data; boundary={request.boundary}",
        accept=accept,
    )


def read(request: MediaRequest, answer: MediaAnswer) -> MediaResult | UpstreamFailure:
    """Images, or a job."""
    return read_answer(request, answer, DEFERRAL)


def open_stream(request: MediaRequest, headers: Mapping[str, str]) -> MediaStream | None:
    """Events, whether the provider sends pieces or the whole at once."""
    if bare_type(headers) == "text/event-stream":
        return ImageStream()
    return WholeImages("image_edit" if request.route == EDITS else "image_generation")


ADAPTER = MediaAdapter(
    family="openai", format="images", build=build, read=read, open=open_stream, codes=CODES, deferral=DEFERRAL
)
