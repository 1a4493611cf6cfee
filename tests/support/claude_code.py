"""A request as Claude Code sends it: billing block, cache hints, thirty tools, adaptive thinking, a system message in
the middle, parallel calls whose results hold an image and an error.
"""

from typing import Any

CACHE = {"type": "ephemeral", "ttl": "1h"}
PIXEL = "iVBORw0KGgo="
SIGNATURE = "EqQBCkgIBxABGAIiQL/w+8=="


def body() -> dict[str, Any]:
    """The whole body."""
    return {
        "model": "pre/alias",
        "max_tokens": 64000,
        "stream": True,
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.330; cc_entrypoint=cli; cch=1f2e;"},
            {"type": "text", "text": "You are Claude Code.", "cache_control": CACHE},
            {"type": "text", "text": "Tone: short.", "cache_control": CACHE},
        ],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Look at a.png and b.txt", "cache_control": CACHE}]},
            {"role": "system", "content": [{"type": "text", "text": "# Environment\ncwd: /repo"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Two files.", "signature": SIGNATURE},
                    {"type": "text", "text": "I read both."},
                    _call("toolu_01", "tool_0", {"path": "a.png"}),
                    _call("toolu_02", "tool_1", {"path": "b.txt"}),
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_01",
                        "content": [
                            {"type": "text", "text": "a.png:"},
                            {
                                "type": "image",
                                "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
                            },
                        ],
                    },
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_02",
                        "content": "No such file",
                        "is_error": True,
                        "cache_control": CACHE,
                    },
                    {"type": "text", "text": "<system-reminder>Be brief.</system-reminder>"},
                ],
            },
        ],
        "tools": [_tool(number) for number in range(29)] + [{"type": "web_search_20250305", "name": "web_search"}],
        "tool_choice": {"type": "auto"},
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "high"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "metadata": {"user_id": "user_abc_account_def_session_ghi"},
    }


def _call(call_id: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": given, "caller": {"type": "direct"}}


def _tool(number: int) -> dict[str, Any]:
    return {
        "name": f"tool_{number}",
        "description": "Reads.",
        "input_schema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {"path": {"type": "string"}},
            "required": ["path"],
            "additionalProperties": False,
        },
        "eager_input_streaming": True,
        **({"defer_loading": True, "cache_control": CACHE} if number == 28 else {}),
    }
