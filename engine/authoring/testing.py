"""`nsps test`: the *.test.yaml files, run as production runs, without sockets and without waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.authoring.comparing import Difference, differences
from engine.authoring.connector_case import run_connector_case, with_config
from engine.authoring.rehearsal import Seen, only, rehearse
from engine.authoring.script import Script, Sent
from engine.case import Case, Expect, TestFile
from engine.catalog import Catalog
from engine.command import print_json, print_lines
from engine.delivery import Trace
from engine.errors import ConfigurationRefused, EventRefused, WrongUse
from engine.expressions.time_functions import parse_time
from engine.loading.load import load_project
from engine.masking import Masker

START = datetime(2030, 1, 1, tzinfo=UTC)  # when a test begins that does not say `now`


@dataclass(slots=True, kw_only=True)
class Result:
    """One test's result; it passed when there are no differences."""

    file: str
    case: Case
    differences: list[Difference] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    took_s: float = 0.0

    @property
    def passed(self) -> bool:
        return not self.differences


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRun:
    """What the command line asked for."""

    __test__ = False

    project: Path
    paths: tuple[Path, ...] = ()
    match: str = ""
    junit: Path | None = None
    coverage: bool = False


def run_cases(catalog: Catalog, files: tuple[TestFile, ...], match: str) -> Iterator[Result]:
    """The result of each test whose name holds `match`, in the order they are written."""
    with asyncio.Runner() as runner:
        for file in files:
            for case in file.cases:
                if match.lower() in case.name.lower():
                    yield runner.run(run_case(catalog, file, case))


async def run_case(catalog: Catalog, file: TestFile, case: Case) -> Result:
    """One test's result. What breaks in it is a difference, never an exception."""
    started = time.perf_counter()
    result = Result(file=file.file, case=case)
    try:
        if file.pipeline is not None:
            await _pipeline_case(only(catalog, file.pipeline, {**file.config, **case.config}), file, case, result)
        elif file.connector is not None:
            await _connector_case(
                with_config(catalog, file.connector, {**file.config, **case.config}), file, case, result
            )
    except EventRefused as refused:
        result.differences.append(
            Difference(message=f"the receiver would refuse its event: {refused}", place=case.place)
        )
    result.took_s = time.perf_counter() - started
    return result


def _start(file: TestFile, case: Case) -> datetime:
    said = case.now or file.now
    return datetime.fromtimestamp(parse_time(said), UTC) if said else START


async def _pipeline_case(catalog: Catalog, file: TestFile, case: Case, result: Result) -> None:
    pipeline = file.pipeline or ""
    rehearsal, store = await rehearse(catalog, case.replies, _start(file, case))
    try:
        expects = [*case.expects, *[Expect(place=case.place)] * (len(case.events) - len(case.expects))]
        seen = await rehearsal.run(pipeline, case.events, [expect.attempts for expect in expects])
    finally:
        await store.close()
    result.traces = [trace for one in seen for trace in one.traces]
    result.sent = rehearsal.script.sent
    _note_missing(rehearsal.script, result)
    sent = [_masked(one, rehearsal.masker) for one in rehearsal.script.sent if not one.read_only and not one.login]
    result.differences += list(_against(expects, seen, sent, catalog))


def _against(expects: list[Expect], seen: list[Seen], sent: list[Sent], catalog: Catalog) -> Iterator[Difference]:
    for number, (expect, one) in enumerate(zip(expects, seen, strict=True), start=1):
        mine = [request for request in sent if request.trace_id == one.trace_id]
        lines = _ending(one, expect)
        for found in differences(expect, one.values(), mine, catalog):
            told = f"event {number}: {found.message}" if len(expects) > 1 else found.message
            yield Difference(message=told, place=found.place, lines=(*lines, *found.lines))
            lines = ()


def _ending(seen: Seen, expect: Expect) -> tuple[str, ...]:
    """What to know beside the first difference: how it ended, where that was not well."""
    lines: list[str] = []
    if seen.outcome == "retrying" and expect.attempts is None:
        lines.append(f"stopped after {seen.attempts} attempts; name `attempts` to stop earlier")
    if seen.reason and seen.outcome != "delivered":
        word = "its reason" if "outcome" in expect.fields else f"it ended {seen.outcome}"
        lines.append(f"{word}: {seen.reason}")
    return tuple(lines)


async def _connector_case(catalog: Catalog, file: TestFile, case: Case, result: Result) -> None:
    connector = file.connector or ""
    values, script, trace = await run_connector_case(catalog, connector, case, _start(file, case))
    result.traces, result.sent = [trace], script.sent
    _note_missing(script, result)
    masker = Masker(catalog.secrets)
    wants_reads = any(one.call in _reads(catalog) for expect in case.expects for one in expect.requests or ())
    sent = [_masked(one, masker) for one in script.sent if wants_reads or not one.read_only or one.login]
    for expect in case.expects:
        result.differences += differences(expect, values, sent, catalog)


def _reads(catalog: Catalog) -> frozenset[str]:
    return frozenset(
        f"{connector.name}.{operation.name}"
        for connector in catalog.connectors.values()
        for operation in connector.operations.values()
        if operation.read_only
    )


def _note_missing(script: Script, result: Result) -> None:
    for name in dict.fromkeys(script.missing):
        message = f"{name} was called, but the test has no reply for it and the operation no example"
        result.differences.append(Difference(message=message, place=result.case.place))


def _masked(sent: Sent, masker: Masker) -> Sent:
    request: Any = masker.value(dict(sent.request))
    return replace(sent, request=request)


def run_tests(asked: TestRun, form: str) -> int:
    """Runs and prints; returns 0 when all passed, 1 otherwise. Raises ConfigurationRefused, WrongUse."""
    from engine.authoring import coverage, test_report

    loaded = load_project(asked.project, {}, placeholders=True)
    if loaded.catalog is None:
        raise ConfigurationRefused(loaded.problems, loaded.texts)
    files = _files(loaded.tests, asked)
    results = list(run_cases(loaded.catalog, files, asked.match))
    if not results:
        raise WrongUse(f"no test's name holds {asked.match!r}" if asked.match else _NO_TESTS)
    if asked.junit:
        _write(asked.junit, test_report.junit(results))
    missed = list(coverage.not_exercised(loaded.catalog, files, results)) if asked.coverage else None
    if form == "json":
        print_json(test_report.as_json(results) | ({} if missed is None else {"not_exercised": missed}))
    else:
        print_lines(test_report.result_lines(results))
        print_lines((missed or ["every part of every pipeline was exercised"]) if missed is not None else ())
    return int(any(not result.passed for result in results))


_NO_TESTS = (
    "this project has no tests yet: write pipelines/main.test.yaml beside pipelines/main.yaml; "
    "nsps schema test says what stands in one"
)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WrongUse(f"{file} cannot be written: {error.strerror}") from error


def _files(files: tuple[TestFile, ...], asked: TestRun) -> tuple[TestFile, ...]:
    """The files asked for by name or by a folder they are in; all when none is."""
    if not asked.paths:
        return files
    chosen: dict[str, TestFile] = {}
    for path in asked.paths:
        wanted = path.resolve()
        found = [file for file in files if (asked.project / file.file).resolve().is_relative_to(wanted)]
        if not found:
            holds = "holds no test file" if wanted.is_dir() else "is no test file"
            raise WrongUse(f"{path} {holds} of this project")
        chosen.update((file.file, file) for file in found)
    return tuple(file for file in files if file.file in chosen)
