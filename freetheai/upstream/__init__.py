"""The only door to libcurl: one call to a provider is one ``Transfer``.

    with upstream.start(call) as transfer:
        head = await transfer.head()            # a ResponseHead, or the UpstreamEnd if there was none
        end = await transfer.run(on_data)       # on_data(bytes): a plain call for each upstream read

Strategy: ``client.py`` keeps Tornado's ``CurlAsyncHTTPClient`` for its multi handle, sockets and timer, and replaces
what it does for each request: prepared handles, few options, no request and response objects. ``transfer.py`` is the
state of one call; ``values.py`` what goes in and comes out.

Rules:
- inside libcurl's callbacks bytes are queued and nothing else happens; everything of one read is delivered in one piece
  right afterwards, from a place where aborting is safe;
- nothing reaches ``on_data`` before the head is known, nothing after ``abort`` or the end;
- bytes are delivered decoded, whatever content encoding the provider chose;
- what we hold for one slow client is bounded; the rest stays with the provider;
- nothing waits for a free place: above the ceiling a call is refused at once;
- pycurl is imported in this package and nowhere else.
"""

from freetheai.upstream.client import Upstream
from freetheai.upstream.transfer import Transfer
from freetheai.upstream.values import Answer, CallTimeouts, ResponseHead, UpstreamCall, UpstreamEnd

__all__ = ["Answer", "CallTimeouts", "ResponseHead", "Transfer", "Upstream", "UpstreamCall", "UpstreamEnd"]
