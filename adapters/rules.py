"""The judgements that families and groups share: one meaning, spelt once.

Whose fault a failure was decides the rest. The request's: nothing is cooled, no other provider is asked. Ours with the
provider (credential, balance): the credential rests for an hour and staff is told. The provider's: what failed rests as
configured, another may serve.
"""

from typing import Final

from adapters.base import CodeRule
from freetheai import errors

# How long a credential rests that only the operator can mend, and how soon a used-up plan is asked again (seconds).
STAFF_WAIT_S: Final = 3600.0
WINDOW_WAIT_S: Final = 300.0

# The request's fault.
CONTEXT = CodeRule(row=errors.CONTEXT_LENGTH_EXCEEDED, scope="request", retry_elsewhere=False)
POLICY = CodeRule(row=errors.CONTENT_POLICY_VIOLATION, scope="request", retry_elsewhere=False)
REJECTED = CodeRule(row=errors.PAYLOAD_REJECTED, scope="request", retry_elsewhere=False)

# Our account with the provider: key, permission, region, balance. Never the member's 401, 402 or 403.
ACCOUNT = CodeRule(row=errors.PROVIDER_UNAVAILABLE, scope="key", needs_staff=True, default_retry_after_s=STAFF_WAIT_S)
# A window of the credential's plan is used up: only its reset helps.
WINDOW = CodeRule(row=errors.PROVIDER_UNAVAILABLE, scope="key", is_window=True, default_retry_after_s=WINDOW_WAIT_S)
DAY = CodeRule(row=errors.RATE_LIMIT, scope="key", default_retry_after_s=WINDOW_WAIT_S)

# Too much at once, by us (rate) or by all (overload).
RATE = CodeRule(row=errors.RATE_LIMIT, scope="key")
RATE_OF_MODEL = CodeRule(row=errors.RATE_LIMIT, scope="model")
OVERLOADED = CodeRule(row=errors.PROVIDER_UNAVAILABLE, scope="model")

# Our catalogue is stale, or the provider's set-up of this model is wrong.
MODEL_GONE = CodeRule(row=errors.PROVIDER_ERROR, scope="model", needs_staff=True)

# The provider failed.
BROKEN = CodeRule(row=errors.PROVIDER_ERROR, scope="model")
TIMED_OUT = CodeRule(row=errors.PROVIDER_TIMEOUT, scope="model")
# This one try went wrong and says nothing about the next.
UNLUCKY = CodeRule(row=errors.PROVIDER_ERROR, scope="request")
AWAY = CodeRule(row=errors.PROVIDER_UNAVAILABLE, scope="provider")
# It has moved: a redirect is not followed with a credential in it.
MOVED = CodeRule(row=errors.PROVIDER_ERROR, scope="provider", needs_staff=True)
# A wall in front of the provider blocks our address.
BLOCKED = CodeRule(
    row=errors.PROVIDER_UNAVAILABLE, scope="provider", needs_staff=True, default_retry_after_s=WINDOW_WAIT_S
)

# Our own mistake.
OURS = CodeRule(row=errors.SERVER_ERROR, scope="request", retry_elsewhere=False, needs_staff=True)
