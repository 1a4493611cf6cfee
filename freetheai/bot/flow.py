"""From a command to its form's answer: may it be opened, how is the person asked, was the answer right, what is done.

    begin -> refused | modal with a worded challenge | picture with an Answer button -> modal
    submit -> own answers checked -> challenge taken, once -> graded -> done

Rules:
- a modal must be the first answer within three seconds: before it come a few short questions to our own databases,
  bounded by ``OPEN_WITHIN_S`` all together, and nothing else; a picture is drawn after Discord was told to wait;
- nothing of a challenge is in this process: a form opened before a restart, or by another process, is answered alike;
- pictures are drawn in threads of their own.
"""

import asyncio
import io
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, Final

import discord

from freetheai.bot.buttons import back_view, picture_view, retry_view
from freetheai.bot.doubt import Signals, is_doubtful
from freetheai.bot.forms import (
    Form,
    challenge_answers,
    make_modal,
    read_answers,
    submitted_form,
)
from freetheai.bot.person import Interaction, Person, person_of
from freetheai.bot.replies import Reply, begin_reply, reply, when
from freetheai.bot.services import BotServices
from freetheai.challenge import Challenge, Field, Kind, draw, grade
from freetheai.limits.challenges import ASKED, WORDED, Allowance, Claim, new_challenge_id

# How long (seconds) our databases may take before a modal must go out; Discord waits three for it.
OPEN_WITHIN_S: Final = 1.8
# How long (seconds) a picture may wait for its drawing; Discord waits fifteen minutes.
DRAWN_WITHIN_S: Final = 20.0
_DRAWERS: Final = 2

_EXPIRED: Final = "This form has expired or was sent before. Nothing was done."
_PICTURE_EXPIRED: Final = "This picture has expired or was answered before."
_NOT_RIGHT: Final = "That was not right."
_PICTURE_TEXT: Final = "Answer the question in the picture: press **Answer** and fill in the form."


class Flow:
    """The forms of one bot."""

    def __init__(self, services: BotServices) -> None:
        self._services = services
        self._forms: dict[str, Form] = {}
        self._rng = secrets.SystemRandom()
        self._drawers = ThreadPoolExecutor(_DRAWERS, thread_name_prefix="draw")

    def add(self, form: Form) -> None:
        """Let ``form`` be opened by its buttons and answered when it is sent."""
        self._forms[form.command] = form

    def close(self) -> None:
        """Drop drawings that have not begun."""
        self._drawers.shutdown(wait=False, cancel_futures=True)

    async def begin(self, interaction: Interaction, form: Form) -> None:
        """The command was used, or its form is to be opened anew."""
        person, until_s = person_of(interaction), _until_s()
        async with asyncio.timeout_at(until_s):
            refusal = await form.may_open(self._services, person)
            claim = await self._claim(person, form, ASKED) if refusal is None else None
        if refusal is not None:
            await reply(interaction, refusal)
        elif claim is None or claim.wait_s:
            await reply(interaction, _wait(claim.wait_s if claim else 0))
        elif self._wants_picture(person, claim):
            await self._show_picture(interaction, form, person)
        else:
            await self._open_worded(interaction, form, person, until_s)

    async def press(self, interaction: Interaction, action: str, command: str, challenge_id: str) -> None:
        """One of our buttons was pressed."""
        form = self._forms.get(command)
        if form is None:
            await reply(interaction, Reply(_PICTURE_EXPIRED))
        elif action == "answer":
            await self._open_kept(interaction, form, challenge_id)
        elif action == "words":
            await self._open_in_words(interaction, form)
        elif action == "again":
            await self._show_another(interaction, form)
        else:
            await self.begin(interaction, form)

    async def submit(self, interaction: Interaction, data: Mapping[str, Any]) -> None:
        """A modal was sent; those that are not ours are left to whoever sent them."""
        named = submitted_form(data)
        if named is None:
            return
        form = self._forms.get(named[0])
        if form is None:
            await reply(interaction, Reply(_EXPIRED))
            return
        await begin_reply(interaction)
        outcome = await self._judge(person_of(interaction), form, named[1], read_answers(data))
        view = None
        if outcome.may_retry:
            view = retry_view(form.command)
        elif outcome.back_to:
            view = back_view(form.command, outcome.back_to)
        await reply(interaction, outcome, view=view)

    # ------------------------------------------------------------------ asking

    async def _claim(self, person: Person, form: Form, allowance: Allowance) -> Claim:
        return await self._services.challenges.claim(person.place(form.command), allowance)

    def _wants_picture(self, person: Person, claim: Claim) -> bool:
        choice = self._services.settings.picture_challenge
        if choice != "doubtful":
            return choice == "always"
        now = self._services.now()
        signals = Signals(
            account_age_s=(now - person.created_at).total_seconds(),
            in_server_s=(now - person.joined_at).total_seconds() if person.joined_at else None,
            answered_in_s=claim.answered_in_s,
            wrong=claim.wrong,
        )
        return is_doubtful(signals)

    async def _open_worded(self, interaction: Interaction, form: Form, person: Person, until_s: float) -> None:
        challenge = await self._draw("worded")
        challenge_id = new_challenge_id()
        async with asyncio.timeout_at(until_s):
            await self._keep(person, form, challenge_id, challenge)
        await interaction.response.send_modal(make_modal(form, challenge_id, challenge.display, challenge.fields))

    async def _open_kept(self, interaction: Interaction, form: Form, challenge_id: str) -> None:
        place = person_of(interaction).place(form.command)
        async with asyncio.timeout(OPEN_WITHIN_S):
            kept = await self._services.challenges.read(place, challenge_id)
        if kept is None:
            await reply(interaction, Reply(_PICTURE_EXPIRED), view=retry_view(form.command))
            return
        fields = [_field(each) for each in kept["fields"]]
        await interaction.response.send_modal(make_modal(form, challenge_id, kept["display"], fields))

    async def _open_in_words(self, interaction: Interaction, form: Form) -> None:
        person, until_s = person_of(interaction), _until_s()
        async with asyncio.timeout_at(until_s):
            claim = await self._claim(person, form, WORDED)
        if claim.wait_s:
            await reply(interaction, _wait(claim.wait_s))
            return
        await self._open_worded(interaction, form, person, until_s)

    async def _show_another(self, interaction: Interaction, form: Form) -> None:
        person = person_of(interaction)
        async with asyncio.timeout(OPEN_WITHIN_S):
            claim = await self._claim(person, form, ASKED)
        if claim.wait_s:
            await reply(interaction, _wait(claim.wait_s))
            return
        await self._show_picture(interaction, form, person)

    async def _show_picture(self, interaction: Interaction, form: Form, person: Person) -> None:
        await begin_reply(interaction)
        async with asyncio.timeout(DRAWN_WITHIN_S):
            challenge = await self._draw("picture")
        challenge_id = new_challenge_id()
        await self._keep(person, form, challenge_id, challenge)
        # The same name for every picture: names, like alt texts, are read by scripts.
        file = discord.File(
            io.BytesIO(challenge.picture or b""),
            filename=f"question.{challenge.picture_format}",
            description=challenge.alt_text or None,
        )
        view = picture_view(form.command, challenge_id)
        until = when(self._services.settings.challenge_seconds)
        await reply(interaction, Reply(f"{_PICTURE_TEXT} It expires {until}."), view=view, file=file)

    async def _draw(self, kind: Kind) -> Challenge:
        if kind == "worded":
            return draw(self._rng, kind=kind)  # half a millisecond, and nobody's picture stands before it
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._drawers, lambda: draw(self._rng, kind=kind))

    async def _keep(self, person: Person, form: Form, challenge_id: str, challenge: Challenge) -> None:
        kept = {
            "family": challenge.family,
            "secret": challenge.secret,
            "display": challenge.display,
            "fields": [asdict(field) for field in challenge.fields],
        }
        life_s = self._services.settings.challenge_seconds
        await self._services.challenges.keep(person.place(form.command), challenge_id, kept, life_s=life_s)

    # ------------------------------------------------------------------ judging

    async def _judge(
        self, person: Person, form: Form, challenge_id: str, answers: Mapping[str, str | list[str]]
    ) -> Reply:
        challenges, place = self._services.challenges, person.place(form.command)
        # First, so that a mistake in the other fields costs no try: the same challenge may still be answered.
        if mistake := form.check(answers):
            return Reply(mistake, back_to=challenge_id)
        taken = await challenges.take(place, challenge_id)
        if taken.kept is None:
            return _wait(taken.wait_s) if taken.wait_s else Reply(_EXPIRED, may_retry=True)
        field_ids = [each["id"] for each in taken.kept["fields"]]
        if not grade(taken.kept["family"], taken.kept["secret"], challenge_answers(answers, field_ids)):
            if taken.wait_s:
                return Reply(f"{_NOT_RIGHT} You may try again {when(taken.wait_s)}.")
            return Reply(_NOT_RIGHT, may_retry=True)
        await challenges.solved(place)
        return await form.submit(self._services, person, answers)


def _until_s() -> float:
    """When (seconds, the loop's clock) a form that is asked for now must go out."""
    return asyncio.get_running_loop().time() + OPEN_WITHIN_S


def _wait(seconds: float) -> Reply:
    return Reply(f"Those were many tries. You may try again {when(seconds)}.")


def _field(kept: Mapping[str, Any]) -> Field:
    return Field(**{**kept, "options": tuple((value, label) for value, label in kept["options"])})
