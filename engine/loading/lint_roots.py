"""Whether the first name of a path is known where it stands (the table in roots.py)."""

from __future__ import annotations

from collections.abc import Iterator

from engine.auth import SessionAuth
from engine.connector import Connector
from engine.loading.draft import Use
from engine.loading.findings import did_you_mean
from engine.loading.project import Part, Project
from engine.loading.roots import ENRICHED_LATER, ROOTS, TITLES
from engine.pipeline import Pipeline

_OF_STEPS = ("steps", "item", "index")


def check_root(project: Project, part: Part[Connector] | Part[Pipeline], use: Use, path: tuple[str, ...]) -> bool:
    """Whether the root is known there; a problem is added when not."""
    root, scope = path[0], use.where.scope
    if root not in ROOTS[scope]:
        _unknown(project, part, use, path)
        return False
    if root in _OF_STEPS and scope in ("map", "skip", "search"):
        project.findings.error(
            "NSPS211",
            f"`{root}` is not known in {TITLES[scope]}: no step has run yet",
            use.spot(root),
            notes=("`map`, `skip` and `search` come before `dispatch`; move it to a step's `when` or `with`",),
        )
        return False
    if root == "session" and isinstance(part.value, Connector) and not isinstance(part.value.auth, SessionAuth):
        project.findings.error(
            "NSPS214",
            f"connector `{part.value.name}` has no session",
            use.spot(root),
            notes=("`session` is the result of the login that  auth: {kind: session, login: …}  names",),
        )
        return False
    if root in ("item", "index") and not _repeats(part, use):
        project.findings.error(
            "NSPS214",
            f"`{root}` is known only in a step with `for_each`",
            use.spot(root),
            notes=("give the step a `for_each:`, or name the value itself",),
        )
        return False
    return True


def _repeats(part: Part[Connector] | Part[Pipeline], use: Use) -> bool:
    """Whether a use that reads `item` stands in a step with `for_each`; a request may be called from one."""
    if use.where.scope not in ("dispatch", "steps", "steps.result"):
        return True
    value = part.value
    if isinstance(value, Pipeline):
        steps = value.dispatch
    else:
        operation = value.operations.get(use.where.part)
        steps = operation.steps if operation else ()
    at = use.where.at
    return 0 <= at < len(steps) and steps[at].for_each is not None


def _unknown(project: Project, part: Part[Connector] | Part[Pipeline], use: Use, path: tuple[str, ...]) -> None:
    root, scope = path[0], use.where.scope
    elsewhere = any(root in roots for roots in ROOTS.values())
    project.findings.error(
        "NSPS214",
        f"`{root}` is not known in {TITLES[scope]}" if elsewhere else f"there is no `{root}`",
        use.spot(root),
        notes=(*_advice(part, use, path), f"known here: {', '.join(ROOTS[scope])}"),
    )


def _advice(part: Part[Connector] | Part[Pipeline], use: Use, path: tuple[str, ...]) -> Iterator[str]:
    root, scope = path[0], use.where.scope
    rooted = _with_root(part, use, root)
    if root in ENRICHED_LATER and scope in ("pipeline.when", "pipeline.order"):
        yield "an event is routed before anything is asked: decide by its facts under `skip:`"
    elif root == "vars" and scope in ("pipeline.when", "pipeline.order"):
        yield "an event is routed before `map` is worked out: read it from data.variables"
    elif root == "vars" and isinstance(part.value, Connector):
        yield "a connector does not know the pipelines that call it: take the value as an argument, args.NAME"
    elif rooted:
        yield f"write: {rooted}"
    elif root == "env":
        yield "the environment comes in under `config:`, as ${NAME}; write config.NAME"
    elif near := did_you_mean(root, ROOTS[scope]):
        yield near
    elif _is_text(use, path):
        yield f"did you mean the text `{root}`?  write: '{root}'"


def _with_root(part: Part[Connector] | Part[Pipeline], use: Use, name: str) -> str:
    """The name with the root it lacks, where something of this file has it."""
    value, roots = part.value, ROOTS[use.where.scope]
    if isinstance(value, Pipeline):
        if "vars" in roots and name in {entry.name for entry in value.map}:
            return f"vars.{name}"
        if "pb_data" in roots and name in {ask.enrichment for ask in value.enrich}:
            return f"pb_data.{name}"
        return f"data.{name}" if name in ("event_type", "variables") else ""
    operation = value.operations.get(use.where.part)
    if "args" in roots and operation and name in {argument.name for argument in operation.args}:
        return f"args.{name}"
    return f"config.{name}" if name in value.config else ""


def _is_text(use: Use, path: tuple[str, ...]) -> bool:
    """A whole expression that is one bare word: most likely a constant without its quotes."""
    return not use.template and len(path) == 1 and use.text.strip() == path[0]
