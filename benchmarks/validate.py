"""`nsps validate` of 200 files: 100 connectors and 100 pipelines like the shipped ones."""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

from benchmarks.table import Table
from engine.library import shipped
from engine.loading.load import load_project

PAIRS = 100


def measure(table: Table) -> None:
    """Generates the files, loads them as validate does, and tells the time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder)
        began, cpu = time.perf_counter(), _cpu_s()
        loaded = load_project(folder, {}, placeholders=True)
        took_s, cpu_s = time.perf_counter() - began, _cpu_s() - cpu
    if loaded.catalog is None:
        raise SystemExit("\n".join(f"{problem.place} {problem.message}" for problem in loaded.problems[:5]))
    table.add(f"validate {loaded.files} files", f"{took_s:.2f} s, {cpu_s:.2f} s of CPU")
    table.add("  each", f"{took_s / loaded.files * 1000:.1f} ms")


def _write(folder: Path) -> None:
    connector = (shipped("connectors") / "wtl-hss.yaml").read_text(encoding="utf-8")
    pipeline = (shipped("pipelines") / "wtl-hlr-hss.yaml").read_text(encoding="utf-8")
    (folder / "connectors").mkdir()
    (folder / "pipelines").mkdir()
    (folder / "nsps.yaml").write_text(shipped("nsps.yaml").read_text(encoding="utf-8"))
    for number in range(PAIRS):
        target = f"hss-{number}"
        text = connector.replace("connector: wtl-hss", f"connector: {target}")
        (folder / "connectors" / f"{target}.yaml").write_text(text)
        text = pipeline.replace("pipeline: wtl-hlr-hss", f"pipeline: {target}").replace(
            "wtl-hss.sync", f"{target}.sync"
        )
        (folder / "pipelines" / f"{target}.yaml").write_text(text)


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    alone = Table("files")
    measure(alone)
    print(alone.text())
