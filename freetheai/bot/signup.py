"""`/signup`: a key for a member who has none, after three things are asked: what for, which bots, and a challenge."""

from typing import TYPE_CHECKING, Final

from freetheai.accounts import HasKey
from freetheai.accounts_members import MAX_USE_CASE_CHARS, Newcomer, Paused
from freetheai.bot.commands import add_form
from freetheai.bot.forms import Answers, Form, Question, text_of
from freetheai.bot.person import Person
from freetheai.bot.replies import Reply
from freetheai.bot.services import BotServices
from freetheai.bot.texts import new_key_text, refusal_text
from freetheai.written_text import what_is_wrong

if TYPE_CHECKING:
    from freetheai.bot.client import Bot

_HAS_KEY: Final = (
    "You have a key already, and it can't be shown again. If you lost it, or someone else has seen it, use `/resetkey`:"
    " your account stays as it is."
)
_DISCLOSURES: Final = (
    ("none", "No: a person uses the key, by hand"),
    ("own", "Yes: a bot or script of mine uses the key"),
    ("others", "Yes: a bot that other people use too"),
    ("account", "Yes: a program also runs this account"),
)
_QUESTIONS: Final = (
    Question(
        id="use_case",
        label="What will you use the key for?",
        placeholder="A sentence or two: which program, and for what",
        is_long=True,
        min_chars=8,
        max_chars=MAX_USE_CASE_CHARS,
    ),
    Question(
        id="disclosure", kind="select", label="Is a bot involved?", placeholder="Choose one", options=_DISCLOSURES
    ),
)


def install(bot: "Bot") -> None:
    """Add the command."""
    form = Form(
        command="signup",
        title="Get your key",
        description="Get a key for the API",
        questions=_QUESTIONS,
        may_open=_may_open,
        check=_check,
        submit=_submit,
    )
    add_form(bot, form)


async def _may_open(services: BotServices, person: Person) -> Reply | None:
    try:
        await services.members.may_sign_up(person.user_id)
    except HasKey:
        return Reply(_HAS_KEY)
    except Paused as refused:
        return Reply(refusal_text(refused))
    return None


def _check(answers: Answers) -> str:
    mistake = what_is_wrong(text_of(answers, "use_case"))
    if mistake:
        return f"What will you use the key for? {mistake}"
    return "" if text_of(answers, "disclosure") in dict(_DISCLOSURES) else "Choose whether a bot is involved."


async def _submit(services: BotServices, person: Person, answers: Answers) -> Reply:
    newcomer = Newcomer(user_id=person.user_id, name=person.name, roles=person.roles)
    disclosure = dict(_DISCLOSURES)[text_of(answers, "disclosure")]
    try:
        issued = await services.members.sign_up(newcomer, use_case=text_of(answers, "use_case"), disclosure=disclosure)
    except HasKey:
        return Reply(_HAS_KEY)
    except Paused as refused:
        return Reply(refusal_text(refused))
    return Reply(f"{new_key_text(services, issued)}\n\nOnce every UTC day, use `/checkin` before your first request.")
