"""What is stored of an attempt, as bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.delivery import CallTrace, Ending, Trace
from engine.masking import Masker
from engine.trace import bounded, encode, told, without_credentials
from engine.value import value

MOST_REPLIES_BYTES = 256 * 1024


@value
class Written:
    """An attempt as it is stored. `trace`: all that it saw and decided, with its ending. `replies`, of its reads: a list of
    {call, step, arguments_sha, reply}; empty when nothing was read, or when it is too much to keep."""

    trace: bytes
    replies: bytes


class MaskedEncoding:
    """Traces and replies without secrets."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker

    def attempt(self, ending: Ending, /) -> Written:
        """See Encode."""
        trace = ending.trace
        read = [_reply(call) for call in reads_of(trace)]
        if not read:
            return Written(trace=encode(trace, ending, self._masker), replies=b"")
        data, replies = self._masker.dumps_with(told(trace, ending), read, trace.secrets)
        return Written(trace=bounded(data), replies=replies if len(replies) <= MOST_REPLIES_BYTES else b"")

    def reason(self, ending: Ending, /) -> str:
        """The reason without secrets, those of sessions too."""
        return self._masker.text(ending.reason, ending.trace.secrets)


def reads_of(trace: Trace) -> Iterator[CallTrace]:
    """The calls that changed nothing and were answered, in order."""
    calls = [call for asked in trace.enrichments for call in asked.calls]
    calls += [call for step in trace.steps for call in step.calls]
    return (call for call in calls if call.read_only and call.reply is not None)


def _reply(call: CallTrace) -> dict[str, Any]:
    return {
        "call": f"{call.connector}.{call.operation}",
        "step": call.step,
        "arguments_sha": call.arguments_sha,
        "reply": without_credentials(call.reply),
    }
