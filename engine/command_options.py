"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ProjectOption = Annotated[
    Path, typer.Option("--project", "-C", envvar="NSPS_PROJECT", help="The project folder.", show_default="this folder")
]
FormatOption = Annotated[str, typer.Option("--format", help="text, or json for programs.")]
PipelineOption = Annotated[str | None, typer.Option("--pipeline", "-p", help="Only this pipeline.")]
ConnectorOption = Annotated[str | None, typer.Option("--connector", "-c", help="Only this connector.")]
HostOption = Annotated[str, typer.Option("--host", help="The address to listen at.")]
PortOption = Annotated[int, typer.Option("--port", envvar="PORT", help="The port to listen at.")]
SinceOption = Annotated[str | None, typer.Option("--since", help="A duration such as 2h, or an instant.")]
HERE = Path()
