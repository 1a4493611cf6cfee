"""How hard to think: effort levels and token budgets, and how each kind of chat upstream is told.

Rules:
- a client that said nothing about thinking makes us send nothing: the model's default stands;
- one table between effort and budget, used in every direction;
- a style is how a provider's chat route is switched, named by ``Quirks.reasoning_style``; ``chat_fields`` gives the
  body fields for it. The other formats have their own fields and share the table.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from freetheai.wire.request import Effort, Reasoning

# effort -> tokens to think with when a provider wants a budget.
BUDGETS: Final[Mapping[Effort, int]] = {
    "none": 0,
    "minimal": 1024,
    "low": 2048,
    "medium": 8192,
    "high": 16384,
    "xhigh": 32768,
    "max": 65536,
}
# The largest budget (tokens) that still counts as this effort.
_UPPER_BOUNDS: Final[tuple[tuple[int, Effort], ...]] = (
    (0, "none"),
    (1024, "minimal"),
    (4096, "low"),
    (12288, "medium"),
    (24576, "high"),
    (49152, "xhigh"),
)
_EFFORTS: Final[Mapping[str, Effort]] = {name: name for name in BUDGETS}
# For providers that know three levels.
_NEAREST_OF_THREE: Final[Mapping[Effort, str]] = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
# Every field by which a chat client may speak of thinking: taken out where a model can't think or is told otherwise.
CHAT_FIELDS: Final = frozenset(
    {"reasoning_effort", "reasoning", "thinking", "enable_thinking", "thinking_budget", "include_reasoning"}
)


def effort_named(word: Any) -> Effort | None:
    """The effort a client's word means; None for what is no word of ours."""
    return _EFFORTS.get(word.strip().lower()) if isinstance(word, str) else None


def effort_for(budget_tokens: int) -> Effort:
    """The effort that a budget (tokens) stands for."""
    return next((effort for bound, effort in _UPPER_BOUNDS if budget_tokens <= bound), "max")


def wanted_effort(reasoning: Reasoning) -> Effort | None:
    """The effort a client asked for in whatever way; None: nothing said, or only "on"."""
    if reasoning.enabled is False:
        return "none"
    if reasoning.effort is not None:
        return reasoning.effort
    if reasoning.budget_tokens is not None:
        return effort_for(reasoning.budget_tokens)
    return None


def is_wanted(reasoning: Reasoning) -> bool | None:
    """Whether the client wants thinking; None where it said nothing."""
    effort = wanted_effort(reasoning)
    if effort is not None:
        return effort != "none"
    return True if reasoning.enabled or reasoning.adaptive else None


def wanted_budget(reasoning: Reasoning, max_tokens: int | None = None, *, minimum: int = 1024) -> int | None:
    """Tokens to think with, below ``max_tokens``; 0 is off (also where no room is left), None nothing said."""
    effort = wanted_effort(reasoning)
    if effort is None:
        return None
    budget = BUDGETS[effort] if reasoning.budget_tokens is None or effort == "none" else reasoning.budget_tokens
    if budget <= 0:
        return 0
    if max_tokens is not None:
        budget = min(budget, max_tokens - 1)
        return budget if budget >= minimum else 0
    return max(budget, minimum)


def chat_fields(style: str, reasoning: Reasoning) -> dict[str, Any]:
    """The body fields that tell a chat upstream of this style what the client wants; empty where it said nothing.

    Styles: ``effort`` (OpenAI, Mistral), ``effort3`` (the same with low, medium, high only), ``groq``,
    ``thinking`` (MiMo, Kimi: a switch), ``thinking_effort`` (the switch and an effort: DeepSeek), ``glm`` and
    ``glm_effort`` (the same, and earlier reasoning is to be kept), ``effort_to_xhigh`` (xAI: five levels),
    ``enable_thinking`` (Qwen), ``template`` (vLLM, SGLang, llama.cpp), ``openrouter``, ``none`` (can't be told).
    """
    wanted = is_wanted(reasoning)
    if wanted is None or style not in _STYLES:
        return {}
    return _STYLES[style](wanted, wanted_effort(reasoning), reasoning)


def _effort(wanted: bool, effort: Effort | None, reasoning: Reasoning) -> dict[str, Any]:
    del wanted, reasoning
    return {} if effort is None else {"reasoning_effort": effort}


def _effort3(wanted: bool, effort: Effort | None, reasoning: Reasoning) -> dict[str, Any]:
    del wanted, reasoning
    return {} if effort is None or effort == "none" else {"reasoning_effort": _NEAREST_OF_THREE[effort]}


def _groq(wanted: bool, effort: Effort | None, reasoning: Reasoning) -> dict[str, Any]:
    if not wanted:
        return {"reasoning_effort": "none"}
    return {"reasoning_format": "parsed", **_effort3(wanted, effort, reasoning)}


def _thinking(wanted: bool, effort: Effort | None, reasoning: Reasoning) -> dict[str, Any]:
    del effort, reasoning
    return {"thinking": {"type": "enabled" if wanted else "disabled"}}


def _thinking_effort(wanted: bool, effort: Effort | None, reasoning: Reasoning) -> dict[str, Any]:
    fields = _thinking(wanted, effort, reasoning)
    if wanted and effort is not None:
        fields["reasoning_effort"] = "low" if effort == "minimal" else effort
    return fields


def _kept(fields: dict[str, Any]) -> dict[str, Any]:
    """Reasoning that goes back with the history is read only if it is asked to be kept."""
    thinking = fields["thinking"]
    return {**fields, "thinking": {**thinking, "clear_thinking": False}} if thinking["type"] == "enabled" else fields


def _glm(wanted: bool, effort: Effort | None, reasoning: Reasoning) -> dict[str, Any]:
    return _kept(_thinking(wanted, effort, reasoning))


def _glm_effort(wanted: bool, effort: Effort | None, reasoning: Reasoning) -> dict[str, Any]:
    return _kept(_thinking_effort(wanted, effort, reasoning))


def _effort_to_xhigh(wanted: bool, effort: Effort | None, reasoning: Reasoning) -> dict[str, Any]:
    del wanted, reasoning
    return {} if effort is None else {"reasoning_effort": {"minimal": "low", "max": "xhigh"}.get(effort, effort)}


def _enable_thinking(wanted: bool, effort: Effort | None, reasoning: Reasoning) -> dict[str, Any]:
    fields: dict[str, Any] = {"enable_thinking": wanted}
    if wanted and effort is not None:
        fields["thinking_budget"] = wanted_budget(reasoning)
    return fields


def _template(wanted: bool, effort: Effort | None, reasoning: Reasoning) -> dict[str, Any]:
    del effort, reasoning
    return {"chat_template_kwargs": {"enable_thinking": wanted}}


def _openrouter(wanted: bool, effort: Effort | None, reasoning: Reasoning) -> dict[str, Any]:
    if not wanted:
        return {"reasoning": {"enabled": False}}
    if reasoning.budget_tokens is not None:
        return {"reasoning": {"max_tokens": reasoning.budget_tokens}}
    return {"reasoning": {"enabled": True} if effort is None else {"effort": effort}}


_STYLES: Final[Mapping[str, Callable[[bool, Effort | None, Reasoning], dict[str, Any]]]] = {
    "effort": _effort,
    "effort3": _effort3,
    "effort_to_xhigh": _effort_to_xhigh,
    "groq": _groq,
    "thinking": _thinking,
    "thinking_effort": _thinking_effort,
    "glm": _glm,
    "glm_effort": _glm_effort,
    "enable_thinking": _enable_thinking,
    "template": _template,
    "openrouter": _openrouter,
}
