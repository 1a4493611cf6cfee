"""The yardstick: `passthrough.py PORT UPSTREAM` relays with Tornado and its stock curl client, and does nothing else.

Two things are set that a first attempt forgets, or the figures would be about them: more than ten calls at once, and
TCP_NODELAY.
"""

# ruff: noqa: D101, D102, D103  (forty lines)
import asyncio
import sys

from tornado.curl_httpclient import CurlAsyncHTTPClient
from tornado.web import Application, RequestHandler


class Relay(RequestHandler):
    async def post(self) -> None:
        url, body = sys.argv[2] + self.request.path, self.request.body
        is_stream = b'"stream":true' in body
        self.set_header("Content-Type", "text/event-stream" if is_stream else "application/json")
        if is_stream:
            self.request.connection.stream.set_nodelay(True)
        call = {"method": "POST", "body": body, "headers": {"Content-Type": "application/json"}, "request_timeout": 900}
        answer = await client.fetch(url, streaming_callback=self.forward if is_stream else None, **call)
        if not is_stream:
            self.write(answer.body)

    def forward(self, piece: bytes) -> None:
        self.write(piece)
        self.flush()


async def main() -> None:
    global client
    client = CurlAsyncHTTPClient(max_clients=1100)
    Application([(".*", Relay)], log_function=lambda handler: None).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
