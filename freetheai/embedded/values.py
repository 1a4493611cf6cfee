"""What the embedded services are asked for, and what they answer: plain values and one exception."""

from dataclasses import dataclass


class EmbeddedError(Exception):
    """A part that cannot be had or started: one line that says what is wrong and what to install or set."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which services to run: those for which the configuration names no other address."""

    mongodb: bool = False
    redis: bool = False
    model: bool = False

    @property
    def is_nothing(self) -> bool:
        """Nothing at all is to be embedded."""
        return not (self.mongodb or self.redis or self.model)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the services answer, on loopback; empty for what does not run. ``model_url`` ends in ``/v1``."""

    mongodb_url: str = ""
    redis_url: str = ""
    model_url: str = ""

    def has(self, wanted: Wanted) -> bool:
        """Everything in ``wanted`` has an address."""
        pairs = (
            (wanted.mongodb, self.mongodb_url),
            (wanted.redis, self.redis_url),
            (wanted.model, self.model_url),
        )
        return all(url for is_wanted, url in pairs if is_wanted)
