"""The cases every gateway of this kind meets sooner or later: each has a recorded file, and none of them may vanish.

Where a case can't be told in one file (bytes cut anywhere), the properties of ``test_streams.py`` stand beside it.
"""

import pytest

from support.golden import GOLDEN, RULE

VECTORS = {
    "plain text": ["decode/chat/text", "decode/messages/text", "decode/responses/text", "decode/gemini/text"],
    "counts on the finish, in a chunk of their own, in every chunk": [
        "decode/chat/usage_on_finish",
        "relay/chat/asked_usage",
        "decode/chat/usage_before_finish",
        "decode/chat/usage_on_every_chunk",
    ],
    "reasoning under all three names": [
        "decode/chat/reasoning",
        "decode/chat/reasoning_content",
        "decode/chat/reasoning_text",
    ],
    "two calls, one behind the other": ["decode/chat/calls_sequential", "decode/responses/calls"],
    "two calls, interleaved": [
        "decode/chat/calls_interleaved",
        "decode/messages/calls_overlapping",
        "decode/responses/calls_interleaved",
    ],
    "calls that all have index 0": ["decode/chat/calls_all_index_0", "decode/messages/indexes_all_0"],
    "a call without arguments": [
        "decode/chat/calls_without_arguments",
        "decode/messages/call_without_arguments",
        "decode/responses/calls_without_arguments",
        "decode/gemini/calls_without_arguments",
    ],
    "arguments as an object": ["decode/chat/call_object_arguments", "decode/messages/call_filled_start"],
    "id and name in separate chunks": ["decode/chat/call_id_and_name_apart"],
    "text, a call, text": ["decode/messages/text_call_text", "decode/chat/call_then_text"],
    "thinking with signatures, and hidden": [
        "decode/messages/thinking_signed",
        "decode/messages/redacted",
        "rounds/chat_messages_interleaved",
        "rounds/responses_messages_interleaved",
        "rounds/messages_gemini_signed_call",
    ],
    "finish reason stop with calls": ["decode/chat/call_said_stop", "decode/messages/call_said_end_turn"],
    "no finish reason, but the end marker": ["decode/chat/done_without_finish", "decode/gemini/done_without_finish"],
    "the end in the middle of arguments": [
        "decode/chat/cut_in_call",
        "decode/messages/cut_in_call",
        "decode/responses/cut_in_call",
    ],
    "an error as the first frame": [
        f"decode/{name}/error_first" for name in ("chat", "messages", "responses", "gemini")
    ],
    "an error after text": [
        "decode/chat/error_after_text",
        "decode/messages/error_after_text",
        "decode/responses/error_after_text",
        "decode/gemini/error_later",
    ],
    "JSON behind `data:` without a space": ["decode/chat/mimo_data_without_space"],
    "comments, several data lines, cut characters": [
        f"decode/{name}/comments" for name in ("chat", "messages", "responses", "gemini")
    ],
    "Gemini: thoughts, STOP with calls, a blocked prompt, two parts in a frame": [
        "decode/gemini/thinking",
        "decode/gemini/calls_parallel",
        "decode/gemini/prompt_blocked",
    ],
    "Responses: items only when done, both kinds of reasoning, incomplete": [
        "decode/responses/only_done",
        "decode/responses/summary",
        "decode/responses/reasoning_text",
        "decode/responses/call_cut_by_length",
    ],
    "a frame with prices after the end": ["decode/chat/zen_cost_after_end", "decode/messages/zen_cost_after_end"],
    "a frame of 400 kilobytes": ["decode/chat/large_frame"],
    "a stop string in two pieces": ["decode/chat/stop_split"],
    "a tool result with an image": ["build/messages_result_with_image"],
    "results without calls, calls without results": ["build/chat_orphans"],
    "the assistant speaks last": ["build/chat_trailing_assistant"],
    "system text in the middle": ["build/chat_system_in_the_middle", "parse/messages_system_between"],
    "an empty answer": [
        f"decode/{name}/{case}"
        for name in ("chat", "messages", "responses", "gemini")
        for case in (["empty", "empty_but_spent"] if name in ("chat", "messages") else ["empty"])
    ],
    "two answers in a stream": ["relay/chat/n_2", "decode/chat/n_2", "build/chat_many"],
    "a tool of free text and back": [
        "build/responses_custom_tool",
        "encode/responses/custom_call",
        "decode/responses/custom_call",
    ],
    "a request of Claude Code": ["build/messages_claude_code", "parse/messages_claude_code"],
    "a request of Codex": ["build/responses_codex", "parse/responses_codex"],
}


def test_there_are_32_of_them():
    assert len(VECTORS) == 32


@pytest.mark.parametrize("files", VECTORS.values(), ids=VECTORS)
def test_it_is_recorded(files):
    for name in files:
        parts = (GOLDEN / f"{name}.txt").read_text().split(RULE)
        assert len(parts) >= 3, f"{name}: a sentence, what came in, what comes out"
        assert parts[0].strip()
