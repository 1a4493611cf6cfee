"""The scripted provider as a program of its own: for load, and for clients that want another process.

    python tests/fakes/serve.py --pieces 200 --delay-ms 5

It prints its base URL first and serves until it is killed. ``/chat/completions`` (also under ``/v1``) streams
``--pieces`` pieces, or answers with one plain completion if the request does not ask for a stream; ``/fast`` floods
with ``--fast-mb``; ``/silent`` accepts and says nothing.
"""

import argparse
import asyncio
import contextlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fakes.upstream import Fast, Request, ScriptedUpstream, Silent, chat_body, chat_stream, stream


async def serve(port: int, pieces: int, delay_ms: float, fast_mb: int) -> None:
    streamed = chat_stream(["word "] * pieces, delay_s=delay_ms / 1000)
    plain = chat_body("word " * pieces)

    def chat(request: Request) -> object:
        return streamed if request.json().get("stream") else plain

    async with ScriptedUpstream(port=port) as upstream:
        upstream.keep_requests = False
        upstream.routes = {
            "/v1/chat/completions": chat,
            "/chat/completions": chat,
            "/fast": stream([Fast(fast_mb * 2**20)]),
            "/silent": Silent(),
        }
        print(upstream.url, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--pieces", type=int, default=20)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    parser.add_argument("--fast-mb", type=int, default=200)
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(options.port, options.pieces, options.delay_ms, options.fast_mb))


if __name__ == "__main__":
    main()
