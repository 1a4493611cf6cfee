"""What depends on a Gemini model's generation, read from its name, and how it is told to think.

Rules:
- a name that holds no number (``gemini-flash-latest``) is the newest generation; a name without ``gemini`` is none;
- a client that said nothing about thinking makes us send nothing: the model's default stands;
- from generation 3 on a level is sent, for 2.5 a budget, before that nothing; never both.

Source: https://ai.google.dev/gemini-api/docs/thinking
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from freetheai.wire.effort import is_wanted, wanted_budget, wanted_effort
from freetheai.wire.request import Effort, Reasoning

_NUMBER: Final = re.compile(r"gemini-(\d{1,2})(?:\.(\d))?(?!\d)")
_NONE: Final = (0, 0)
_NEWEST: Final = (99, 0)
_LEVELS: Final = (3, 0)
_BUDGETS: Final = (2, 5)

_LEVEL_OF: Final[Mapping[Effort, str]] = {
    "none": "MINIMAL",
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "HIGH",
    "max": "HIGH",
}
# The model decides how long to think.
_DYNAMIC: Final = -1


def generation(model: str) -> tuple[int, int]:
    """Generation of an upstream model as (3, 1); (0, 0) for what is no Gemini."""
    name = model.lower()
    if match := _NUMBER.search(name):
        return int(match[1]), int(match[2] or 0)
    return _NEWEST if "gemini" in name else _NONE


def checks_signatures(model: str) -> bool:
    """Whether the first call of each of its turns must be signed, or the request is a 400."""
    return generation(model) >= _LEVELS


def reads_media_in_results(model: str) -> bool:
    """Whether the answer of a function may hold images; before that they follow as parts of their own."""
    return generation(model) >= _LEVELS


def takes_penalties(model: str) -> bool:
    """Whether presence and frequency penalties are known: models of 2.5 answer them with 400."""
    return generation(model) != _BUDGETS


def takes_json_with_tools(model: str) -> bool:
    """Whether structured output and function calling go together: before generation 3 that is a 400."""
    return generation(model) >= _LEVELS


def thinking_config(model: str, reasoning: Reasoning, max_tokens: int | None) -> dict[str, Any]:
    """The ``thinkingConfig`` for what the client wants; empty where it said nothing or the model can't be told.

    ``max_tokens`` is the output cap, of which thinking is a part.
    """
    wanted = is_wanted(reasoning)
    name = model.lower()
    if wanted is None or generation(model) < _BUDGETS or "-image" in name or "-tts" in name:
        return {}
    config = _level(name, reasoning) if generation(model) >= _LEVELS else _budget(name, reasoning, max_tokens)
    if wanted and reasoning.show and config.get("thinkingBudget") != 0:
        config["includeThoughts"] = True
    return config


def _level(name: str, reasoning: Reasoning) -> dict[str, Any]:
    effort = wanted_effort(reasoning)
    if effort is None:
        return {}
    level = _LEVEL_OF[effort]
    # Pro models begin at LOW; none of this generation can be switched off.
    return {"thinkingLevel": "LOW" if level == "MINIMAL" and "pro" in name else level}


def _budget(name: str, reasoning: Reasoning, max_tokens: int | None) -> dict[str, Any]:
    least, most = _budget_bounds(name)
    budget = wanted_budget(reasoning, max_tokens, minimum=least)
    if budget is None:
        return {"thinkingBudget": _DYNAMIC}
    if budget == 0:
        # Pro can't be switched off.
        return {"thinkingBudget": least if "pro" in name else 0}
    return {"thinkingBudget": min(budget, most)}


def _budget_bounds(name: str) -> tuple[int, int]:
    """Smallest and largest budget (tokens) of the 2.5 models."""
    if "pro" in name:
        return 128, 32768
    return (512, 24576) if "lite" in name else (1, 24576)
