"""A llama.cpp server's error types. Source: `format_error_response` of its server, read November 2026.

Left to the groups and the status: ``invalid_request_error`` and ``server_error``.
"""

from adapters import rules
from adapters.base import CodeTable

CODES = CodeTable(
    types={
        # With `n_prompt_tokens` and `n_ctx` beside the message.
        "exceed_context_size_error": rules.CONTEXT,
        # 503 while the model is being loaded.
        "unavailable_error": rules.OVERLOADED,
        "authentication_error": rules.ACCOUNT,
        "permission_error": rules.ACCOUNT,
        "not_found_error": rules.MODEL_GONE,
        # 501: the server was started without what the request needs.
        "not_supported_error": rules.REJECTED,
    },
)
