"""What the tests of houses with several processes have in common."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
MODELS = [{"id": "fake/one", "upstream_model": "model-1"}]
WIDE = {
    "daily_success_limit": 1_000_000,
    "max_addresses": 50,
    "lease_seconds": 2,
    "tiers": [{"level": 1, "minimum_invites": 0, "rate_limit_per_minute": 1_000_000, "concurrency_limit": 500}],
}
# What to ask for a streamed answer of some seconds, so that restarts fall into it; and its pieces.
LONG = "long"
LONG_PIECES = [f"piece{number} " for number in range(40)]
