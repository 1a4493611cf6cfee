"""Videos at servers that take them as our own clients send them: a job by `POST /videos/generations`.

The state's words are OpenAI's or anyone's (``freetheai/wire/deferred.py``). Source: the shape that xAI and gateways in
front of it have in common; OpenAI's own `/videos` hands out bytes, not addresses, and is not spoken.
"""

from typing import Final

from adapters.deferral import Deferral
from adapters.images import json_call, plain_fields
from adapters.media import MediaAdapter, MediaAnswer, MediaCall, MediaRequest, MediaResult
from adapters.openai.codes import CODES
from adapters.videos import read_accepted
from freetheai.wire.events import UpstreamFailure
from freetheai.wire.formats import Target

DEFERRAL: Final = Deferral(path="/videos/{id}", result_keys=("video", "videos", "data", "result", "output"))


def build(request: MediaRequest, target: Target) -> MediaCall:
    """The client's own request with the provider's name of the model."""
    return json_call("/videos/generations", {**plain_fields(request), "model": target.model})


def read(request: MediaRequest, answer: MediaAnswer) -> MediaResult | UpstreamFailure:
    """The job."""
    del request
    return read_accepted(answer, DEFERRAL)


ADAPTER = MediaAdapter(family="openai", format="videos", build=build, read=read, codes=CODES, deferral=DEFERRAL)
