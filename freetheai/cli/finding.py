"""What `doctor` says of one thing it looked at."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: ``state`` is ``ok``, ``warning`` or ``error``; ``advice`` says what to do."""

    check: str
    state: str
    detail: str
    advice: str = ""
