"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from engine.terminal import say

ProjectOption = Annotated[
    Path, typer.Option("--project", "-C", envvar="NSPS_PROJECT", help="The project folder.", show_default="this folder")
]
FormatOption = Annotated[Literal["text", "json"], typer.Option("--format", help="json for programs.")]
StateOption = Annotated[
    Literal["waiting", "running", "delivered", "skipped", "superseded", "failed", "unrouted"] | None,
    typer.Option(
        "--state", help="Only these; what is tried again is waiting, what was sent again is no longer failed."
    ),
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many, at most.")]
PipelineOption = Annotated[str | None, typer.Option("--pipeline", "-p", help="Only this pipeline.")]
TypeOption = Annotated[str | None, typer.Option("--type", help="Only this event type.")]
ConnectorOption = Annotated[str | None, typer.Option("--connector", "-c", help="Only this connector.")]
HostOption = Annotated[str, typer.Option("--host", help="The address to listen at.")]
PortOption = Annotated[int, typer.Option("--port", envvar="PORT", min=0, max=65535, help="The port to listen at.")]
SinceOption = Annotated[str | None, typer.Option("--since", help="A duration such as 2h, or an instant.")]
EventArgument = Annotated[
    str, typer.Argument(help="An event id (or its beginning), an i_event, or a delivery's number.")
]
AgainArgument = Annotated[
    str | None,
    typer.Argument(help="An event (its failed deliveries, or routed again if none took it) or a delivery's number."),
]
AgainOption = Annotated[
    Literal["failed", "unrouted"] | None,
    typer.Option("--state", help="All that failed and was not sent again, or all that no pipeline took."),
]
ResendOption = Annotated[
    list[str] | None, typer.Option("--resend", help="A `once` step of unknown outcome: send it again.")
]
AssumeDoneOption = Annotated[
    list[str] | None, typer.Option("--assume-done", help="A `once` step of unknown outcome: it was done.")
]
HERE = Path()


def tell_version(asked: bool) -> None:
    """Prints the version and ends, when asked to."""
    if asked:
        from importlib.metadata import version

        say(f"nsps {version('nsps')}")
        raise typer.Exit


VersionOption = Annotated[bool, typer.Option("--version", help="Print the version.", callback=tell_version)]
