"""`/resetkey`: another key in place of a lost or leaked one, for a reason worth reading."""

from typing import TYPE_CHECKING, Final

from freetheai.accounts import HasKey
from freetheai.accounts_members import MAX_RESET_REASON_CHARS, NoAccount, Paused
from freetheai.bot.commands import add_form
from freetheai.bot.forms import Answers, Form, Question, text_of
from freetheai.bot.person import Person
from freetheai.bot.replies import Reply
from freetheai.bot.services import BotServices
from freetheai.bot.texts import new_key_text, refusal_text
from freetheai.written_text import what_is_wrong

if TYPE_CHECKING:
    from freetheai.bot.client import Bot

_OTHER_FORM: Final = "Another form of yours made a new key a moment ago: use that one."
_QUESTIONS: Final = (
    Question(
        id="reason",
        label="Why do you need a new key?",
        placeholder="What happened to the old one? Staff may read this.",
        is_long=True,
        min_chars=1,
        max_chars=MAX_RESET_REASON_CHARS,
    ),
)


def install(bot: "Bot") -> None:
    """Add the command."""
    form = Form(
        command="resetkey",
        title="Replace your key",
        description="Get a new key; the old one stops working at once",
        questions=_QUESTIONS,
        may_open=_may_open,
        check=_check,
        submit=_submit,
    )
    add_form(bot, form)


async def _may_open(services: BotServices, person: Person) -> Reply | None:
    try:
        await services.members.may_reset_key(person.user_id)
    except (NoAccount, Paused) as refused:
        return Reply(refusal_text(refused))
    return None


def _check(answers: Answers) -> str:
    mistake = what_is_wrong(text_of(answers, "reason"))
    return f"Why do you need a new key? {mistake}" if mistake else ""


async def _submit(services: BotServices, person: Person, answers: Answers) -> Reply:
    try:
        issued = await services.members.reset_key(person.user_id, reason=text_of(answers, "reason"))
    except HasKey:
        return Reply(_OTHER_FORM)
    except (NoAccount, Paused) as refused:
        return Reply(refusal_text(refused))
    return Reply(
        f"{new_key_text(services, issued)}\n\nThe old key no longer works anywhere. Your history, limits, check-in and"
        " streak are as they were."
    )
