"""Whether each name an expression or template reads is there: its root, and the name after it."""

from __future__ import annotations

from collections.abc import Iterable

from engine.connector import Connector, Step
from engine.loading.draft import Use
from engine.loading.findings import did_you_mean, known_names
from engine.loading.lint_roots import check_root
from engine.loading.project import Part, Project
from engine.loading.roots import PB_DATA, REPLIED
from engine.pipeline import Pipeline


def check_reads(project: Project) -> None:
    """Adds a problem for each name that nothing sets."""
    for connector in project.connectors.values():
        for use in connector.uses:
            for path in sorted(use.reads):
                if check_root(project, connector, use, path):
                    _in_connector(project, connector, use, path)
    for pipeline in project.pipelines.values():
        for use in pipeline.uses:
            for path in sorted(use.reads):
                if check_root(project, pipeline, use, path):
                    _in_pipeline(project, pipeline, use, path)


def _in_connector(project: Project, part: Part[Connector], use: Use, path: tuple[str, ...]) -> None:
    if len(path) < 2:
        return
    if path[0] == "config":
        _config(project, use, path, part.value.config, f"`config:` of connector `{part.value.name}`")
    elif path[0] == "args":
        _args(project, part, use, path)
    elif path[0] == "steps" and use.where.part in part.value.operations:
        _steps(project, use, path, part.value.operations[use.where.part].steps)
    elif path[0] == "pb_data":
        _block_of_connector(project, part, use, path)
    elif path[0] == "data":
        _data(project, use, path)


def _in_pipeline(project: Project, part: Part[Pipeline], use: Use, path: tuple[str, ...]) -> None:
    if len(path) < 2:
        return
    if path[0] == "config" and project.settings is not None:
        _config(project, use, path, project.settings.value.config, "`config:` of nsps.yaml")
    elif path[0] == "vars":
        _vars(project, part, use, path)
    elif path[0] == "steps":
        _steps(project, use, path, part.value.dispatch)
    elif path[0] == "pb_data":
        _block_of_pipeline(project, part, use, path)
    elif path[0] == "data":
        _data(project, use, path)


def _config(project: Project, use: Use, path: tuple[str, ...], known: Iterable[str], where: str) -> None:
    names = [name for name in known if not name.startswith("${")]
    if path[1] in known:
        return
    project.findings.error(
        "NSPS205",
        f"nothing sets config.{path[1]}",
        use.spot(f"config.{path[1]}"),
        notes=(
            did_you_mean(path[1], names) or known_names(f"names in {where}", names),
            _not_of_nsps_yaml(project, path[1], where),
            f"or add to {where}:  {path[1]}: …",
        ),
    )


def _not_of_nsps_yaml(project: Project, name: str, where: str) -> str:
    settings = project.settings
    if settings is None or "connector" not in where or name not in settings.value.config:
        return ""
    return (
        "a connector sees its own `config:` only, not that of nsps.yaml; the pipeline can hand it over as an argument"
    )


def _args(project: Project, part: Part[Connector], use: Use, path: tuple[str, ...]) -> None:
    operation = part.value.operations.get(use.where.part)
    if operation is None or path[1] in {argument.name for argument in operation.args}:
        return
    node = (part.root.get("operations") or part.root).get(operation.name)
    if not part.sound(node, node.get("args") if node is not None else None):
        return
    names = [argument.name for argument in operation.args]
    project.findings.error(
        "NSPS209",
        f"operation `{operation.name}` has no argument `{path[1]}`",
        use.spot(f"args.{path[1]}"),
        notes=(
            did_you_mean(path[1], names) or known_names("arguments", names),
            f"or add under its `args:`  {path[1]}: {{type: string}}",
        ),
    )


def _vars(project: Project, part: Part[Pipeline], use: Use, path: tuple[str, ...]) -> None:
    names = [entry.name for entry in part.value.map]
    if path[1] not in names:
        if part.sound(part.root, part.root.get("map")):
            project.findings.error(
                "NSPS209",
                f"nothing sets vars.{path[1]}",
                use.spot(f"vars.{path[1]}"),
                notes=(
                    did_you_mean(path[1], names) or known_names("map entries", names),
                    f"or add to `map`:  {path[1]}: …",
                ),
            )
    elif use.where.scope == "map" and names.index(path[1]) >= use.where.at:
        _too_early(project, use, path[1])


def _too_early(project: Project, use: Use, name: str) -> None:
    itself = name == use.where.part
    project.findings.error(
        "NSPS210",
        f"`{name}` is worked out from itself" if itself else f"vars.{name} is used before it is set",
        use.spot(f"vars.{name}"),
        notes=("give one of the two another name" if itself else f"move the entry `{name}` above `{use.where.part}`",),
    )


def _steps(project: Project, use: Use, path: tuple[str, ...], steps: tuple[Step, ...]) -> None:
    ids = [step.id for step in steps]
    last = len(ids) if use.where.scope == "steps.result" else use.where.at
    if path[1] not in ids[:last]:
        later = path[1] in ids
        project.findings.error(
            "NSPS211",
            f"step `{path[1]}` runs later" if later else f"no step has the id `{path[1]}`",
            use.spot(f"steps.{path[1]}"),
            notes=(
                "" if later else did_you_mean(path[1], ids),
                known_names("earlier steps", ids[:last]),
            ),
        )
    elif len(path) > 2 and path[2] not in REPLIED:
        project.findings.error(
            "NSPS211",
            f"a step has no `{path[2]}`",
            use.spot(f"steps.{path[1]}.{path[2]}"),
            notes=(
                did_you_mean(path[2], REPLIED) or f"write for instance: steps.{path[1]}.result.{path[2]}",
                known_names(f"steps.{path[1]} has", REPLIED),
            ),
        )


def _block_of_connector(project: Project, part: Part[Connector], use: Use, path: tuple[str, ...]) -> None:
    known = {name for one in project.connectors.values() for name in one.value.enrichments} | set(PB_DATA)
    if path[1] in known or not part.sound(part.root, part.root.get("enrichments")):
        return
    project.findings.error(
        "NSPS212",
        f"no enrichment sets pb_data.{path[1]}",
        use.spot(f"pb_data.{path[1]}"),
        notes=(did_you_mean(path[1], known) or known_names("enrichments", part.value.enrichments),),
    )


def _block_of_pipeline(project: Project, part: Part[Pipeline], use: Use, path: tuple[str, ...]) -> None:
    asked = [ask.enrichment for ask in part.value.enrich]
    if path[1] in asked or not part.sound(part.root, part.root.get("enrich")) or not _all_found(project, part):
        return
    if use is not _first_that_reads(part, path[1]):
        return
    if not _asks_portabilling(project) and path[1] in PB_DATA:
        return
    holders = [f"{name}.{path[1]}" for name, one in project.connectors.items() if path[1] in one.value.enrichments]
    project.findings.error(
        "NSPS212",
        f"no enrichment of this pipeline sets pb_data.{path[1]}",
        use.spot(f"pb_data.{path[1]}"),
        notes=(
            "" if holders else did_you_mean(path[1], asked),
            f"add to `enrich`:  - {holders[0]}" if holders else known_names("it asks for", asked),
        ),
    )


def _all_found(project: Project, part: Part[Pipeline]) -> bool:
    """Whether each enrichment it asks for is there; else a missing block may be the one that was meant."""
    return all(
        ask.connector in project.connectors and ask.enrichment in project.connectors[ask.connector].value.enrichments
        for ask in part.value.enrich
    )


def _first_that_reads(part: Part[Pipeline], block: str) -> Use | None:
    return next((use for use in part.uses if any(path[:2] == ("pb_data", block) for path in use.reads)), None)


def _asks_portabilling(project: Project) -> bool:
    """Whether events may come without their facts; where all come from an NSPS, they bring them."""
    receive = project.settings.value.receive if project.settings else None
    return receive is None or receive.espf is not None or receive.nsps is None


def _data(project: Project, use: Use, path: tuple[str, ...]) -> None:
    if path[1] in ("event_type", "variables", "i_event"):  # older ESPF text puts i_event beside variables
        return
    project.findings.error(
        "NSPS215",
        f"events carry no data.{path[1]}",
        use.spot(f"data.{path[1]}"),
        label="`data` has `event_type` and `variables`",
        notes=(did_you_mean(path[1], ("event_type", "variables")) or f"write: data.variables.{path[1]}",),
    )
