"""Pictures that several modules look at: drawing them is what takes the time."""

from random import Random

import pytest

from freetheai.challenge import FAMILIES, Challenge

PICTURES = 25


@pytest.fixture(scope="session")
def pictures() -> dict[str, list[Challenge]]:
    """Some of each drawn family."""
    drawn = {name: family for name, family in FAMILIES.items() if family.kind == "picture"}
    return {name: [family.draw(Random(seed)) for seed in range(PICTURES)] for name, family in drawn.items()}
