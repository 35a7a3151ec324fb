"""What is stored of an attempt, as bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.delivery import CallTrace, Ending, Trace
from engine.masking import Masker
from engine.trace import encode

MOST_REPLIES_BYTES = 256 * 1024


class MaskedEncoding:
    """Traces and replies without secrets."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker

    def trace(self, ending: Ending, /) -> bytes:
        """All that the attempt saw and decided, with its ending."""
        return encode(ending.trace, ending, self._masker)

    def reason(self, ending: Ending, /) -> str:
        """The reason without secrets, those of sessions too."""
        return self._masker.text(ending.reason, ending.trace.secrets)

    def replies(self, ending: Ending, /) -> bytes:
        """A list of {call, step, arguments_sha, reply}; empty when nothing was read or it is too much to keep."""
        read = [_reply(call) for call in reads_of(ending.trace)]
        written = self._masker.dumps(read, ending.trace.secrets) if read else b""
        return written if len(written) <= MOST_REPLIES_BYTES else b""


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
        "reply": call.reply,
    }
