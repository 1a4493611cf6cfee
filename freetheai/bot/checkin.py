"""`/checkin`: once every UTC day, by the key's owner, who shows the key and that a person is there."""

from typing import TYPE_CHECKING, Final

from freetheai import clock
from freetheai.accounts import CheckIn
from freetheai.accounts_members import MistypedKey, NoAccount, NoKey, NotYourKey, Paused, find_key_in
from freetheai.bot.commands import add_form
from freetheai.bot.forms import Answers, Form, Question, text_of
from freetheai.bot.person import Person
from freetheai.bot.replies import Reply, when
from freetheai.bot.services import BotServices
from freetheai.bot.texts import refusal_text

if TYPE_CHECKING:
    from freetheai.bot.client import Bot

_MISTYPED: Final = "That is not a whole key: it begins with `fta_` and has 44 characters. Copy it once more."
_NOT_YOURS: Final = "That is not the key you have now. If you lost it, use `/resetkey`."
_QUESTIONS: Final = (
    Question(id="key", label="Your key", placeholder="fta_… (nobody else sees it)", min_chars=8, max_chars=200),
)


def install(bot: "Bot") -> None:
    """Add the command."""
    form = Form(
        command="checkin",
        title="Check in for today",
        description="Check in for this UTC day, so that your key is served",
        questions=_QUESTIONS,
        may_open=_may_open,
        check=_check,
        submit=_submit,
    )
    add_form(bot, form)


async def _may_open(services: BotServices, person: Person) -> Reply | None:
    try:
        made = await services.members.may_check_in(person.user_id)
    except (NoAccount, NoKey, Paused) as refused:
        return _refusal(refused)
    return _done(services, made) if made else None


def _check(answers: Answers) -> str:
    try:
        find_key_in(text_of(answers, "key"))
    except MistypedKey:
        return _MISTYPED
    return ""


async def _submit(services: BotServices, person: Person, answers: Answers) -> Reply:
    try:
        made = await services.members.check_in(person.user_id, text_of(answers, "key"))
    except (NoAccount, NoKey, NotYourKey, Paused) as refused:
        return _refusal(refused)
    return _done(services, made)


def _refusal(refused: NoAccount | NoKey | NotYourKey | Paused) -> Reply:
    if isinstance(refused, NotYourKey):
        return Reply(_NOT_YOURS, may_retry=True)
    return Reply(refusal_text(refused))


def _done(services: BotServices, made: CheckIn) -> Reply:
    begun = "You are checked in for today." if made.is_new else "You have checked in today already."
    days = made.user["streak"]
    streak = f" That makes {days} days in a row." if days > 1 else ""
    until = when(clock.seconds_to_utc_midnight(services.now()))
    return Reply(f"{begun}{streak} The next UTC day begins {until}.")
