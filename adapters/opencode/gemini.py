"""Gemini's own format at OpenCode Zen."""

from dataclasses import replace

from adapters.gemini.gemini import ADAPTER as GEMINI
from adapters.opencode.codes import CODES
from adapters.opencode.zen import headers, speaker

# The key goes into Google's header, as at Google. Cases: tests/adapters/test_opencode_requests.py.
ADAPTER = replace(GEMINI, family="opencode", codes=CODES, headers=headers, speaks=speaker("gemini"))
