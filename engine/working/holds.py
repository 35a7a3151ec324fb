"""Which pipelines this process may claim for now: those it knows, that are on, and that no hold or window keeps."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from hashlib import sha256
from typing import Protocol

import orjson

from engine.catalog import Catalog
from engine.clock import Clock
from engine.connector import Connector
from engine.pipeline import Pipeline
from engine.storage.protocol import Control, Hold
from engine.working.shut import Release, Shut


class Gates(Protocol):
    """The ways out that a hold closes: the exchange."""

    def hold(self, connector: str, reason: str) -> None:
        """Nothing goes to this connector from now on."""

    def release(self, connector: str) -> None:
        """It does again."""


class Holds:
    """Pauses and holds as the store last said, and windows by the clock, beside what this configuration runs.

    A held connector (its login was refused, here or in another process) is closed at the `gates` too.
    """

    def __init__(self, catalog: Catalog, store: Control, clock: Clock) -> None:
        self.gates: Gates | None = None
        self._store = store
        self._clock = clock
        self._held: tuple[Hold, ...] = ()
        self._unwritten: dict[str, Hold] = {}
        self._scopes: dict[str, frozenset[str]] = {}
        self._closed: Mapping[str, str] = {}
        self._claimable: tuple[str, ...] = ()
        self._worked_out = False
        self._release = Release()
        self.use(catalog)

    def use(self, catalog: Catalog, gates: Gates | None = None) -> None:
        """Another configuration from now on; what is held is held there too."""
        self._connectors = catalog.connectors
        self._shut = Shut(catalog.connectors)
        self._scopes = {name: scopes_of(one) for name, one in catalog.pipelines.items() if one.off is None}
        self._off = {name: one.off for name, one in catalog.pipelines.items() if one.off is not None}
        self.gates = gates or self.gates
        self._worked_out = False
        held, self._held = self._held, ()
        self._set(held)

    @property
    def claimable(self) -> tuple[str, ...]:
        """Pipelines whose deliveries may start now."""
        if self._shut.at(self._clock.now()) is not self._closed:
            self._work_out()
        return self._claimable

    @property
    def kept(self) -> tuple[str, ...]:
        """Pipelines whose deliveries wait for a hold or window to end."""
        may_start = set(self.claimable)
        return tuple(name for name in self._scopes if name not in may_start)

    @property
    def coming_back(self) -> Collection[str]:
        """Pipelines whose hold has just ended; the others are not to wait for them."""
        return self._release.pipelines(self._clock.now())

    def portion(self, most: int) -> int:
        """How many of those that come back may be handed on in this second: few at first, at most `most`; then none."""
        return self._release.portion(self._clock.now(), most)

    @property
    def known(self) -> Iterable[str]:
        """The pipelines of this configuration that are on."""
        return self._scopes

    async def refresh(self) -> None:
        """Asks the store, once it knows what was held here. Raises StoreUnavailable."""
        for connector, hold in [*self._unwritten.items()]:
            if connector in self._connectors and not self._is_outdated(hold):
                await self._store.set_hold(hold)
                self._set((*self._held, hold))  # or nobody would notice that it was lifted at once
            if self._unwritten.get(connector) is hold:
                del self._unwritten[connector]
        self._set(await self._store.holds())

    async def hold_refused(self, connector: str, reason: str) -> None:
        """Holds a connector whose login was refused, until someone resumes it or settings change.

        Raises StoreUnavailable; it is written as soon as the store takes it.
        """
        if connector not in self._connectors:
            return
        self._unwritten[connector] = Hold(
            scope=f"connector:{connector}",
            kind="held",
            by="nsps",
            reason=f"its login was refused: {reason}",
            at=self._clock.now(),
            owner=fingerprint(self._connectors[connector]),
        )
        await self.refresh()

    async def lift_outdated(self) -> list[str]:
        """Lifts holds of connectors that now have other settings; returns their scopes. Called at start."""
        outdated = [hold.scope for hold in await self._store.holds() if self._is_outdated(hold)]
        for scope in outdated:
            await self._store.lift(scope, self._clock.now(), "held")
        return outdated

    def why_not(self, pipeline: str) -> str | None:
        """Why this pipeline's deliveries do not start now, in words; None when they may."""
        if pipeline in self._off:
            return f"pipeline {pipeline} is off: {self._off[pipeline]}"
        if pipeline not in self._scopes:
            return f"pipeline {pipeline} is unknown here"
        holding = [in_words(hold) for hold in self._held if hold.scope in self._scopes[pipeline]]
        shut = self._shut.at(self._clock.now())
        holding += [words for scope, words in shut.items() if scope in self._scopes[pipeline]]
        return holding[0] if holding else None

    def _set(self, holds: Iterable[Hold]) -> None:
        before, self._held = self._held, tuple(holds)
        self._tell_gates(before)
        self._work_out()

    def _work_out(self) -> None:
        now = self._clock.now()
        kept = self._scopes.keys() - set(self._claimable)
        self._closed = self._shut.at(now)
        closed = {hold.scope for hold in self._held} | self._closed.keys()
        self._claimable = tuple(name for name, scopes in self._scopes.items() if not scopes & closed)
        if self._worked_out and (back := kept & set(self._claimable)):
            self._release.begin(now, back)
        self._worked_out = True

    def _tell_gates(self, before: Iterable[Hold]) -> None:
        """Of refused logins; what a person paused is held back before it is claimed."""
        if self.gates is None:
            return
        were, are = ({hold.scope: hold for hold in held if hold.kind == "held"} for held in (before, self._held))
        for name in self._connectors:
            was, now = (held.get(f"connector:{name}") for held in (were, are))
            if now and not was:
                self.gates.hold(name, in_words(now))
            if was and not now:
                self.gates.release(name)

    def _is_outdated(self, hold: Hold) -> bool:
        connector = self._connectors.get(hold.scope.removeprefix("connector:"))
        return hold.kind == "held" and connector is not None and hold.owner != fingerprint(connector)


def scopes_of(pipeline: Pipeline) -> frozenset[str]:
    """The scopes whose pause or hold stops this pipeline: all, itself, every connector it asks or calls."""
    connectors = {ask.connector for ask in pipeline.enrich} | {step.connector for step in pipeline.dispatch}
    return frozenset({"all", f"pipeline:{pipeline.name}", *(f"connector:{name}" for name in connectors)})


def in_words(hold: Hold) -> str:
    """ "paused by ann: maintenance", "connector hss held: login refused"."""
    what = "everything" if hold.scope == "all" else hold.scope.replace(":", " ", 1)
    done = f"paused by {hold.by}" if hold.kind == "paused" else "held"
    return f"{what} is {done}" + (f": {hold.reason}" if hold.reason else "")


def fingerprint(connector: Connector) -> str:
    """Eight hex digits that change with the connector's address, credentials or config, and give none of them away."""
    auth = {field.name: getattr(connector.auth, field.name) for field in fields(connector.auth)}
    plain = {name: value for name, value in auth.items() if isinstance(value, str | dict) and name != "apply"}
    told = orjson.dumps([connector.base_url, plain, dict(connector.config)], default=str, option=orjson.OPT_SORT_KEYS)
    return sha256(told).hexdigest()[:8]
