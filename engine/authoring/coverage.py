"""`nsps test --coverage`: the parts of pipelines and connectors that no test exercised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.authoring.testing import Result
from engine.case import TestFile
from engine.catalog import Catalog
from engine.pipeline import Pipeline


def not_exercised(catalog: Catalog, files: Sequence[TestFile], results: Sequence[Result]) -> Iterator[str]:
    """One line a part: pipelines without tests, skip rules that never held, steps never run, operations never called."""
    own = {name for name in catalog.files if not name.startswith("library/")}
    called = {sent.call for result in results for sent in result.sent}
    for pipeline in catalog.pipelines.values():
        mine = [r for r in results if any(f.pipeline == pipeline.name and f.file == r.file for f in files)]
        yield from _of_pipeline(pipeline, mine)
    connectors = {step.connector for p in catalog.pipelines.values() for step in p.dispatch}
    connectors |= {ask.connector for p in catalog.pipelines.values() for ask in p.enrich}
    for name in sorted(connectors):
        for operation in catalog.connectors[name].operations.values():
            if operation.place.file not in own:
                continue  # the library's operations have tests of their own
            if operation.request is not None and f"{name}.{operation.name}" not in called:
                yield f"{operation.place}: no test calls {name}.{operation.name}"


def _of_pipeline(pipeline: Pipeline, results: Sequence[Result]) -> Iterator[str]:
    if not results:
        yield f"{pipeline.place}: pipeline {pipeline.name} has no tests"
        return
    traces = [trace for result in results for trace in result.traces]
    held = {trace.skipped_by for trace in traces}
    for rule in pipeline.skip:
        if rule.when.text not in held:
            yield f"{rule.place}: no test makes this skip rule hold: {rule.when.text}"
    verdicts = {(step.id, step.verdict) for trace in traces for step in trace.steps}
    for step in pipeline.dispatch:
        if not any(id_ == step.id and verdict != "skip" for id_, verdict in verdicts):
            yield f"{step.place}: no test runs step {step.id}"
        if not any(id_ == step.id and verdict in ("retry", "fail") for id_, verdict in verdicts):
            yield f"{step.place}: no test lets step {step.id} end `retry` or `fail`"
