"""The Discord bot: the only door to discord.py. What its commands do is done by services that know nothing of Discord.

`supervisor.py` keeps one bot running among all processes; `client.py` is one connection of it; `flow.py` is what
happens between a command and its form's answer; `extensions.py` lists everything that adds commands and listeners.
"""

from freetheai.bot.services import BotServices
from freetheai.bot.supervisor import Supervisor

__all__ = ["BotServices", "Supervisor"]
