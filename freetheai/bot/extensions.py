"""Everything that adds commands and listeners to a bot, one a file, each by a function ``install(bot)``.

``install`` runs in every new bot before it connects: it adds commands (``commands.py``, or ``bot.tree.add_command(...,
guild=bot.home)``), listeners (``bot.add_listener``), buttons (``bot.add_dynamic_items``) and background work
(``bot.tasks.start``), and returns. What must outlive a connection belongs in ``bot.services``, not in the bot.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from freetheai.bot import activity, checkin, invites, leaks, me, membership, resetkey, signup, staff, why

if TYPE_CHECKING:
    from freetheai.bot.client import Bot

EXTENSIONS: Final[tuple[Callable[["Bot"], None], ...]] = (
    signup.install,
    checkin.install,
    resetkey.install,
    me.install,
    why.install,
    staff.install,
    leaks.install,
    membership.install,
    invites.install,
    activity.install,
)
