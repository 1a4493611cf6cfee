"""What the video adapters share: videos are always jobs."""

from adapters.deferral import Accepted, Deferral
from adapters.media import MediaAnswer, MediaResult
from freetheai.wire.deferred import find_job_id
from freetheai.wire.error_body import error_fields, failure_from, is_error_body
from freetheai.wire.events import UpstreamFailure
from freetheai.wire.jsontext import try_loads


def read_accepted(answer: MediaAnswer, deferral: Deferral) -> MediaResult | UpstreamFailure:
    """The job that a provider took; its failure if it took none."""
    value = try_loads(answer.body)
    if isinstance(value, dict) and is_error_body(value):
        return failure_from(error_fields(value), phase="body", status=answer.status)
    upstream_id = find_job_id(value, deferral.id_keys)
    if not upstream_id:
        return UpstreamFailure(kind="malformed", phase="body", status=answer.status, message="no id of a job")
    return MediaResult(body=b"", value=Accepted(upstream_id))
