"""`scripts/bench_codecs`: what a chunk costs in the codecs, pair by pair, beside parsing and writing its JSON once.

Strategy: bytes go in and come out in one process, no socket and no loop. Figures are processor time of this thread, so
that a busy machine shows less in them, and of the quickest round; each round measures the yardstick (``orjson.loads``
and ``dumps`` of the same events) right before the codec, and the median of the rounds' ratios is what to compare
between two machines, or two moments.

- µs a chunk: fed one event a call, as upstream reads mostly come, and eight a call;
- growth: the cost around chunk 100,000 by that around chunk 1,000, one event a call;
- ms: how long converting a plain answer of 8 MB takes, of one text and of 200 calls; and how long a loop waits at most
  while it is done beside it (``codec_stalls.py``), and while requests of 8 and 32 MB are parsed.
"""

import argparse
import gc
import math
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median

import orjson

from freetheai.wire import chat, gemini, messages, responses
from freetheai.wire.formats import ByteStream, ClientFormat, Quirks, Stamp, UpstreamFormat
from freetheai.wire.request import ChatRequest
from freetheai.wire.translate import convert_body, open_stream
from scripts.benchmarks.codec_samples import KINDS, opening_and_pieces, payload, plain_answer
from scripts.benchmarks.codec_stalls import big_request, longest_wait_ms

CLIENTS: tuple[ClientFormat, ...] = (chat.CLIENT, messages.CLIENT, responses.CLIENT)
UPSTREAMS: tuple[UpstreamFormat, ...] = (chat.UPSTREAM, messages.UPSTREAM, responses.UPSTREAM, gemini.UPSTREAM)
# Aims: µs a chunk translated and relayed, growth over a stream, ms that a plain answer may keep the loop.
TRANSLATED_US, RELAYED_US, MAX_GROWTH, MAX_HOLD_MS = 3.0, 1.0, 1.25, 50.0
BODY_BYTES = 8 * 1024 * 1024
BODY_CALLS = 200
TOGETHER = 8
_EARLY, _LATE, _WINDOW, _WINDOWS = 1_000, 100_000, 100, 20

_REQUESTS = {
    "chat": b'{"model":"a/m","stream":true,"stream_options":{"include_usage":true},'
    b'"messages":[{"role":"user","content":"Hi"}],'
    b'"tools":[{"type":"function","function":{"name":"write_file"}}]}',
    "messages": b'{"model":"a/m","stream":true,"max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":2000},'
    b'"messages":[{"role":"user","content":"Hi"}],"tools":[{"name":"write_file","input_schema":{"type":"object"}}]}',
    "responses": b'{"model":"a/m","stream":true,"input":"Hi",'
    b'"tools":[{"type":"function","name":"write_file","parameters":{"type":"object"}}]}',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line: a pair, what was fed, and a value with its yardstick and aim."""

    measure: str
    client: str
    upstream: str
    value: float
    yardstick: float
    ratio: float
    aim: float

    @property
    def is_met(self) -> bool:
        """Whether the value keeps within its aim."""
        return self.value <= self.aim


def main() -> int:
    """Run; a missed aim is shown, not an error."""
    args = _arguments()
    figures: list[Figure] = []
    rounds = 3 if args.quick else 9
    for kind in args.kind or KINDS:
        for client, upstream in _pairs():
            for together in (1, TOGETHER):
                figures.append(_chunk_figure(client, upstream, kind, together, rounds))
    for client, upstream in _pairs():
        figures.append(_growth_figure(client, upstream))
    for client, upstream in _pairs():
        for calls in (0, BODY_CALLS):
            figures += _body_figures(client, upstream, calls, 3 if args.quick else 5)
    figures += [_parse_figure(megabytes, 2 if args.quick else 4) for megabytes in (8, 32)]
    print(_table(figures))
    machine = f"Python {platform.python_version()}, orjson {orjson.__version__}, {platform.machine()}"
    print(f"\n- {machine}; ratio: by loads + dumps of the same JSON in the same round")
    if args.json is not None:
        lines = [{**asdict(one), "is_met": one.is_met} for one in figures]
        document = {"machine": machine, "is_quick": bool(args.quick), "figures": lines}
        args.json.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench_codecs", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: less exact")
    parser.add_argument("--kind", action="append", choices=KINDS, help="this kind of stream alone; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same figures to FILE as JSON")
    return parser.parse_args()


def _pairs() -> Iterator[tuple[ClientFormat, UpstreamFormat]]:
    return ((client, upstream) for client in CLIENTS for upstream in UPSTREAMS)


def _request(client: ClientFormat) -> ChatRequest:
    return client.parse(_REQUESTS[client.name])


def _stamp(client: ClientFormat) -> Stamp:
    return Stamp(id=f"{client.id_prefix}0123456789abcdef", created_s=1790000000, model="a/m", origin="family/model")


def _open(client: ClientFormat, upstream: UpstreamFormat) -> ByteStream:
    return open_stream(client, upstream, _request(client), _stamp(client), Quirks())


def _chunk_figure(
    client: ClientFormat, upstream: UpstreamFormat, kind: str, together: int, rounds: int, chunks: int = 4000
) -> Figure:
    opening, pieces = opening_and_pieces(upstream.name, kind)
    events = list(islice(pieces, chunks))
    reads = [b"".join(events[start : start + together]) for start in range(0, chunks, together)]
    values: list[tuple[float, float]] = []
    for _ in range(rounds):
        stream = _open(client, upstream)
        stream.feed(opening)
        yardstick = _yardstick_us(events)
        values.append((_feed_us(stream, reads) / chunks, yardstick))
        _check(stream)
    name = f"{kind}, {together} a read"
    return _figure(name, client, upstream, values, RELAYED_US if client.name == upstream.name else TRANSLATED_US)


def _growth_figure(client: ClientFormat, upstream: UpstreamFormat, rounds: int = 3) -> Figure:
    pairs = [_early_and_late_us(client, upstream) for _ in range(rounds)]
    growth = median(late / early for early, late in pairs)
    return Figure(
        measure="chunk 100,000 by chunk 1,000",
        client=client.name,
        upstream=upstream.name,
        value=growth,
        yardstick=min(early for early, _ in pairs),
        ratio=growth,
        aim=MAX_GROWTH,
    )


def _early_and_late_us(client: ClientFormat, upstream: UpstreamFormat) -> tuple[float, float]:
    opening, pieces = opening_and_pieces(upstream.name, "text")
    stream = _open(client, upstream)
    stream.feed(opening)
    span = _WINDOW * _WINDOWS
    _feed_us(stream, list(islice(pieces, _EARLY)))
    early = _windows_us(stream, pieces)
    for _ in range(_EARLY + span, _LATE, span):
        _feed_us(stream, list(islice(pieces, span)))
    late = _windows_us(stream, pieces)
    _check(stream)
    return early, late


def _windows_us(stream: ByteStream, pieces: Iterator[bytes]) -> float:
    """µs a chunk: the lower quartile of some windows, so that interruptions do not count."""
    windows = [list(islice(pieces, _WINDOW)) for _ in range(_WINDOWS)]
    return sorted(_feed_us(stream, window) / _WINDOW for window in windows)[_WINDOWS // 4]


def _body_figures(client: ClientFormat, upstream: UpstreamFormat, calls: int, rounds: int) -> list[Figure]:
    data = plain_answer(upstream.name, BODY_BYTES, calls)
    request, stamp = _request(client), _stamp(client)
    values: list[tuple[float, float]] = []
    for _ in range(rounds):
        began = time.thread_time()
        orjson.dumps(orjson.loads(data))
        middle = time.thread_time()
        result = convert_body(client, upstream, request, stamp, Quirks(), data)
        ended = time.thread_time()
        if result.failure is not None:
            raise RuntimeError(f"{upstream.name} to {client.name}: {result.failure}")
        values.append(((ended - middle) * 1e3, (middle - began) * 1e3))
    name = f"8 MB, {calls} calls" if calls else "8 MB, one text"
    took = _figure(f"{name}: ms to convert", client, upstream, values, math.inf)
    convert = partial(convert_body, client, upstream, request, stamp, Quirks(), data)
    waited_ms, took_ms = longest_wait_ms(convert, len(data), rounds)
    names = {"measure": f"{name}: ms the loop waits", "client": client.name, "upstream": upstream.name}
    return [
        took,
        Figure(**names, value=waited_ms, yardstick=took_ms, ratio=waited_ms / took_ms, aim=MAX_HOLD_MS),
    ]


def _parse_figure(megabytes: int, rounds: int) -> Figure:
    data = big_request(megabytes * 1024 * 1024)
    waited_ms, took_ms = longest_wait_ms(partial(chat.CLIENT.parse, data), len(data), rounds)
    return Figure(
        measure=f"request of {megabytes} MB: ms the loop waits (beside: ms to parse)",
        client="chat",
        upstream="client",
        value=waited_ms,
        yardstick=took_ms,
        ratio=waited_ms / took_ms,
        aim=MAX_HOLD_MS,
    )


def _figure(
    name: str, client: ClientFormat, upstream: UpstreamFormat, values: Sequence[tuple[float, float]], aim: float
) -> Figure:
    return Figure(
        measure=name,
        client=client.name,
        upstream=upstream.name,
        value=min(value for value, _ in values),
        yardstick=min(yardstick for _, yardstick in values),
        ratio=median(value / yardstick for value, yardstick in values),
        aim=aim,
    )


def _yardstick_us(events: Sequence[bytes]) -> float:
    texts = [payload(event) for event in events]
    loads, dumps = orjson.loads, orjson.dumps
    gc.collect()
    began = time.thread_time_ns()
    for text in texts:
        dumps(loads(text))
    return (time.thread_time_ns() - began) / 1e3 / len(texts)


def _feed_us(stream: ByteStream, reads: Sequence[bytes]) -> float:
    feed = stream.feed
    began = time.thread_time_ns()
    for data in reads:
        feed(data)
    return (time.thread_time_ns() - began) / 1e3


def _check(stream: ByteStream) -> None:
    if stream.failure is not None or not stream.has_output:
        raise RuntimeError(f"the stream did not pass: {stream.failure}")


def _table(figures: Sequence[Figure]) -> str:
    lines = []
    for measure in dict.fromkeys(one.measure for one in figures):
        lines.append(f"\n{measure}")
        for one in figures:
            if one.measure == measure:
                verdict = "" if math.isinf(one.aim) else f"  aim ≤ {one.aim:g} {'met' if one.is_met else 'MISSED'}"
                pair = f"{one.upstream} → {one.client}"
                numbers = f"{one.value:8.2f}  beside {one.yardstick:6.2f}  ratio {one.ratio:5.2f}"
                lines.append(f"  {pair:<24}{numbers}{verdict}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
