"""The event types a pipeline takes, and what `latest` does not go with."""

from __future__ import annotations

from typing import Final

from engine.loading.draft import Use, items
from engine.loading.espf_events import KNOWN, covers, is_pattern, known_matches, malformed_segment
from engine.loading.findings import Spot, did_you_mean
from engine.loading.node import Node
from engine.loading.project import Part, Project
from engine.pipeline import Pipeline

_CONVERGING: Final = ("number", "billing_entity_id")


def check_events(project: Project) -> None:
    """Adds a problem for event types nobody sends, patterns that never match, and `latest` where it loses something."""
    for part in project.pipelines.values():
        for node in items(part.root.get("events")):
            if node.kind == "text":
                _event(project, part, node)
        if part.value.order is not None and part.value.order.mode == "latest":
            _latest(project, part)


def _event(project: Project, part: Part[Pipeline], node: Node) -> None:
    event = node.value
    broken = malformed_segment(event)
    if broken is not None:
        project.findings.warning(
            "NSPS222",
            f"`{event}` never matches: a `*` stands for a whole segment, alone",
            node,
            label=f"the segment `{broken}`",
            notes=("write for instance: SIM/*, Account/Status/*, Account/**",),
        )
    elif is_pattern(event):
        _pattern(project, node)
    elif event not in KNOWN:
        project.findings.warning(
            "NSPS221",
            f"ESPF is not known to send `{event}`",
            node,
            notes=(did_you_mean(event, KNOWN), "event types are compared letter by letter, capitals too"),
        )
    other = covers(event, part.value.events)
    if other and broken is None:
        project.findings.warning(
            "NSPS222", f"`{event}` is already taken by `{other}`", node, notes=("take one of the two out",)
        )


def _pattern(project: Project, node: Node) -> None:
    if known_matches(node.value):
        return
    heads = sorted({known.split("/")[0] for known in KNOWN})
    project.findings.warning(
        "NSPS222",
        f"no event type ESPF is known to send matches `{node.value}`",
        node,
        notes=(
            did_you_mean(node.value.split("/")[0], heads),
            "`*` is one segment, `**` any number: Account/* does not take Account/Status/Suspended",
        ),
    )


def _latest(project: Project, part: Part[Pipeline]) -> None:
    for use in part.uses:
        if use.where.scope != "pipeline.order" and not use.template:
            for path in sorted(use.reads):
                if _more_than_ids(path):
                    _loses(project, use, path)
    for ask in part.value.enrich:
        holder = project.connectors.get(ask.connector)
        uses = [use for use in (holder.uses if holder else []) if use.where.part == ask.enrichment]
        for use in (one for one in uses if one.where.scope in ("enrichment", "shape")):
            more = next((path for path in sorted(use.reads) if _more_than_ids(path)), None)
            if more:
                project.findings.error(
                    "NSPS216",
                    f"`latest` may drop this event, but `{ask.connector}.{ask.enrichment}` reads {'.'.join(more)} of it",
                    Spot(ask.place, len(f"{ask.connector}.{ask.enrichment}")),
                    label=f"at {use.node.place}",
                    notes=("write: mode: strict",),
                )
                break


def _loses(project: Project, use: Use, path: tuple[str, ...]) -> None:
    name = ".".join(path)
    project.findings.error(
        "NSPS216",
        f"`latest` may drop this event, but {name} of it is read",
        use.spot(name),
        label="gone with a superseded event",
        notes=(
            "`latest` is for flows that read the state anew: read event_type and ids (i_*, number, billing_entity_id) only",
            "or write: mode: strict",
        ),
    )


def _more_than_ids(path: tuple[str, ...]) -> bool:
    if path[0] != "data" or path[1:2] == ("event_type",):
        return False
    name = path[2] if len(path) > 2 and path[1] == "variables" else ""
    return not (name.startswith("i_") or name in _CONVERGING)
