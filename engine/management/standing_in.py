"""What stands in for the files of the folder while they are refused, so that an operator can look, pause and resume.

Processes work by configurations that were good, and the store keeps them. They say what waits for what, and what is secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final

from engine.catalog import Catalog
from engine.errors import NspsError
from engine.library import library_connectors
from engine.loading.environment import Environ
from engine.loading.load import Loaded
from engine.management.snapshots import catalog_of
from engine.storage.instants import micros
from engine.storage.owners import DEAD_AFTER_US
from engine.storage.protocol import Owner
from engine.storage.store import Store
from engine.terminal import several

Names = Mapping[str, frozenset[str]]

KINDS: Final = ("pipeline", "connector")
_DECLARED: Final = r"""^["']?{kind}["']?\s*:\s*["']?([a-z][a-z0-9_-]*)"""
_SECRET: Final = re.compile(r"\$\{secret:([A-Za-z_][A-Za-z0-9_]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """`catalog` says what waits for what. `running`: those of all processes that beat lately, which say what is secret in
    events; empty where one of them cannot be read, or none beat. `words`: what a person is told."""

    catalog: Catalog
    running: tuple[Catalog, ...]
    secrets: frozenset[str]
    names: Names
    words: str

    @property
    def sure(self) -> bool:
        """Whether everything secret is known, as far as a sound folder would know it."""
        return bool(self.running)


async def stand_in(
    store: Store, loaded: Loaded, readable: Catalog, environ: Mapping[str, str], now: datetime
) -> StandIn:
    """What stands in for a folder that is refused, of which this much is `readable`. Raises StoreUnavailable."""
    owners = [owner for owner, _ in sorted(await store.owners(), key=lambda one: _newest_first(one[0], one[1], now))]
    files = {owner.config_hash: await store.snapshot_of(owner.config_hash) or {} for owner in owners}
    read = {name: catalog for name, one in files.items() if (catalog := catalog_of(one, environ)) is not None}
    sure = bool(files) and len(read) == len(files)
    last = None if read else await _kept_last(store, environ)
    known = (readable, *read.values(), *([last] if last else ()))
    return StandIn(
        catalog=next(iter(read.values()), last or readable),
        running=tuple(read.values()) if sure else (),
        secrets=_environments((loaded.texts, *files.values()), environ).union(*(one.secrets for one in known)),
        names=await _names(store, (loaded.texts, *files.values(), *(one.files for one in known))),
        words=f"{refusal(loaded)}; {_goes_by([one for one in owners if one.config_hash in read], last, sure)}",
    )


def _newest_first(owner: Owner, beat_at: datetime, now: datetime) -> tuple[bool, float]:
    return micros(now) - micros(beat_at) >= DEAD_AFTER_US, -owner.started_at.timestamp()


def refusal(loaded: Loaded) -> str:
    """That the folder is refused, in words."""
    return f"this folder's configuration is refused, {several(len(loaded.errors), 'error')} (nsps validate shows all)"


def needs_files(loaded: Loaded, why: str) -> NspsError:
    """What a command says that cannot do without the files; `why` begins with its name."""
    return NspsError(f"{why}, and they are refused, {several(len(loaded.errors), 'error')}: nsps validate shows all")


async def _kept_last(store: Store, environ: Mapping[str, str]) -> Catalog | None:
    kept = await store.configurations()
    files = await store.snapshot_of(kept[0][0]) if kept else None
    return None if files is None else catalog_of(files, environ)


def _goes_by(owners: Sequence[Owner], last: Catalog | None, sure: bool) -> str:
    """What is shown goes by which configuration, and what is not shown."""
    if owners:
        by = f"what is shown goes by the one that {owners[0].host} pid {owners[0].pid} runs"
    else:
        by = f"what is shown goes by {'the one that was kept last' if last else 'what can be read of it'}"
    return by if sure else f"{by}; bodies, traces and lanes are not shown: what is secret in them is not known for sure"


def _environments(folders: Iterable[Mapping[str, str]], environ: Mapping[str, str]) -> frozenset[str]:
    """The values of all secrets that the texts name, also where a text is no YAML."""
    texts = [text for folder in folders for text in folder.values()]
    names = {name for text in texts for name in _SECRET.findall(text)}
    return frozenset(value for name in names if (value := _value(name, Environ(environ))))


def _value(name: str, environ: Environ) -> str | None:
    try:
        return environ.secret(name)
    except (OSError, UnicodeDecodeError):
        return None  # nothing that this user could give away


async def _names(store: Store, folders: Iterable[Mapping[str, str]]) -> Names:
    """All that may be meant: what files declare or are called, also those that cannot be read, and what the store knows."""
    found = {kind: {name for folder in folders for name in _declared(folder, kind)} for kind in KINDS}
    found["connector"] |= library_connectors().keys()
    found["pipeline"] |= (await store.counts())["deliveries"].keys()
    for hold in await store.holds():
        kind, _, name = hold.scope.partition(":")
        if name:
            found[kind].add(name)
    return {kind: frozenset(names) for kind, names in found.items()}


def _declared(folder: Mapping[str, str], kind: str) -> Iterator[str]:
    for file, text in folder.items():
        yield from re.findall(_DECLARED.format(kind=kind), text, re.MULTILINE)
        path = PurePosixPath(file)
        if path.parent.name == f"{kind}s" and not path.name.endswith(".test.yaml"):
            yield path.stem


def without_contents(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event as `--format json` prints it, without what may hold a secret."""
    deliveries = [{**one, "lane": None, **_without_traces(one)} for one in event["deliveries"]]
    return {**event, "body": None, "deliveries": deliveries}


def _without_traces(delivery: Mapping[str, Any]) -> dict[str, Any]:
    if "attempts_made" not in delivery:
        return {}
    return {"attempts_made": [{**attempt, "trace": {}} for attempt in delivery["attempts_made"]]}
