"""Limits of an account, exact under any interleaving: one Lua script a step, on Redis' clock.

The life of a request: ``Limiter.acquire`` -> ``Lease``, renewed while it runs, ``settle`` at its end. Which limits
bind is ``policy.py``'s, what the client sees of them ``headers.py``'s, how Redis is reached ``redis_client.py``'s.
"""

from freetheai.limits.failed_keys import FailedKeys
from freetheai.limits.headers import Gauge, LimitNumbers, Reason, limit_headers
from freetheai.limits.limiter import Lease, Limiter, LimitRefused
from freetheai.limits.policy import LimitOverrides, LimitPolicy, Policies, resolve, tier_of
from freetheai.limits.redis_client import RedisConnection, open_redis
from freetheai.limits.scripts import RedisFailure, ScriptRunner

__all__ = [
    "FailedKeys",
    "Gauge",
    "Lease",
    "LimitNumbers",
    "LimitOverrides",
    "LimitPolicy",
    "LimitRefused",
    "Limiter",
    "Policies",
    "Reason",
    "RedisConnection",
    "RedisFailure",
    "ScriptRunner",
    "limit_headers",
    "open_redis",
    "resolve",
    "tier_of",
]
