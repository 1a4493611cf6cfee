"""Answers that cite links, as each upstream format has them."""

from typing import Any

import orjson

from support import chat_streams, gemini_streams, messages_streams, responses_streams

Json = dict[str, Any]

URL = "https://a.example/"


def spans_of(texts: list[str]) -> list[tuple[int, int]]:
    """Where each of the texts stands in all of them."""
    ends = [len("".join(texts[: number + 1])) for number in range(len(texts))]
    return [(end - len(text), end) for end, text in zip(ends, texts, strict=True)]


def answer(upstream: str, texts: list[str], *, is_plain: bool) -> bytes:
    """An answer of which each text cites a link of its own."""
    whole, spans = "".join(texts), spans_of(texts)
    if upstream == "chat":
        notes = [
            {
                "type": "url_citation",
                "url_citation": {"url": URL + str(n), "title": f"T{n}", "content": "Q"} | _span(span),
            }
            for n, span in enumerate(spans)
        ]
        message = {"role": "assistant", "content": whole, "annotations": notes}
        if is_plain:
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return orjson.dumps({"id": "chatcmpl-up", "object": "chat.completion", "choices": [choice]})
        made: Any = chat_streams
        pieces = [made.chunk({"content": text}) for text in texts]
        return made.stream(*pieces, made.chunk({"annotations": notes[:1]}), made.chunk({"annotations": notes}, "stop"))
    if upstream == "messages":
        return _messages(texts, is_plain=is_plain)
    if upstream == "responses":
        return _responses(texts, is_plain=is_plain)
    return _gemini(whole, spans, is_plain=is_plain)


def _span(span: tuple[int, int]) -> Json:
    return {"start_index": span[0], "end_index": span[1]}


def _messages(texts: list[str], *, is_plain: bool) -> bytes:
    made = messages_streams
    values: list[Json] = []
    blocks: list[Json] = []
    for number, text in enumerate(texts):
        link = {"type": "web_search_result_location", "url": URL + str(number), "title": f"T{number}"}
        link |= {"cited_text": "Q", "encrypted_index": "EqcB"}
        cited = {"type": "citations_delta", "citation": link}
        said = {"type": "text_delta", "text": text}
        values += made.block(number, {"type": "text", "text": ""}, *((said, cited) if number % 2 else (cited, said)))
        blocks.append({"type": "text", "text": text, "citations": [link]})
    if is_plain:
        return orjson.dumps({**made.start()["message"], "content": blocks, "stop_reason": "end_turn"})
    return made.stream(made.start(), values, made.end())


def _responses(texts: list[str], *, is_plain: bool) -> bytes:
    made = responses_streams
    events: list[Json] = []
    output: list[Json] = []
    for number, text in enumerate(texts):
        note = {"type": "url_citation", "url": URL + str(number), "title": f"T{number}", **_span((0, len(text)))}
        place = {"item_id": f"msg_{number}", "output_index": number, "content_index": 0}
        told = made.message_events(number, [text[:1], text[1:]], f"msg_{number}")
        item = told[-1]["item"]
        item["content"][0]["annotations"] = [note]
        added = made.event("output_text.annotation.added", **place, annotation_index=0, annotation=note)
        events += [*told[:-3], added, *told[-3:]]
        output.append(item)
    return orjson.dumps(made.response(output)) if is_plain else made.stream([*made.begin(), *events, made.end(*output)])


def _gemini(whole: str, spans: list[tuple[int, int]], *, is_plain: bool) -> bytes:
    made = gemini_streams
    chunks = [{"web": {"uri": URL + str(number), "title": f"T{number}"}} for number in range(len(spans))]
    supports = [
        {
            "segment": {
                "startIndex": len(whole[:start].encode()),
                "endIndex": len(whole[:end].encode()),
                "text": whole[start:end],
            },
            "groundingChunkIndices": [number],
        }
        for number, (start, end) in enumerate(spans)
    ]
    last = made.chunk(finish="STOP", **made.usage())
    plain = made.chunk({"text": whole}, finish="STOP", **made.usage())
    for made_chunk in (last, plain):
        made_chunk["candidates"][0]["groundingMetadata"] = {"groundingChunks": chunks, "groundingSupports": supports}
    if is_plain:
        return orjson.dumps(plain)
    return made.stream(*(made.chunk({"text": piece}) for piece in (whole[:1], whole[1:])), last)
