"""For all tests: what hypothesis may take."""

import os

from hypothesis import HealthCheck, settings

# A machine that is busy with other things is slow, and that is no failure. Where CI is set the examples are the same in
# every run: there a new find would be blamed on the wrong change.
settings.register_profile(
    "house",
    deadline=None,
    max_examples=50 if os.environ.get("CI") else 100,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
    database=None if os.environ.get("CI") else settings.default.database,
)
settings.load_profile("house")
