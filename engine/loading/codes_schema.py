"""Codes of files that are YAML but not the language: NSPS104 to NSPS111."""

from __future__ import annotations

from engine.loading.code import Code

CODES: dict[str, Code] = {
    "NSPS104": Code(
        code="NSPS104",
        title="unknown field",
        explanation=(
            "A field stands where the language has none of that name: it is misspelt, belongs elsewhere, or comes from another "
            "version. It is refused because a field that is silently ignored looks as if it worked."
        ),
        wrong="connector: hss\ntransport: http\ntime_out: 5s",
        right="connector: hss\ntransport: http\ntimeout: 5s",
    ),
    "NSPS105": Code(
        code="NSPS105",
        title="missing field",
        explanation="A field that is needed is not there. The message says which, and what it may look like.",
        wrong="request: {method: POST}",
        right="request: {method: POST, path: /prov}",
    ),
    "NSPS106": Code(
        code="NSPS106",
        title="wrong type",
        explanation=(
            "The field holds another kind of value than it should: text, a number, true or false, a list, a mapping, or nothing. "
            "Only `true` and `false` in lower case are true and false; `yes`, `no`, `on`, `off` are text."
        ),
        wrong="enabled: yes\nevents: SIM/Updated\ntimeout: 30",
        right="enabled: true\nevents: [SIM/Updated]\ntimeout: 30s",
    ),
    "NSPS107": Code(
        code="NSPS107",
        title="not one of the choices",
        explanation="The field takes one of a few words, and this is none of them. Case matters.",
        wrong="order: {key: data.variables.i_account, mode: newest}",
        right="order: {key: data.variables.i_account, mode: latest}",
    ),
    "NSPS108": Code(
        code="NSPS108",
        title="malformed value or name",
        explanation=(
            "The text is not formed as it must be. Durations are a number and ms, s, m, h or d; rates a number, a slash and "
            "s, m, h or d; sizes a number and B, KiB, MiB or GiB. Arguments, map entries, ids and config are named with "
            "lower-case letters, digits and `_`; connectors, pipelines and policies may have `-` too."
        ),
        wrong="timeout: 5 seconds\nlimits: {rate: 50 per second}\nmap:\n  cs-profile: vars.profile",
        right="timeout: 5s\nlimits: {rate: 50/s}\nmap:\n  cs_profile: vars.profile",
    ),
    "NSPS109": Code(
        code="NSPS109",
        title="one field of several",
        explanation=(
            "Of some fields exactly one is said: an operation has `request` or `steps`; a request at most one of `json`, `form`, "
            "`xml`, `text`; a retry phase `for` or `attempts`; a test `event` or `events`."
        ),
        wrong="main: {first: 5s, factor: 2, max: 10m}",
        right="main: {first: 5s, factor: 2, max: 10m, for: 24h}",
    ),
    "NSPS110": Code(
        code="NSPS110",
        title="out of bounds",
        explanation="A number is too small or too large, or a list, mapping or text is empty that needs something in it.",
        wrong="limits: {concurrency: 0}\nevents: []",
        right="limits: {concurrency: 1}\nevents: [SIM/Updated]",
    ),
    "NSPS111": Code(
        code="NSPS111",
        title="transport comes later",
        explanation=(
            "The language knows this transport, but this version does not have it yet: it has `http`. All else in the file is "
            "looked at once it is written for a transport that is there."
        ),
        wrong="transport: sql",
        right="transport: http",
    ),
}
