"""`nsps refused` and what belongs to it."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from engine.command import run_async
from engine.command_options import HERE, FormatOption, LimitOption, ProjectOption

refused_app = typer.Typer(help="What senders posted and was not taken.", invoke_without_command=True)


@refused_app.callback()
def refused(
    context: typer.Context,
    limit: LimitOption = 50,
    form: FormatOption = "text",
    project: ProjectOption = HERE,
) -> None:
    """What senders posted and was not taken, newest first."""
    from engine.management import commands as desk

    if context.invoked_subcommand is None:
        run_async(desk.refused(project, os.environ, limit, form))


@refused_app.command()
def admit(
    refusal: Annotated[int, typer.Argument(metavar="ID", help="Its number in `nsps refused`.")],
    project: ProjectOption = HERE,
) -> None:
    """Take a refused body in after all: it is stored and delivered like any event."""
    from engine.management import commands as desk

    run_async(desk.admit(project, os.environ, refusal))
