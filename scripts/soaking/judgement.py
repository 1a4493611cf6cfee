"""Whether something has grown from look to look.

Strategy: the first third is warming up: caches and pools fill. Of what follows, the first half is compared with the
second: a leak shows in both the middle of the halves and at the end, an accident only in one look.
"""

from collections.abc import Sequence
from statistics import median

from scripts.soaking.look import Look

# How much more the second half may hold; connections that are kept for providers and databases come and go.
_ALLOWED = {"handles": 12.0, "sockets": 12.0, "tasks": 6.0, "threads": 4.0}
# Memory: of what was there, and in any case so many MB.
_MEMORY_SHARE = 0.05
_MEMORY_MB = 8.0
_FEWEST_LOOKS = 6


def judge(looks: Sequence[Look]) -> list[str]:
    """A complaint for each thing that has grown."""
    complaints = [
        f"{name} were left after {look.minutes:.1f} minutes: {value}"
        for look in looks
        for name, value in (("leases", look.leases), ("streams", look.streams))
        if value
    ]
    if len(looks) < _FEWEST_LOOKS:
        return [*complaints, f"only {len(looks)} looks: too few to tell"]
    steady = looks[len(looks) // 3 :]
    before, after = steady[: len(steady) // 2], steady[len(steady) // 2 :]
    for name, allowed in _ALLOWED.items():
        complaints += _grown(
            name, [getattr(look, name) for look in before], [getattr(look, name) for look in after], allowed
        )
    memory = [look.memory_mb for look in before]
    allowed = max(_MEMORY_MB, median(memory) * _MEMORY_SHARE)
    return complaints + _grown("memory_mb", memory, [look.memory_mb for look in after], allowed)


def _grown(name: str, before: Sequence[float], after: Sequence[float], allowed: float) -> list[str]:
    was, became = median(before), median(after)
    return [f"{name}: from {was:g} to {became:g}"] if became > was + allowed else []
