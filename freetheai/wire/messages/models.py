"""What the models behind a Messages upstream take, told by their names: it differs by model, not by provider.

Rules:
- only Claude's names are read; any other model takes what the format's first version had;
- a Claude whose version can't be read counts as a new one: names without numbers are aliases of the newest.

Source: https://platform.claude.com/docs/en/about-claude/models/overview and the pages on extended and adaptive
thinking, prefilling and structured outputs, read November 2026.
"""

import re
from dataclasses import dataclass
from typing import Final

# claude-opus-4-6, claude-sonnet-4-5-20250929, claude-3-7-sonnet-latest, anthropic/claude-fable-5, claude-opus-4.7
_CLAUDE: Final = re.compile(r"claude(?:-[a-z]+)*-(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")
_NEWEST: Final = (99, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """``is_adaptive``: it decides how much to think (``thinking`` adaptive), ``only_adaptive``: and takes no budget.

    ``samples``: it takes temperature, top_p and top_k. ``continues``: a last assistant message is carried on.
    ``follows_schema``: structured output. ``has_effort``: ``output_config.effort``; ``has_xhigh`` of all levels.
    ``hears_system``: system messages between the others. ``is_claude``: one of Anthropic's own.
    """

    is_claude: bool = False
    is_adaptive: bool = False
    only_adaptive: bool = False
    samples: bool = True
    continues: bool = True
    follows_schema: bool = False
    has_effort: bool = False
    has_xhigh: bool = False
    hears_system: bool = False


def traits_of(model: str) -> Traits:
    """What a model takes."""
    name = model.lower()
    if "claude" not in name:
        return Traits()
    match = _CLAUDE.search(name)
    version = (int(match.group(1)), int(match.group(2) or 0)) if match else _NEWEST
    return Traits(
        is_claude=True,
        is_adaptive=version >= (4, 6),
        only_adaptive=version >= (4, 7),
        samples=version < (4, 7),
        continues=version < (4, 6),
        follows_schema=version >= (4, 5),
        has_effort=version >= (4, 6) or (version == (4, 5) and "opus" in name),
        has_xhigh=version >= (4, 7),
        hears_system=version >= (5, 0),
    )
