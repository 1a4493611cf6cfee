"""xAI's images: OpenAI's answers, but sizes are ratios, and edits are JSON with the image in a data URL.

Rules:
- ``size`` becomes the nearest ``aspect_ratio``, unless the request has one; OpenAI's other words for the look of an
  image (``style``, ``background``, ``output_format`` …) are not known there and dropped, xAI's own fields pass;
- what would change what is made is refused: a ``mask``, ``stream``;
- ``deferred: true`` is sent on, as on xAI's chat (documented for chat and videos only); a job is asked for
  at the path of the POST with its id behind it.

Source: https://docs.x.ai/docs/guides/image-generations
"""

from typing import Any, Final

from adapters.deferral import Deferral
from adapters.images import (
    EDITS,
    aspect_ratio,
    data_url,
    files_named,
    images_of,
    json_call,
    plain_fields,
    read_answer,
    refuse,
    refuse_stream,
)
from adapters.media import MediaAdapter, MediaAnswer, MediaCall, MediaRequest, MediaResult
from adapters.xai.codes import CODES
from freetheai.wire.events import UpstreamFailure
from freetheai.wire.formats import Target

DEFERRAL: Final = Deferral(path="/images/generations/{id}", result_keys=("data", "images", "image"))
_RATIOS: Final = ("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3")
_UNKNOWN_THERE: Final = frozenset(
    {
        "size", "style", "background", "moderation", "output_format", "output_compression", "partial_images", "stream",
        "input_fidelity", "image[]", "images[]",
    }
)  # fmt: skip


def build(request: MediaRequest, target: Target) -> MediaCall:
    """The same wish in xAI's words.

    Raises:
        ApiError: INVALID_REQUEST: a mask, or partial images.
    """
    refuse_stream(request)
    if files_named(request, "mask") or request.fields.get("mask") is not None:
        raise refuse("mask", "this model edits whole images; leave it out.")
    fields = plain_fields(request)
    body: dict[str, Any] = {name: value for name, value in fields.items() if name not in _UNKNOWN_THERE}
    body["model"] = target.model
    if body.get("aspect_ratio") is None:
        body["aspect_ratio"] = aspect_ratio(fields.get("size"), _RATIOS)
    if request.route == EDITS and request.parts:
        images = [{"url": data_url(part), "type": "image_url"} for part in images_of(request)]
        body |= {"image": images[0]} if len(images) == 1 else {"images": images}
    return json_call(request.route.removeprefix("/v1"), body)


def read(request: MediaRequest, answer: MediaAnswer) -> MediaResult | UpstreamFailure:
    """Images, or a job."""
    return read_answer(request, answer, DEFERRAL)


ADAPTER = MediaAdapter(family="xai", format="images", build=build, read=read, codes=CODES, deferral=DEFERRAL)
