"""`nsps`: each command parses its arguments and calls one function."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from engine.command import at_the_keyboard, print_json, print_lines, run_async
from engine.command_options import (
    HERE,
    AgainArgument,
    AgainOption,
    AssumeDoneOption,
    ConnectorOption,
    EventArgument,
    FormatOption,
    HostOption,
    LimitOption,
    PipelineOption,
    PortOption,
    ProjectOption,
    ResendOption,
    SinceOption,
    StateOption,
    TypeOption,
    VersionOption,
)
from engine.command_refused import refused_app
from engine.terminal import coloured, say

commands = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="PortaBilling events in, every external system in step. Start with: nsps init, nsps validate, nsps test, nsps run.",
)


@commands.callback()
def nsps(version: VersionOption = False) -> None:
    """Every command's own help: nsps COMMAND --help."""


@commands.command()
def validate(
    paths: Annotated[list[Path] | None, typer.Argument(help="Report on these files or folders only.")] = None,
    form: Annotated[Literal["text", "json", "github", "sarif", "junit"], typer.Option("--format")] = "text",
    strict: Annotated[bool, typer.Option("--strict", help="Warnings refuse, too.")] = False,
    project: ProjectOption = HERE,
) -> None:
    """Check everything: all problems at once, each with what to write instead. Needs no secrets and no network."""
    from engine.authoring.validate import check, chosen, refuses, report

    loaded = check(project)
    problems = chosen(loaded, project, paths or ())
    say(report(loaded, problems, form, colour=coloured()))
    raise typer.Exit(refuses(problems, strict=strict))


@commands.command()
def test(
    paths: Annotated[list[Path] | None, typer.Argument(help="Run these test files only.")] = None,
    match: Annotated[str, typer.Option("-k", help="Run tests whose name holds this text.")] = "",
    junit: Annotated[Path | None, typer.Option("--junit", help="Write a JUnit report to this file.")] = None,
    coverage: Annotated[bool, typer.Option("--coverage", help="List what no test exercised.")] = False,
    form: FormatOption = "text",
    project: ProjectOption = HERE,
) -> None:
    """Run the *.test.yaml files: the production journey on a virtual clock, without sockets."""
    from engine.authoring.testing import TestRun, run_tests

    asked = TestRun(project=project, paths=tuple(paths or ()), match=match, junit=junit, coverage=coverage)
    raise typer.Exit(run_tests(asked, form))


@commands.command("dry-run")
def dry_run(
    event: Annotated[
        str, typer.Argument(help="A file with an ESPF event or an enriched envelope; - reads it from standard input.")
    ],
    reply: Annotated[
        list[Path] | None, typer.Option("--reply", help="A YAML file: operation to its replies, as in tests.")
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Make the read-only calls for real.")] = False,
    pipeline: PipelineOption = None,
    full: Annotated[bool, typer.Option("--full", help="Bodies of reads and pb_data, too.")] = False,
    form: FormatOption = "text",
    project: ProjectOption = HERE,
) -> None:
    """Send one event through the real journey and show what would happen. Nothing is changed anywhere."""
    from engine.authoring.dry_run import DryRun, dry_run_command

    asked = DryRun(project=project, event=event, replies=tuple(reply or ()), live=live, pipeline=pipeline, full=full)
    raise typer.Exit(dry_run_command(asked, os.environ, form))


@commands.command()
def run(host: HostOption = "127.0.0.1", port: PortOption = 8000, project: ProjectOption = HERE) -> None:
    """Everything in one process: receive, store, deliver."""
    from engine.run import run_command

    raise typer.Exit(run_command(project, os.environ, host, port))


@commands.command()
def serve(host: HostOption = "127.0.0.1", port: PortOption = 8000, project: ProjectOption = HERE) -> None:
    """Receive and store; workers deliver. Start as many as you like, behind a load balancer."""
    from engine.run import run_command

    raise typer.Exit(run_command(project, os.environ, host, port, "receiver"))


@commands.command()
def worker(
    processes: Annotated[
        int | None, typer.Option("--processes", min=1, help="How many.", show_default="one for each processor")
    ] = None,
    project: ProjectOption = HERE,
) -> None:
    """Deliver, in several processes. Start it on as many hosts as you like."""
    from engine.supervisor import supervise_command

    raise typer.Exit(supervise_command(project, os.environ, processes or os.cpu_count() or 1))


@commands.command()
def demo(serve: Annotated[bool, typer.Option("--serve", help="Leave it running.")] = False) -> None:
    """The whole system against simulators: a story in well under 20 seconds."""
    from engine.authoring.demo import demo as tell_demo

    raise typer.Exit(run_async(tell_demo(serve, say)))


@commands.command()
def events(
    find: Annotated[
        str | None, typer.Argument(help="An event id, i_event, i_account, or a search key such as an IMSI.")
    ] = None,
    state: StateOption = None,
    pipeline: PipelineOption = None,
    event_type: TypeOption = None,
    since: SinceOption = None,
    before: Annotated[str | None, typer.Option("--before", help="The last event id of the page before.")] = None,
    limit: LimitOption = 50,
    form: FormatOption = "text",
    project: ProjectOption = HERE,
) -> None:
    """List events, newest first, and where each delivery stands."""
    from engine.management import commands as desk
    from engine.storage.protocol import EventFilter

    wanted = EventFilter(find=find, state=state, pipeline=pipeline, event_type=event_type, before=before, limit=limit)
    run_async(desk.events(project, os.environ, wanted, since, form))


@commands.command()
def show(
    event: EventArgument,
    full: Annotated[bool, typer.Option("--full", help="Bodies and pb_data, too.")] = False,
    form: FormatOption = "text",
    project: ProjectOption = HERE,
) -> None:
    """One event's story: what was asked, mapped, sent and answered in each attempt."""
    from engine.management import commands as desk

    run_async(desk.show(project, os.environ, event, full, form))


@commands.command()
def why(
    event: EventArgument,
    form: FormatOption = "text",
    project: ProjectOption = HERE,
) -> None:
    """Why each pipeline takes an event or not, with the values its conditions saw."""
    from engine.management import commands as desk

    run_async(desk.why(project, os.environ, event, form))


@commands.command()
def replay(
    what: AgainArgument = None,
    state: AgainOption = None,
    pipeline: PipelineOption = None,
    event_type: TypeOption = None,
    since: SinceOption = None,
    resend: ResendOption = None,
    assume_done: AssumeDoneOption = None,
    project: ProjectOption = HERE,
) -> None:
    """Send again: new deliveries, in their lanes by the time of replay."""
    from engine.management import commands as desk
    from engine.management.replay import Replay, refuse_both_ways
    from engine.storage.protocol import EventFilter

    asked = Replay(what=what or "", pipeline=pipeline, resend=tuple(resend or ()), assume_done=tuple(assume_done or ()))
    wanted = EventFilter(state=state, pipeline=pipeline, event_type=event_type)
    refuse_both_ways(asked, wanted, since)
    if what is not None:
        run_async(desk.replay(project, os.environ, asked))
    else:
        run_async(desk.replay_many(project, os.environ, wanted, since, asked))


@commands.command()
def pause(
    pipeline: PipelineOption = None,
    connector: ConnectorOption = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for whoever looks next.")] = "",
    project: ProjectOption = HERE,
) -> None:
    """Hold everything back, or a pipeline, or all that uses a connector. Events are still taken and stored."""
    from engine.management import commands as desk

    run_async(desk.pause(project, os.environ, (pipeline, connector), reason))


@commands.command()
def resume(pipeline: PipelineOption = None, connector: ConnectorOption = None, project: ProjectOption = HERE) -> None:
    """Let it go on, in order. Also lifts the hold of a connector whose login was refused."""
    from engine.management import commands as desk

    run_async(desk.resume(project, os.environ, (pipeline, connector)))


@commands.command()
def status(form: FormatOption = "text", project: ProjectOption = HERE) -> None:
    """How things stand: what is paused, waiting, failed, and which processes run."""
    from engine.management import commands as desk

    run_async(desk.status(project, os.environ, form))


commands.add_typer(refused_app, name="refused")


@commands.command()
def init(
    pipelines: Annotated[
        list[str] | None, typer.Argument(help="Pipelines of the library to copy, such as wtl-hlr-hss.")
    ] = None,
    project: ProjectOption = HERE,
) -> None:
    """Start a project in an empty folder."""
    from engine.authoring.init import init_command

    print_lines(init_command(project, pipelines or ()))


@commands.command()
def schema(kind: Annotated[str, typer.Argument(help="nsps, connector, pipeline or test.")]) -> None:
    """Print the JSON Schema of a kind of file."""
    from engine.authoring.explain import schema_text

    say(schema_text(kind))


@commands.command()
def explain(code: Annotated[str, typer.Argument(help="Such as NSPS104.")]) -> None:
    """Explain a code that validate printed."""
    from engine.authoring.explain import explain as explain_code

    say(explain_code(code))


@commands.command()
def audit(since: SinceOption = None, form: FormatOption = "text", project: ProjectOption = HERE) -> None:
    """The ledger: every request, event and delivery accounted for. Exit 1 on a gap."""
    from engine.management import commands as desk

    raise typer.Exit(run_async(desk.audit(project, os.environ, since, form)))


@commands.command()
def migrate(project: ProjectOption = HERE) -> None:
    """Bring the store's schema to this version."""
    from engine.management import commands as desk

    run_async(desk.migrate(project, os.environ))


@commands.command()
def doctor(form: FormatOption = "text", project: ProjectOption = HERE) -> None:
    """Check this installation and project: variables, store, disk, reachability. Exit 1 when something must be done."""
    from engine.authoring.doctor import doctor_report

    report = run_async(doctor_report(project, os.environ))
    print_json(report.as_json()) if form == "json" else print_lines(report.lines())
    raise typer.Exit(not report.healthy)


def app() -> None:
    """The `nsps` command."""
    at_the_keyboard(commands)
