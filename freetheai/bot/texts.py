"""Sentences that more than one command says."""

from typing import Final

from freetheai.accounts import IssuedKey
from freetheai.accounts_members import NoAccount, NoKey, Paused
from freetheai.bot.replies import plain
from freetheai.bot.services import BotServices

NO_ACCOUNT: Final = "You have no key yet. Use `/signup` to get one."
NO_KEY: Final = "You have no key that is good: the last one was revoked. Use `/resetkey` to get another."


def new_key_text(services: BotServices, issued: IssuedKey) -> str:
    """The only time a key is shown."""
    return (
        f"Your key, shown this once:\n```\n{issued.key}\n```\n"
        "Copy it now and keep it to yourself: nobody, staff included, can show it to you again.\n"
        f"Base URL: `{services.base_url}`"
    )


def refusal_text(refused: NoAccount | NoKey | Paused) -> str:
    """Why an account is not served, and what to do."""
    if isinstance(refused, Paused):
        return paused_text(str(refused))
    return NO_KEY if isinstance(refused, NoKey) else NO_ACCOUNT


def paused_text(reason: str) -> str:
    """Why nothing is done for a paused account."""
    return f"Your account is paused by staff{f' ({plain(reason)})' if reason else ''}. Ask staff."
