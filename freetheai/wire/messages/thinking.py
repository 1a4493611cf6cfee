"""How a Messages upstream is told to think.

Rules:
- a client that said nothing makes us send nothing, and so does one that wants none: not thinking is the default, and
  some models answer 400 to being told;
- a budget stays below ``max_tokens``; where no room is left there is no thinking;
- models that decide for themselves get ``adaptive`` and an effort, the others a budget.
"""

from typing import Any, Final

from freetheai.wire import effort
from freetheai.wire.formats import Quirks, Target
from freetheai.wire.messages.models import Traits
from freetheai.wire.request import ChatRequest, Effort

# Tokens to think with where a client wants thinking and says no more.
DEFAULT_BUDGET: Final = effort.BUDGETS["medium"]
MIN_BUDGET: Final = 1024
# Where neither client nor catalog says how long an answer may be, or the catalog says much (tokens).
DEFAULT_MAX_TOKENS: Final = 8192
MAX_DEFAULT_TOKENS: Final = 32_000
# What is left for the answer beside a budget where the client set no bound (tokens).
_ANSWER_TOKENS: Final = 4096


def max_tokens_for(request: ChatRequest, target: Target, budget: int | None) -> int:
    """The output cap, which this format demands: the client's, else one that fits model and budget."""
    cap = request.max_tokens
    if cap is None:
        cap = min(target.max_output_tokens or DEFAULT_MAX_TOKENS, MAX_DEFAULT_TOKENS)
        cap = max(cap, budget + _ANSWER_TOKENS) if budget else cap
    return cap if target.max_output_tokens is None else min(cap, target.max_output_tokens)


def wanted_budget(request: ChatRequest) -> int | None:
    """The budget asked for in whatever way, unbounded; 0 is off, None nothing said."""
    wanted = effort.is_wanted(request.reasoning)
    if wanted is None:
        return None
    if not wanted:
        return 0
    budget = effort.wanted_budget(request.reasoning)
    return DEFAULT_BUDGET if budget is None else budget


def bounded_budget(budget: int | None, max_tokens: int) -> int:
    """The budget within the format's bounds; 0 where no room is left."""
    if not budget:
        return 0
    budget = min(max(budget, MIN_BUDGET), max_tokens - 1)
    return budget if budget >= MIN_BUDGET else 0


def thinking_fields(
    request: ChatRequest, target: Target, quirks: Quirks, traits: Traits, max_tokens: int
) -> dict[str, Any]:
    """``thinking`` and ``output_config`` as this model takes them; empty where it shall not think."""
    reasoning = request.reasoning
    if not target.supports_reasoning or quirks.reasoning_style == "none":
        return {}
    level = effort.wanted_effort(reasoning)
    fields: dict[str, Any] = {}
    if level is not None and level != "none" and quirks.messages_extras and traits.has_effort:
        fields["output_config"] = {"effort": level_for(level, traits)}
    if not effort.is_wanted(reasoning):
        return {"thinking": {"type": "disabled"}} if _must_be_told(quirks, reasoning.enabled, level) else {}
    if quirks.reasoning_style == "thinking":
        # A switch without budgets.
        return {"thinking": {"type": "enabled"}}
    if traits.is_adaptive and quirks.messages_extras:
        fields["thinking"] = {"type": "adaptive", "display": "summarized" if reasoning.show else "omitted"}
        return fields
    budget = bounded_budget(wanted_budget(request), max_tokens)
    if budget:
        fields["thinking"] = {"type": "enabled", "budget_tokens": budget}
    return fields


def level_for(level: Effort, traits: Traits) -> str:
    """An effort in the words of the model."""
    if level == "minimal":
        return "low"
    return "high" if level == "xhigh" and not traits.has_xhigh else level


def _must_be_told(quirks: Quirks, enabled: bool | None, level: Effort | None) -> bool:
    """Whether "off" is to be said: where the model thinks unasked."""
    return not quirks.messages_extras and (enabled is False or level == "none")
