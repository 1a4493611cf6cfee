"""Every form with every challenge: within Discord's limits, its ids telling nothing, and not kept by discord.py."""

import random

import pytest

from freetheai.bot import checkin, resetkey, signup
from freetheai.bot.forms import challenge_answers, make_modal, read_answers, submitted_form
from freetheai.bot.services import BotServices
from freetheai.challenge import FAMILIES, grade
from support.on_loop import on_loop


class Bot:
    """Only takes forms."""

    services: BotServices | None = None
    home = None

    def __init__(self):
        self.forms = []
        self.flow = self
        self.tree = self

    def add(self, form):
        self.forms.append(form)

    def add_command(self, command, *, guild):
        del command, guild


def forms():
    bot = Bot()
    for module in (signup, checkin, resetkey):
        module.install(bot)
    return bot.forms


@pytest.mark.parametrize("form", forms(), ids=lambda form: form.command)
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_form_with_any_challenge_fits_a_modal(form, family):
    @on_loop
    async def run():
        for seed in range(3 if FAMILIES[family].kind == "picture" else 40):
            challenge = FAMILIES[family].draw(random.Random(seed))
            modal = make_modal(form, "some-id", challenge.display, challenge.fields)
            assert modal.is_finished(), "so that discord.py does not keep it"
            sent = modal.to_dict()
            assert len(sent["components"]) <= 5
            assert submitted_form(sent) == (form.command, "some-id")
            ids = [each["component"]["custom_id"] for each in sent["components"] if "component" in each]
            assert ids == [each.id for each in form.questions] + [f"a{n}" for n in range(len(challenge.fields))]

    run()


def test_what_was_sent_is_graded_under_the_challenge_s_own_ids():
    data = {
        "components": [
            {"type": 10, "content": "a text"},
            {"type": 18, "component": {"type": 4, "custom_id": "a0", "value": "Seven"}},
            {"type": 18, "component": {"type": 22, "custom_id": "a1", "values": ["x", "y"]}},
            {"type": 18, "component": {"type": 21, "custom_id": "a2", "value": None}},
        ]
    }
    answers = read_answers(data)
    assert challenge_answers(answers, ["q", "r", "s", "t"]) == {"q": "Seven", "r": ["x", "y"], "s": "", "t": ""}
    secret = {
        "rules": [
            {"field": "q", "rule": "text", "right": ["seven"], "of": 9},
            {"field": "r", "rule": "choice", "right": ["y", "x"], "of": 9},
        ]
    }
    family = next(iter(FAMILIES))
    assert grade(family, secret, challenge_answers(answers, ["q", "r"]))
    assert not grade(family, secret, challenge_answers(answers, ["r", "q"]))


@pytest.mark.parametrize(
    "custom_id", ["", "fta:form:signup", "fta:answer:signup:x", "other:form:signup:x", "fta:form:a:b:c"]
)
def test_modals_of_others_are_left_alone(custom_id):
    assert submitted_form({"custom_id": custom_id}) is None
