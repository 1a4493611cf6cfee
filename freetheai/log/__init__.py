"""The log: one JSON object a line on stderr, readable text on a terminal.

Strategy: one ``LineHandler`` on the root logger writes every line. Modules log as usual (``logging.getLogger``, facts
in ``extra``); the line of a request is made from its ``RequestRecord`` without the logging machinery, which would cost
several times as much.

Rules:
- keys, tokens and passwords are masked in every line; in what a provider said also addresses and hosts;
- nothing logged can forge a line: JSON escapes line ends, readable text marks control characters;
- tracebacks leave out messages that may quote a request or an answer (`traces.py`);
- a log that can't be written never fails a request; the handler counts what was lost.
"""

from freetheai.log.handler import LineHandler, log_request, setup_logging
from freetheai.log.record import REQUEST_FIELDS, RequestRecord
from freetheai.log.redaction import mask_keys, redact

__all__ = [
    "REQUEST_FIELDS",
    "LineHandler",
    "RequestRecord",
    "log_request",
    "mask_keys",
    "redact",
    "setup_logging",
]
