"""Forms: what a command asks beside its challenge, how that becomes a modal, and how what was sent is read.

A modal does not survive a restart in discord.py, so none is kept: it is built, sent and forgotten. Its custom id names
the command and the challenge, and what comes back is read from the interaction itself.

Rules:
- at most five components: the form's own questions, then the challenge's text and fields;
- the challenge's fields are called by their place (``a0``, ``a1``): no id tells a family or an answer.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import discord
from discord import ui

from freetheai.bot.person import Person
from freetheai.bot.replies import Reply
from freetheai.bot.services import BotServices
from freetheai.challenge import Field

# Question or field id -> what was typed, or the chosen values.
Answers = Mapping[str, str | list[str]]
QuestionKind = Literal["text", "select", "radio", "checkboxes"]

CUSTOM_ID: Final = "fta"
_SUBMIT: Final = f"{CUSTOM_ID}:form"
_LABEL_CHARS: Final = 45
_SHORT_CHARS: Final = 100
_NOT_CHOSEN: Final = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One component of a form. ``options``: (value, label). Lengths in characters, of what is typed."""

    id: str
    kind: QuestionKind = "text"
    label: str
    description: str = ""
    placeholder: str = ""
    options: tuple[tuple[str, str], ...] = ()
    min_values: int = 1
    max_values: int = 1
    is_required: bool = True
    is_long: bool = False
    min_chars: int = 1
    max_chars: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A command that asks. ``may_open``: what to say instead of opening it, None to open it. ``check``: what is wrong
    with the own answers, "" for nothing; asked before the challenge is taken. ``submit``: do it, the challenge solved.
    """

    command: str
    title: str
    description: str
    questions: tuple[Question, ...]
    may_open: Callable[[BotServices, Person], Awaitable[Reply | None]]
    check: Callable[[Answers], str]
    submit: Callable[[BotServices, Person, Answers], Awaitable[Reply]]


def make_modal(form: Form, challenge_id: str, display: str, fields: Sequence[Field]) -> ui.Modal:
    """The modal that asks the form's questions and the challenge."""
    modal = ui.Modal(title=form.title, custom_id=f"{_SUBMIT}:{form.command}:{challenge_id}", timeout=None)
    for question in form.questions:
        modal.add_item(_labelled(question))
    if display:
        modal.add_item(ui.TextDisplay(display))
    for number, field in enumerate(fields):
        modal.add_item(_labelled(_question(number, field)))
    # Stopped before it is sent, discord.py does not keep it: a form that is closed unsent would stay in memory.
    modal.stop()
    return modal


def submitted_form(data: Mapping[str, Any]) -> tuple[str, str] | None:
    """The command and the challenge's id that a sent modal names; None: it is not one of ours."""
    parts = str(data.get("custom_id", "")).split(":")
    if len(parts) != 4 or ":".join(parts[:2]) != _SUBMIT:
        return None
    return parts[2], parts[3]


def read_answers(data: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """What was typed and chosen, by the component's custom id."""
    answers: dict[str, str | list[str]] = {}
    for top in data.get("components", ()):
        for component in [top["component"]] if "component" in top else top.get("components", ()):
            answers[str(component.get("custom_id", ""))] = _answer(component)
    return answers


def challenge_answers(answers: Answers, field_ids: Sequence[str]) -> dict[str, str | list[str]]:
    """What was answered to the challenge's fields, under the ids that its grading knows."""
    return {field_id: answers.get(f"a{number}", _NOT_CHOSEN) for number, field_id in enumerate(field_ids)}


def text_of(answers: Answers, question_id: str) -> str:
    """What was typed or chosen for a question that has one answer."""
    answer = answers.get(question_id, "")
    if isinstance(answer, str):
        return answer
    return answer[0] if answer else ""


def _answer(component: Mapping[str, Any]) -> str | list[str]:
    values = component.get("values")
    if values is not None:
        return [str(value) for value in values]
    value = component.get("value")
    return "" if value is None else str(value)


def _question(number: int, field: Field) -> Question:
    return Question(
        id=f"a{number}",
        kind=field.kind,
        label=field.label,
        description=field.description,
        placeholder=field.placeholder,
        options=field.options,
        min_values=field.min_values,
        max_values=field.max_values,
        is_required=field.required,
    )


def _labelled(question: Question) -> ui.Label[Any]:
    return ui.Label(
        text=question.label[:_LABEL_CHARS],
        description=question.description[:_SHORT_CHARS] or None,
        component=_component(question),
    )


def _component(question: Question) -> ui.Item[Any]:
    match question.kind:
        case "text":
            return ui.TextInput(
                custom_id=question.id,
                style=discord.TextStyle.paragraph if question.is_long else discord.TextStyle.short,
                placeholder=question.placeholder[:_SHORT_CHARS] or None,
                min_length=question.min_chars if question.is_required else None,
                max_length=question.max_chars,
                required=question.is_required,
            )
        case "select":
            return ui.Select(
                custom_id=question.id,
                placeholder=question.placeholder or None,
                options=[discord.SelectOption(value=value, label=label) for value, label in question.options],
                min_values=question.min_values,
                max_values=question.max_values,
                required=question.is_required,
            )
        case "radio":
            choices = [discord.RadioGroupOption(value=value, label=label) for value, label in question.options]
            return ui.RadioGroup(custom_id=question.id, options=choices, required=question.is_required)
        case "checkboxes":
            boxes = [discord.CheckboxGroupOption(value=value, label=label) for value, label in question.options]
            return ui.CheckboxGroup(
                custom_id=question.id,
                options=boxes,
                min_values=question.min_values,
                max_values=question.max_values,
                required=question.is_required,
            )
