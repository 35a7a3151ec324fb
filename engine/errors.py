"""The error tree. A class exists only where somebody acts differently on it.

NspsError                      everything we raise on purpose
    ConfigurationRefused       files are wrong; carries the problems; the command line prints them, exit 1
    WrongUse                   the command was called wrongly or cannot work here; exit 2
        NoStore                nothing has run at this address yet; whoever only looks makes no store
    EventRefused               what a sender posted can never be taken; the receiver answers 4xx
    StoreUnavailable           the store cannot write or read now; the receiver answers 503
    QueueUnreachable           the queue takes no message now; ids go to this process itself, and the sweep finds the rest
    LimitsUnreachable          where limits are shared does not answer; this process goes on with its last share
    SchemaMismatch             the store's schema is not the one of this version; says which command to run
    OursFailed                 an expression, argument or template fails: the delivery ends `failed`
    Wait                       not now, and nobody's fault (limit, breaker, held connector); no attempt is used
    ClaimLost                  the delivery is no longer this process's; stop without effect
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from engine.place import Place

if TYPE_CHECKING:
    from engine.problem import Problem


class NspsError(Exception):
    """Everything we raise on purpose. Its text is a message for a person."""


class ConfigurationRefused(NspsError):
    """The files are wrong: `problems` says all that is, first cause first; `texts` are the files, for excerpts."""

    def __init__(self, problems: Sequence[Problem], texts: Mapping[str, str] | None = None) -> None:
        self.problems = tuple(problems)
        self.texts = dict(texts or {})
        super().__init__(f"{len(self.problems)} problems in the configuration")


class WrongUse(NspsError):
    """The command was called wrongly, or cannot work here. Exit code 2."""


class NoStore(WrongUse):
    """There is no store, or none of this instance, where one is looked into. `hindrance`: why a start could not make it."""

    def __init__(self, message: str, hindrance: str = "") -> None:
        self.hindrance = hindrance
        super().__init__(message)


class EventRefused(NspsError):
    """What a sender posted can never be taken: the receiver answers `status` (4xx)."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(reason)


class StoreUnavailable(NspsError):
    """The store cannot do it now; time may cure it. The receiver answers 503."""


class QueueUnreachable(NspsError):
    """The queue did not take a message. Nothing is lost: a message is a hint, the store knows what is due."""


class LimitsUnreachable(NspsError):
    """Where processes share limits does not answer. Each goes on with the part it had last."""


class SchemaMismatch(NspsError):
    """The store's schema is not the one this version works with; the text says which command to run."""


class OursFailed(NspsError):
    """An expression, argument or template of the configuration fails on this event.

    Waiting cures none of it: the delivery ends `failed`, with `place`, replayable (language.md, rule 5).
    """

    def __init__(self, reason: str, place: Place | None = None) -> None:
        self.reason = reason
        self.place = place
        super().__init__(f"{place}: {reason}" if place else reason)


class Wait(NspsError):
    """Not now, and nobody's fault: the delivery waits until `until` and no attempt is used."""

    def __init__(self, until: datetime, reason: str) -> None:
        self.until = until
        self.reason = reason
        super().__init__(reason)


class ClaimLost(NspsError):
    """The delivery is no longer this process's: stop, without any further effect."""
