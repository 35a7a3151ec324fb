"""Codes of what is unlikely to be meant: NSPS221 to NSPS233."""

from __future__ import annotations

from engine.loading.code import Code

_ALL = (
    Code(
        code="NSPS221",
        title="an event type ESPF is not known to send",
        explanation=(
            "The name is not in the list of ESPF's event types. It may be misspelt (capitals count), or your PortaBilling "
            "sends more than we know: then silence the warning on its line."
        ),
        wrong="events: [SIM/Update]",
        right="events: [SIM/Updated]\n# or:  events: [SIM/Moved]  # nsps: ignore NSPS221 (ours sends it)",
    ),
    Code(
        code="NSPS222",
        title="a pattern that adds nothing",
        explanation=(
            "`*` is one whole segment, `**` any number of them. The pattern matches nothing ESPF is known to send, or "
            "another entry takes the same events already."
        ),
        wrong='events: ["SIM*", "Account/*"]    # Account/* does not take Account/Status/Suspended',
        right='events: ["SIM/*", "Account/**"]',
    ),
    Code(
        code="NSPS223",
        title="never used",
        explanation=(
            "A map entry, argument, config name or operation is there and nothing reads or calls it. Mostly a name is misspelt, "
            "or something was forgotten when it was taken out."
        ),
        wrong="map: {imsi: …, iccid: …}    # and nothing reads vars.iccid",
        right="map: {imsi: …}",
    ),
    Code(
        code="NSPS224",
        title="an operation that calls itself",
        explanation="An operation made of steps comes back to itself through its steps: it would never end.",
        wrong="a: {steps: [{call: b}]}\nb: {steps: [{call: a}]}",
        right="a: {steps: [{call: b}]}\nb: {request: …}",
    ),
    Code(
        code="NSPS225",
        title="the same name twice",
        explanation=(
            "Two pipelines, connectors, retry policies or pb_data blocks have one name, so it does not "
            "say which is meant."
        ),
        wrong="connectors/a.yaml: connector: hss\nconnectors/b.yaml: connector: hss",
        right="connectors/a.yaml: connector: hss\nconnectors/b.yaml: connector: hss-test",
    ),
    Code(
        code="NSPS226",
        title="a file by another name",
        explanation="People look for pipeline `x` in pipelines/x.yaml. Files that end in .yml are not read at all.",
        wrong="pipelines/new.yaml: pipeline: wtl-hlr-hss",
        right="pipelines/wtl-hlr-hss.yaml: pipeline: wtl-hlr-hss",
    ),
    Code(
        code="NSPS227",
        title="two receivers on one path",
        explanation="Both receivers listen on one port and are told apart by their paths.",
        wrong="receive: {espf: {path: /in}, nsps: {path: /in}}",
        right="receive: {espf: {path: /espf}, nsps: {path: /process-event}}",
    ),
    Code(
        code="NSPS228",
        title="two steps with one id",
        explanation="A step's id is its operation's name unless it says another; steps.ID must mean one step.",
        wrong="- call: hss.sync\n- call: hss.sync",
        right="- call: hss.sync\n- {id: sync_twin, call: hss.sync}",
    ),
    Code(
        code="NSPS230",
        title="the schema of an argument",
        explanation=(
            "What stands under an argument is a JSON Schema (with `default` and `secret` of ours). It is none, names a format "
            "there is none of, or the default does not fit it."
        ),
        wrong="imsi: {type: string, format: imsy}",
        right="imsi: {type: string, format: imsi}",
    ),
    Code(
        code="NSPS231",
        title="not a duration, rate or size",
        explanation="Durations are 500ms, 5s, 10m, 24h, 30d; rates 50/s, 3000/m; sizes 512KiB, 4MiB.",
        wrong="timeout: ${HSS_TIMEOUT}    # and HSS_TIMEOUT is 30",
        right="HSS_TIMEOUT=30s",
    ),
    Code(
        code="NSPS232",
        title="a window that cannot be",
        explanation=(
            "`windows:` says when a system is not called: `from` and `to` are HH:MM on the wall clock of `zone`, a name of the "
            "IANA time zone database. A `to` before `from` is on the next day; the whole day is 00:00 to 24:00."
        ),
        wrong="windows: [{from: 2am, to: 2am, zone: Kiev}]",
        right='windows: [{from: "02:00", to: "04:00", zone: Europe/Kyiv}]',
    ),
    Code(
        code="NSPS233",
        title="a test names what is not there",
        explanation=(
            "A test speaks of a pipeline, operation, variable or block that does not exist (any more). `replies` and "
            "`requests` name operations that send something, so not those made of steps."
        ),
        wrong="replies: {hss.upsert: [{status: 200}]}    # upsert is made of find and create",
        right="replies: {hss.find: [{status: 404}], hss.create: [{status: 200}]}",
    ),
)

CODES: dict[str, Code] = {code.code: code for code in _ALL}
