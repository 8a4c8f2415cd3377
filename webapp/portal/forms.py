"""Forms: what pages send, checked for shape before a service sees it.

Rule: a form checks form; meaning (uniqueness, limits, permissions) is the services'. What a service refuses is shown
at the field it names, else above the form. Passwords and credentials are never sent back to the page.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import g
from flask_wtf import FlaskForm
from wtforms import Field
from wtforms.fields import choices
from wtforms.validators import DataRequired

from common.errors import DomainError, Invalid, PlanLimitReached


class Form(FlaskForm):
    """`refused` is what the form as a whole was refused for."""

    refused: DomainError | None = None

    @property
    def is_full(self) -> bool:
        """Whether the plan leaves no room for what the form would add."""
        return isinstance(self.refused, PlanLimitReached)

    def refuse(self, error: DomainError) -> None:
        """Attach what a service said, to the field at fault when it named one."""
        named = error.details.get("field")
        if named in self._fields:
            self[named].errors = [*self[named].errors, error.message]
        elif not isinstance(error, FormRefused):
            self.refused = error


class FormRefused(Invalid):
    """The form's own checks failed; each field carries its sentence."""

    def __init__(self) -> None:
        super().__init__("Some fields need another look.")


class Confirmation(Form):
    """For a page that says what will happen and asks once more: it stays when what was asked could not be done."""


F = TypeVar("F", bound=Form)


def read(kind: type[F], prepare: Callable[[F], None] | None = None) -> F:
    """The form that was sent. Raises FormRefused; should anything else refuse it, the page shows this one again.

    `prepare` fills in what there is to choose from.
    """
    form = kind()
    g.form = form
    if prepare is not None:
        prepare(form)
    if not form.validate():
        raise FormRefused
    return form


def shown(kind: type[F], **arguments: Any) -> F:
    """The form to show: the one that was just refused, else a fresh one."""
    form = g.get("form")
    return form if isinstance(form, kind) else kind(formdata=None, **arguments)


def needed(sentence: str) -> list[DataRequired]:
    """For a field that must not be empty: all that are get their sentence at once, not one after the other."""
    return [DataRequired(sentence)]


def choice(value: str, label: str) -> Any:
    """One of what a field offers."""
    return choices.SelectChoice(value, label)  # type: ignore[attr-defined]  # newer than the stubs of WTForms


def as_whole_number(field: Field) -> int:
    """Raises Invalid naming the field. Digits only, and few: int() would also take '1_000' and ten thousand digits."""
    text = (field.data or "").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Invalid("This takes a whole number.", field.short_name)
    return int(text)
