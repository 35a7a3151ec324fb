"""What an expression or template sees, by where it stands: the one table, also for the documentation (language.md)."""

from __future__ import annotations

from typing import Final, Literal

Scope = Literal[
    "pipeline.when",
    "pipeline.order",
    "map",
    "skip",
    "search",
    "dispatch",
    "enrichment",
    "shape",
    "steps",
    "steps.result",
    "request",
    "apply",
    "expires",
    "verdicts",
    "result",
    "expired_when",
]

_ROUTED: Final = ("event_id", "data", "handler_id", "created_at", "config")
_ENVELOPE: Final = ("event_id", "data", "pb_data", "handler_id", "created_at", "updated_at", "status")
_PIPELINE: Final = (*_ENVELOPE, "config", "now", "vars", "steps", "item", "index")
_REQUEST: Final = ("args", "config", "session", "item", "idempotency_key")
_REPLY: Final = ("status", "headers", "body", "text", "error", "args", "config")

ROOTS: Final[dict[Scope, tuple[str, ...]]] = {
    "pipeline.when": _ROUTED,
    "pipeline.order": _ROUTED,
    "map": _PIPELINE,
    "skip": _PIPELINE,
    "search": _PIPELINE,
    "dispatch": _PIPELINE,
    "enrichment": (*_ENVELOPE, "config", "now"),
    "shape": (*_ENVELOPE, "config", "now", "result"),
    "steps": ("args", "config", "steps", "item", "index"),
    "steps.result": ("args", "config", "steps", "item", "index"),
    "request": _REQUEST,
    "apply": _REQUEST,
    "expires": _REQUEST,
    "verdicts": _REPLY,
    "result": _REPLY,
    "expired_when": _REPLY,
}

TITLES: Final[dict[Scope, str]] = {
    "pipeline.when": "`when` of a pipeline",
    "pipeline.order": "`order` of a pipeline",
    "map": "`map`",
    "skip": "`skip`",
    "search": "`search`",
    "dispatch": "`dispatch`",
    "enrichment": "`when` and `with` of an enrichment",
    "shape": "`shape` of an enrichment",
    "steps": "an operation's steps",
    "steps.result": "the `result` of an operation's steps",
    "request": "a request",
    "apply": "`apply` of a session",
    "expires": "`expires` of a session",
    "verdicts": "`verdicts`",
    "result": "a request's `result`",
    "expired_when": "`expired_when` of a session",
}

ENRICHED_LATER: Final = ("pb_data", "updated_at", "status")
"""Parts of the envelope that are not there yet when a pipeline's `when` and `order` are asked."""

PB_DATA: Final = (
    "account_info",
    "sim_info",
    "prev_sim_info",
    "access_policy_info",
    "product_info",
    "full_vd_counter_info",
    "customer_info",
)
"""The blocks an NSPS envelope may bring (domain.md 4.3, and customer_info of ours)."""

REPLIED: Final = ("verdict", "case", "status", "result")
"""What `steps.ID` holds."""
