"""Structured output for models without it: one tool whose input has the wanted schema, and which must be called.

The builder offers the tool, the decoder makes text of its input; nobody else sees it.
"""

from typing import Final

from freetheai.wire.request import ChatRequest

SCHEMA_TOOL: Final = "json_output"


def may_be_schema_tool(request: ChatRequest) -> bool:
    """Whether a call of ``SCHEMA_TOOL`` can only be ours: a schema was asked for, and no tools of the client's."""
    return request.output.kind == "json_schema" and request.output.schema is not None and not request.tools
