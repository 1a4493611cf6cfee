"""Z.ai's videos: a job by `POST /videos/generations`, asked at `/async-result/{id}`.

The job is named by ``id``; ``request_id`` beside it is only an echo. Source: docs.z.ai "Generate Video (Async)" and
"Retrieve Result", read November 2026.
"""

from typing import Final

from adapters.deferral import Deferral
from adapters.images import json_call, plain_fields
from adapters.media import MediaAdapter, MediaAnswer, MediaCall, MediaRequest, MediaResult
from adapters.videos import read_accepted
from adapters.zai.codes import CODES
from freetheai.wire.events import UpstreamFailure
from freetheai.wire.formats import Target

DEFERRAL: Final = Deferral(path="/async-result/{id}", id_keys=("id",), result_keys=("video_result",))


def build(request: MediaRequest, target: Target) -> MediaCall:
    """The client's fields pass; an image to begin with is ``image_url`` there."""
    body = {**plain_fields(request), "model": target.model}
    image = body.pop("image", None)
    if image is not None and body.get("image_url") is None:
        body["image_url"] = image.get("url") if isinstance(image, dict) else image
    return json_call("/videos/generations", body)


def read(request: MediaRequest, answer: MediaAnswer) -> MediaResult | UpstreamFailure:
    """The job."""
    del request
    return read_accepted(answer, DEFERRAL)


ADAPTER = MediaAdapter(family="zai", format="videos", build=build, read=read, codes=CODES, deferral=DEFERRAL)
