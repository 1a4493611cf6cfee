"""Where things stand in a Chat Completions chunk or answer, in the places compatible servers put them.

Rules: total; a value of the wrong type counts as absent; nothing is changed in what is read.
"""

from typing import Any, Final, Literal

from freetheai.wire.citations import citation_of, linked
from freetheai.wire.error_body import ErrorFields, error_fields, is_error_body
from freetheai.wire.events import Citation, Usage
from freetheai.wire.template import volatile
from freetheai.wire.usage import from_chat

REASONING_KEYS = ("reasoning_content", "reasoning", "reasoning_text")

# MiMo reports its filter as an answer with this sentence and finish reason content_filter: not the model's words.
_FILTER_SENTENCE = "The request was rejected because it was considered high risk"

# What Gemini's OpenAI-compatible face puts around a thought that stands in the content.
_THOUGHT: Final = "<thought>"
THOUGHT_END: Final = "</thought>"

# Members of a chunk that may change with every chunk and tell us nothing.
VOLATILE: Final = volatile("created", "obfuscation")

# kind, text (base64 data of media), media type of media
OutputPart = tuple[Literal["text", "thinking", "refusal", "media"], str, str]


def choice_index(choice: dict[str, Any], position: int) -> int:
    """The index of a choice, its place where it tells none."""
    index = choice.get("index")
    return index if type(index) is int else position


def first_choice(chunk: dict[str, Any]) -> dict[str, Any] | None:
    """The choice with index 0; None in chunks without one (usage, keep-alives, choices beyond the first)."""
    choices = chunk.get("choices")
    if not isinstance(choices, list):
        return None
    for position, choice in enumerate(choices):
        if isinstance(choice, dict) and choice_index(choice, position) == 0:
            return choice
    return None


def error_of(chunk: dict[str, Any], choice: dict[str, Any] | None) -> ErrorFields | None:
    """The error a chunk carries, wherever it stands."""
    if chunk.get("error"):
        return error_fields(chunk)
    groq = chunk.get("x_groq")
    if isinstance(groq, dict) and groq.get("error"):
        return error_fields(groq)
    if choice is None:
        return error_fields(chunk) if not chunk.get("choices") and is_error_body(chunk) else None
    return error_fields(choice) if choice.get("error") else None


def usage_of(chunk: dict[str, Any], choice: dict[str, Any] | None) -> Usage | None:
    """The usage a chunk carries: at its top, in the choice (Kimi) or in ``x_groq``."""
    usage = chunk.get("usage")
    if usage is None and choice is not None:
        usage = choice.get("usage")
    if usage is None and isinstance(groq := chunk.get("x_groq"), dict):
        usage = groq.get("usage")
    return None if usage is None else from_chat(usage)


def finish_word(choice: dict[str, Any]) -> str:
    """The finish reason as written; "" where there is none yet."""
    word = choice.get("finish_reason")
    return word if isinstance(word, str) and word != "null" else ""


def logprobs_of(choice: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The content entries of a choice's logprobs."""
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    return [entry for entry in content if isinstance(entry, dict)] if isinstance(content, list) and content else None


def reasoning_of(delta: dict[str, Any]) -> str:
    """Reasoning text of a delta or message: the first field that is filled, never two of them."""
    for key in REASONING_KEYS:
        value = delta.get(key)
        if value:
            return value if isinstance(value, str) else "".join(text for _, text, _ in output_parts(value))
    return ""


def annotated(annotations: Any) -> list[Citation]:
    """The links that the ``annotations`` of a delta or message cite."""
    found = (citation_of(item) for item in annotations) if isinstance(annotations, list) else ()
    return [citation for citation in found if citation is not None]


def listed_links(chunk: dict[str, Any]) -> list[Citation]:
    """The links that a provider lists for the whole answer (xAI, Perplexity)."""
    listed = chunk.get("citations")
    found = (linked(url) for url in listed) if isinstance(listed, list) else ()
    return [citation for citation in found if citation is not None]


def whole_calls(calls: list[Any]) -> list[dict[str, Any]]:
    """The calls of a whole message, numbered: a repeated index or id must not join what stands side by side."""
    listed = [call for call in calls if isinstance(call, dict)]
    return [{**call, "index": number} for number, call in enumerate(listed)]


def plain_text_key(chunk: dict[str, Any]) -> str:
    """The member that holds the text of a chunk which is nothing else but that one text; "" for other chunks."""
    choices = chunk.get("choices")
    choice = choices[0] if isinstance(choices, list) and len(choices) == 1 else None
    if not isinstance(choice, dict) or choice.get("finish_reason") is not None or chunk.get("usage") is not None:
        return ""
    delta = choice.get("delta")
    if not isinstance(delta, dict) or "message" in choice or "usage" in choice or choice.get("logprobs"):
        return ""
    filled = [key for key, value in delta.items() if value and key != "role"]
    key = filled[0] if len(filled) == 1 else ""
    return key if (key == "content" or key in REASONING_KEYS) and isinstance(delta[key], str) else ""


def plain_call_index(chunk: dict[str, Any]) -> int:
    """The index of the call that a chunk, which is nothing else, brings more arguments for; -1 for other chunks."""
    choices = chunk.get("choices")
    choice = choices[0] if isinstance(choices, list) and len(choices) == 1 else None
    if not isinstance(choice, dict) or choice.get("finish_reason") is not None or chunk.get("usage") is not None:
        return -1
    delta = choice.get("delta")
    if not isinstance(delta, dict) or "message" in choice or "usage" in choice or choice.get("logprobs"):
        return -1
    pieces = delta.get("tool_calls")
    if [key for key, value in delta.items() if value and key != "role"] != ["tool_calls"]:
        return -1
    piece = pieces[0] if isinstance(pieces, list) and len(pieces) == 1 else None
    if not isinstance(piece, dict) or any(piece.get(key) for key in piece if key not in ("index", "type", "function")):
        return -1
    body, index = piece.get("function"), piece.get("index")
    if not isinstance(body, dict) or any(body.get(key) for key in body if key != "arguments"):
        return -1
    return index if type(index) is int and isinstance(body.get("arguments"), str) else -1


def is_thought(delta: dict[str, Any]) -> bool:
    """Whether the content of this delta is a thought summary (Gemini's OpenAI-compatible face)."""
    extra = delta.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    return isinstance(google, dict) and google.get("thought") is True


def thought_and_answer(content: str) -> list[tuple[Literal["thinking", "text"], str]]:
    """The content of a whole message that is flagged as a thought: only what stands between its tags is one.

    The flag says no more than that there is a thought: it also stands on signed messages that are all answer.
    """
    if not content.startswith(_THOUGHT):
        return [("text", content)]
    thought, _, answer = content.removeprefix(_THOUGHT).partition(THOUGHT_END)
    answer = answer.lstrip("\r\n")
    pieces: list[tuple[Literal["thinking", "text"], str]] = [("thinking", thought), ("text", answer)]
    return [piece for piece in pieces if piece[1]]


def thought_piece(content: str) -> str:
    """A flagged piece of a stream without the tag that begins the thought."""
    return content.removeprefix(_THOUGHT)


def output_parts(content: Any) -> list[OutputPart]:
    """The pieces of content that is an array (or a single part, or a string)."""
    parts: list[OutputPart] = []
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str):
            parts.append(("text", part, ""))
        elif isinstance(part, dict):
            parts.extend(_pieces_of(part))
    return [part for part in parts if part[1]]


def _pieces_of(part: dict[str, Any]) -> list[OutputPart]:
    thinking = part.get("thinking")
    if thinking:
        return [("thinking", "".join(text for _, text, _ in output_parts(thinking)), "")]
    if part.get("image_url"):
        return [_image(part["image_url"])]
    refusal, text = part.get("refusal"), part.get("text")
    if isinstance(refusal, str):
        return [("refusal", refusal, "")]
    return [("text", text, "")] if isinstance(text, str) else []


def _image(image: Any) -> OutputPart:
    url = image.get("url") if isinstance(image, dict) else image
    if not isinstance(url, str):
        return ("text", "", "")
    media_type, data = split_data_url(url)
    # An image that is only linked can be shown by any client that renders Markdown.
    return ("media", data, media_type) if data else ("text", f"![image]({url})", "")


def split_data_url(url: str) -> tuple[str, str]:
    """Media type and base64 data of a data URL; two empty strings for any other URL."""
    if url[:5].lower() != "data:":
        return "", ""
    head, comma, data = url[5:].partition(",")
    if not comma or ";base64" not in head.lower():
        return "", ""
    return head.partition(";")[0].strip().lower() or "application/octet-stream", data


def is_filter_sentence(content: Any) -> bool:
    """Whether content is a provider's own words about its filter."""
    return isinstance(content, str) and content.strip().startswith(_FILTER_SENTENCE)
