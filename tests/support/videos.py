"""Videos as their clients ask for them: the requests, and a scripted provider's answers."""

import time
from typing import Any

import httpx2

from fakes.upstream import ScriptedUpstream, json_reply
from support.program import Program
from support.waiting import patient

ASK = {
    "model": "xai/video",
    "prompt": "a cat runs",
    "duration": 5,
    "aspect_ratio": "16:9",
    "image": {"url": "https://a"},
}
TAKEN = json_reply({"request_id": "up-1"})
VIDEO = {"url": "https://cdn.provider.test/v.mp4", "duration": 5, "respect_moderation": True}
DONE = json_reply({"status": "done", "video": VIDEO, "model": "grok-imagine-video", "usage": {"cost_in_usd_ticks": 9}})
PENDING = json_reply({"status": "pending", "progress": 37}, 202)
POSTED, POLLED = "/v1/videos/generations", "/v1/videos/up-1"


def post(program: Program, key: str, **changes: Any) -> httpx2.Response:
    headers = {"x-api-key": key}
    return httpx2.post(f"{program.base_url}/videos/generations", json={**ASK, **changes}, headers=headers, timeout=20)


def get(program: Program, key: str, request_id: str) -> httpx2.Response:
    return httpx2.get(f"{program.base_url}/videos/{request_id}", headers={"x-api-key": key}, timeout=20)


def begin(program: Program, key: str, upstream: ScriptedUpstream) -> str:
    upstream.routes[POSTED] = TAKEN
    answer = post(program, key)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["request_id"])


def fetch(program: Program, key: str, request_id: str, timeout_s: float = 15.0) -> httpx2.Response:
    """The answer once it is no longer `pending` (an earlier poll's answer is given again for a moment)."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        answer = get(program, key, request_id)
        if answer.status_code != 202:
            return answer
        assert time.monotonic() < deadline_s, "never became ready"
        time.sleep(0.1)


wait_until = patient(15.0)
