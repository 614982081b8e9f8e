"""Failures that a person can act on: a sentence, without a traceback."""

from __future__ import annotations

from typing import IO, Any

import click


class UserError(click.ClickException):
    """Says what was expected, what was found and what would work. Exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"microtui: {self.format_message()}", err=True)


def explained(error: BaseException) -> str | None:
    """The sentence of an error that was meant for people, or None for one that was not."""
    if isinstance(error, click.ClickException):
        return error.format_message()
    if getattr(error, "for_people", False):
        return str(error)
    return None
