"""The desk in Redis (or Valkey): a script that takes a connector's question and tells a share, in one step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from engine.addresses import without_secrets
from engine.errors import LimitsUnreachable
from engine.limits.desk import Back, Question, Share

SCRIPT = Path(__file__).with_name("share.lua")
ANSWER_WITHIN_S = 0.5  # half of what a call waits for its turn
SECOND_US = 1_000_000

Now = Callable[[], int]
"""Microseconds since 1970, in place of the server's own time: for tests."""


class RedisDesk:
    """Keys begin with `nsps:INSTANCE:limits:`; those of one connector share a slot of a cluster."""

    def __init__(self, url: str, instance: str, now: Now | None = None) -> None:
        self._url = url
        self._client: Any = redis.asyncio.Redis.from_url(
            url,
            socket_timeout=ANSWER_WITHIN_S,
            socket_connect_timeout=ANSWER_WITHIN_S,
            retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        )
        self._prefix = f"nsps:{instance}:limits"
        self._script = self._client.register_script(SCRIPT.read_text())
        self._now = now

    async def ask(self, questions: Sequence[Question], /) -> list[Share]:
        """See Desk."""
        try:
            async with self._client.pipeline(transaction=False) as asked:
                for question in questions:
                    await self._script(self._keys(question), [self._written(question)], asked)
                answers = await asked.execute()
        except (redis.RedisError, OSError) as error:
            raise LimitsUnreachable(f"{type(error).__name__}: {without_secrets(str(error), self._url)}") from error
        return [_share(orjson.loads(answer)) for answer in answers]

    async def close(self) -> None:
        """See Desk."""
        await self._client.aclose()

    def _keys(self, question: Question) -> list[str]:
        state = f"{self._prefix}:{{{question.connector}}}"
        return [state, f"{state}:grants", f"{state}:sharers", f"{state}:failures"]

    def _written(self, question: Question) -> bytes:
        rules = question.rules
        written = {
            "owner": question.owner,
            "now": self._now() if self._now else None,
            "most": rules.most,
            "window": _us(rules.window_s),
            "slots": rules.slots,
            "most_failures": rules.failures,
            "within": _us(rules.within_s),
            "open": _us(rules.open_s),
            "top": rules.top,
            "in_use": question.in_use,
            "need": question.need,
            "want": question.want,
            "tokens": question.tokens,
            "back": _back(question.back),
            "failures": [_us(ago_s) for ago_s in question.failures],
            "last": question.last,
            "probe": question.probe,
            "pause": _us(question.pause_s),
            "pause_why": question.pause_why,
        }
        return orjson.dumps({name: value for name, value in written.items() if value is not None})


def _back(back: Back | None) -> Mapping[str, Any] | None:
    if back is None:
        return None
    return {
        "grant": back.grant,
        "ramp": back.ramp,
        "calls": back.calls,
        "used": back.used,
        "ago": _us(back.ago_s),
    }


def _us(seconds: float) -> int:
    return round(seconds * SECOND_US)


def _share(told: Mapping[str, Any]) -> Share:
    return Share(
        slots=int(told["slots"]),
        starved=told["starved"],
        sharing=int(told["sharing"]),
        wanting=int(told["wanting"]),
        tokens=None if told["tokens"] < 0 else int(told["tokens"]),
        lease_s=told["lease"] / SECOND_US,
        more_in_s=_seconds(told["more"]),
        probe=told["probe"],
        open_s=_seconds(told["open"]),
        probing_s=_seconds(told["probing"]),
        paused_s=_seconds(told["paused"]),
        ramp=float(told["ramp"]),
        why=told.get("why", ""),
        grant=told["grant"],
        ramp_id=told.get("ramp_id", ""),
    )


def _seconds(told_us: float) -> float | None:
    return None if told_us < 0 else told_us / SECOND_US
