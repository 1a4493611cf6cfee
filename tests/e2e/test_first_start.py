"""What a newcomer sees: no configuration, everything embedded, a real model's answer, and the same again next time."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import openai
import psutil
from anthropic import Anthropic
from openai import OpenAI

from support.program import free_port

READY = "Ctrl-C stops."


class Newcomer:
    """`freetheai serve --announce` on defaults but for the ports and the folder."""

    def __init__(self, folder: Path) -> None:
        self.data_dir = folder / "data"
        self.output = folder / "output.txt"
        self.port = free_port()
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("FREETHEAI_")}
        self.environment |= {
            "FREETHEAI_SERVER_PORT": str(self.port),
            "FREETHEAI_SERVER_ADMIN_PORT": str(free_port()),
            "FREETHEAI_SERVER_DATA_DIR": str(self.data_dir),
        }
        self.folder = folder

    def start(self) -> str:
        """Start it and return all that it has printed when it is ready."""
        command = [sys.executable, "-m", "freetheai", "serve", "--announce"]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=output, env=self.environment, cwd=self.folder
            )
        deadline_s = time.monotonic() + 60
        while READY not in (text := self.output.read_text()):
            assert self.process.poll() is None, text
            assert time.monotonic() < deadline_s, text
            time.sleep(0.05)
        return text

    def left_over(self) -> list[int]:
        """Processes that work in the data folder."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            if str(self.data_dir) in " ".join(process.info["cmdline"] or []):
                found.append(process.pid)
        return found


def test_a_first_start_streams_a_real_answer_and_a_second_keeps_everything(tmp_path: Path) -> None:
    newcomer = Newcomer(tmp_path)
    text = newcomer.start()
    (key,) = set(re.findall(r"fta_[0-9A-Za-z]{40}", text))
    assert f"curl -N http://127.0.0.1:{newcomer.port}/v1/chat/completions" in text
    pieces = answer(newcomer, key)
    assert len(pieces) > 3, "a real answer comes in pieces"

    speak_three_formats(newcomer, key)

    newcomer.process.send_signal(signal.SIGINT)
    assert newcomer.process.wait(20) == 0
    assert not newcomer.left_over()
    assert not (newcomer.data_dir / "lock").exists()

    text = newcomer.start()
    assert "fta_" not in text, "no new key unasked"
    assert answer(newcomer, key), "the key of the first start still works"

    newcomer.process.kill()
    newcomer.process.wait(20)
    newcomer.start()
    assert answer(newcomer, key), "a kill blocks nothing and loses nothing"
    newcomer.process.send_signal(signal.SIGTERM)
    assert newcomer.process.wait(20) == 0
    assert not newcomer.left_over()


def answer(newcomer: Newcomer, key: str) -> list[str]:
    with OpenAI(api_key=key, base_url=f"http://127.0.0.1:{newcomer.port}/v1", max_retries=0, timeout=60) as client:
        chunks = client.chat.completions.create(
            model="loc/smollm2-135m",
            messages=[{"role": "user", "content": "Count from one to five."}],
            stream=True,
            max_tokens=12,
            temperature=0,
        )
        try:
            return [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
        except openai.APIError as error:
            raise AssertionError(f"{error}: {newcomer.output.read_text()[-2000:]}") from error


def speak_three_formats(newcomer: Newcomer, key: str) -> None:
    """The real llama.cpp answers all three formats, streamed and plain."""
    root = f"http://127.0.0.1:{newcomer.port}"
    alias, prompt = "loc/smollm2-135m", "Say hello."
    conversation: list[Any] = [{"role": "user", "content": prompt}]
    with Anthropic(api_key=key, base_url=root, max_retries=0, timeout=60) as anthropic:
        messages = anthropic.messages
        plain = messages.create(model=alias, messages=conversation, max_tokens=8)
        assert plain.usage.output_tokens > 0
        with messages.stream(model=alias, messages=conversation, max_tokens=8) as running:
            assert "".join(running.text_stream)
        assert messages.count_tokens(model=alias, messages=conversation).input_tokens > 0

    with OpenAI(api_key=key, base_url=f"{root}/v1", max_retries=0, timeout=60) as client:
        responses = client.responses
        assert responses.create(model=alias, input=prompt, max_output_tokens=16).output_text
        with responses.stream(model=alias, input=prompt, max_output_tokens=16) as following:
            following.until_done()
            assert following.get_final_response().output_text
