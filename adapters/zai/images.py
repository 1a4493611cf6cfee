"""Z.ai's images: one at a time, from text, as an address. Source: docs.z.ai "Generate Image", read November 2026."""

from typing import Final

from adapters.images import EDITS, json_call, plain_fields, read_answer, refuse, refuse_several, refuse_stream
from adapters.media import MediaAdapter, MediaAnswer, MediaCall, MediaRequest, MediaResult
from adapters.zai.codes import CODES
from freetheai.wire.events import UpstreamFailure
from freetheai.wire.formats import Target

# Addresses are all it answers; the rest it does not know.
_UNKNOWN_THERE: Final = frozenset(
    {"n", "style", "background", "output_format", "partial_images", "stream", "deferred", "response_format"}
)


def build(request: MediaRequest, target: Target) -> MediaCall:
    """The wish without what is not known there.

    Raises:
        ApiError: INVALID_REQUEST: edits, several images, partial images, or bytes instead of an address.
    """
    refuse_stream(request)
    refuse_several(request)
    if request.route == EDITS:
        raise refuse("image", "this model makes images from text only.")
    if request.fields.get("response_format") == "b64_json":
        raise refuse("response_format", "this model answers addresses; send url or leave it out.")
    body = {name: value for name, value in plain_fields(request).items() if name not in _UNKNOWN_THERE}
    return json_call("/images/generations", {**body, "model": target.model})


def read(request: MediaRequest, answer: MediaAnswer) -> MediaResult | UpstreamFailure:
    """Images."""
    return read_answer(request, answer, None)


ADAPTER = MediaAdapter(family="zai", format="images", build=build, read=read, codes=CODES)
