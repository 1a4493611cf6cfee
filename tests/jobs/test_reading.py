"""What providers say of their jobs, in all their words; and that nothing they say makes us raise."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.deferral import Deferral
from freetheai.wire.deferred import find_job_id, read_progress

KEYS = ("video", "video_result", "data")
VIDEO = {"url": "https://cdn.test/a.mp4", "duration": 8}


@pytest.mark.parametrize(
    ("http_status", "answer", "status"),
    [
        pytest.param(202, {"status": "pending", "progress": 12}, "pending", id="xAI works on it"),
        pytest.param(202, None, "pending", id="accepted, no body"),
        pytest.param(202, {}, "pending", id="accepted, nothing in it"),
        pytest.param(200, {"status": "in_progress", "progress": 40}, "pending", id="OpenAI works on it"),
        pytest.param(200, {"status": "queued"}, "pending", id="OpenAI's queue"),
        pytest.param(200, {"task_status": "PROCESSING", "id": "1"}, "pending", id="Z.ai works on it"),
        pytest.param(200, {"status": "done", "video": VIDEO}, "done", id="xAI is done"),
        pytest.param(200, {"video": VIDEO}, "done", id="a result without a word"),
        pytest.param(200, {"data": [{"b64_json": "aGk="}]}, "done", id="images without a word"),
        pytest.param(200, {"task_status": "SUCCESS", "video_result": [VIDEO]}, "done", id="Z.ai is done"),
        pytest.param(200, {"status": "failed", "error": {"code": "x", "message": "no"}}, "failed", id="it failed"),
        pytest.param(200, {"task_status": "FAIL"}, "failed", id="Z.ai failed"),
        pytest.param(200, {"status": "done", "video": {**VIDEO, "respect_moderation": False}}, "failed", id="blocked"),
        pytest.param(200, {"status": "expired"}, "expired", id="gone over there"),
    ],
)
def test_a_poll_says_one_of_four_things(http_status: int, answer: Any, status: str) -> None:
    progress = read_progress(answer, http_status, KEYS)
    assert progress.status == status
    assert (progress.failure is not None) == (status == "failed")
    assert bool(progress.result) == (status == "done")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="no JSON"),
        pytest.param([], id="a list"),
        pytest.param({}, id="nothing"),
        pytest.param({"status": "dancing"}, id="a word nobody knows"),
        pytest.param({"error": {"message": "slow down", "code": 429}}, id="an error of the poll"),
        pytest.param({"status": "done"}, id="done without a result"),
        pytest.param({"status": "done", "video": {}}, id="done with an empty result"),
    ],
)
def test_a_good_status_that_says_nothing_is_a_failed_poll_of_a_job_that_goes_on(answer: Any) -> None:
    progress = read_progress(answer, 200, KEYS)
    assert (progress.status, progress.result) == ("pending", [])
    assert progress.failure is not None and progress.failure.kind in ("malformed", "answer")


def test_what_is_held_back_is_judged_as_content() -> None:
    two = [{"url": "a"}, {"url": "b", "respect_moderation": False}]
    assert read_progress({"status": "done", "data": two}, 200, KEYS).result == two[:1]
    failure = read_progress({"status": "done", "data": two[1:]}, 200, KEYS).failure
    assert failure is not None and failure.code == "content_policy_violation"


@pytest.mark.parametrize(
    ("progress", "percent"), [(0, 0), (41.7, 41), (100, 100), (101, None), (-1, None), ("5", None), (True, None)]
)
def test_progress_is_a_percentage_or_nothing(progress: Any, percent: int | None) -> None:
    assert read_progress({"status": "pending", "progress": progress}, 202, KEYS).percent == percent


@pytest.mark.parametrize(
    ("answer", "keys", "found"),
    [
        pytest.param({"request_id": "r-1"}, ("request_id", "id"), "r-1", id="xAI"),
        pytest.param({"id": "video_1", "status": "queued"}, ("request_id", "id"), "video_1", id="OpenAI"),
        pytest.param({"id": "9", "request_id": "echo"}, ("id",), "9", id="Z.ai's echo is no id"),
        pytest.param({"task_id": 17}, ("task_id",), "17", id="a number"),
        pytest.param({"request_id": ""}, ("request_id",), "", id="empty"),
        pytest.param({"request_id": "x" * 513}, ("request_id",), "", id="endless"),
        pytest.param({"request_id": "a\nb"}, ("request_id",), "", id="two lines"),
        pytest.param({"request_id": True}, ("request_id",), "", id="a switch"),
        pytest.param("r-1", ("request_id",), "", id="no object"),
    ],
)
def test_the_job_a_provider_took_is_found_by_its_id(answer: Any, keys: tuple[str, ...], found: str) -> None:
    assert find_job_id(answer, keys) == found


@pytest.mark.parametrize(
    ("upstream_id", "path"),
    [
        ("abc-1_2", "/videos/abc-1_2"),
        ("a/../../keys", "/videos/a%2F..%2F..%2Fkeys"),
        ("..", "/videos/%2E%2E"),
        ("a?b#c", "/videos/a%3Fb%23c"),
        ("ü", "/videos/%C3%BC"),
    ],
)
def test_a_provider_s_id_stays_one_segment_of_the_path(upstream_id: str, path: str) -> None:
    assert Deferral(path="/videos/{id}", result_keys=()).path_of(upstream_id) == path


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["status", "task_status", "error", "video", "data", "progress", "usage", "url", "id"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(answer=_JSON, http_status=st.sampled_from([200, 201, 202]))
def test_no_answer_makes_the_reading_raise(answer: Any, http_status: int) -> None:
    progress = read_progress(answer, http_status, KEYS)
    assert progress.status != "done" or progress.result
    assert progress.status != "failed" or progress.failure
    find_job_id(answer, ("id", "status"))
