"""Codes of files that cannot be read as plain, strict YAML: NSPS101 to NSPS103, NSPS120 to NSPS133."""

from __future__ import annotations

from engine.loading.code import Code

CODES: dict[str, Code] = {
    "NSPS101": Code(
        code="NSPS101",
        title="not YAML",
        explanation=(
            "The file cannot be read as YAML from this place on: a quote or bracket is not closed, a colon or the space behind "
            "it is missing, or a line is indented differently from its neighbours. The cause may be some lines above."
        ),
        wrong="limits:\n  rate: 50/s\n   concurrency: 16",
        right="limits:\n  rate: 50/s\n  concurrency: 16",
    ),
    "NSPS102": Code(
        code="NSPS102",
        title="the same field twice",
        explanation="Other YAML readers silently take the last of two; which one was meant, only the author knows.",
        wrong="timeout: 5s\ntimeout: 30s",
        right="timeout: 30s",
    ),
    "NSPS103": Code(
        code="NSPS103",
        title="a number that must be quoted",
        explanation=(
            "An unquoted number would lose something: leading zeros (IMSI), a plus (phone number), its last digits (ICCID: whole "
            "numbers beyond 2^53 are not exact everywhere), a trailing zero, or it is written in a form that YAML readers "
            "disagree on (0x1F, 0o17, 1_000, .5). In quotes it is text and stays as it is."
        ),
        wrong="imsi: 001010000000017\nphone: +380441234567\niccid: 8901410321111851000",
        right='imsi: "001010000000017"\nphone: "+380441234567"\niccid: "8901410321111851000"',
    ),
    "NSPS120": Code(
        code="NSPS120",
        title="file cannot be read",
        explanation="The file cannot be opened: it is a folder, a broken link, or not readable for this user.",
        wrong="connectors/hss.yaml -> ../gone.yaml",
        right="chmod a+r connectors/hss.yaml",
    ),
    "NSPS121": Code(
        code="NSPS121",
        title="file too large",
        explanation="A configuration file has at most 1 MiB, so that a wrong file cannot hang or exhaust the machine.",
        wrong="a table of 100,000 subscribers under `config:`",
        right="ask the system that has the subscribers, in an operation",
    ),
    "NSPS122": Code(
        code="NSPS122",
        title="not UTF-8",
        explanation="Files are UTF-8. Some editors on Windows save as UTF-16 or in an older code page unless told otherwise.",
        wrong="Save as: Unicode (UTF-16)",
        right="Save as: UTF-8",
    ),
    "NSPS123": Code(
        code="NSPS123",
        title="control character",
        explanation="An invisible character that no text should hold stands in the file. In double quotes it can be written.",
        wrong="send: SUB<NUL>",
        right='send: "SUB\\x00"',
    ),
    "NSPS124": Code(
        code="NSPS124",
        title="byte order mark",
        explanation="The file begins with an invisible mark that UTF-8 does not need. It is read, but other tools may stumble.",
        wrong="Save as: UTF-8 with BOM",
        right="Save as: UTF-8",
    ),
    "NSPS125": Code(
        code="NSPS125",
        title="several documents",
        explanation="`---` begins another document. A file holds one connector, pipeline or set of tests.",
        wrong="connector: a\n---\nconnector: b",
        right="connector: a   # and connector b in a file of its own",
    ),
    "NSPS126": Code(
        code="NSPS126",
        title="YAML tag",
        explanation="Tags (`!!str`, `!!python/object`) change what a value is, or run code in careless readers, and are refused.",
        wrong="port: !!str 8080",
        right='port: "8080"',
    ),
    "NSPS127": Code(
        code="NSPS127",
        title="alias",
        explanation=(
            "`*name` repeats a value that `&name` marked. It is refused where nothing marked the value, where a value contains "
            "itself, and where aliases of aliases grow into more than 10,000 values."
        ),
        wrong="events: [*all]",
        right='events: ["**"]',
    ),
    "NSPS128": Code(
        code="NSPS128",
        title="merge key",
        explanation="`<<` is no part of YAML 1.2 and hides where a field comes from.",
        wrong="sync:\n  <<: *defaults\n  result: body",
        right="sync:\n  read_only: true\n  result: body",
    ),
    "NSPS129": Code(
        code="NSPS129",
        title="nested too deeply",
        explanation="Values may stand 100 levels deep in each other; what is deeper was not written by a person.",
        wrong="a: [[[[[[…]]]]]]",
        right="a: []",
    ),
    "NSPS130": Code(
        code="NSPS130",
        title="a name that is no text",
        explanation=(
            "The name before the colon reads as a number, true, false or null, or is a list or mapping. Names are text: quote "
            "it. Tables that are looked up by numbers have quoted names too."
        ),
        wrong="billing_model: {1: credit_account, true: x}",
        right='billing_model: {"1": credit_account, "true": x}',
    ),
    "NSPS131": Code(
        code="NSPS131",
        title="an expression or template that must be quoted",
        explanation=(
            "YAML keeps some characters for itself. Text that begins with ! & * [ { @ ` ' \" % or holds `: ` or ` #` goes in "
            "quotes or under `>-`; inside { } or [ ] so does text that holds , [ ] { }. Templates begin with {{ and are "
            "always quoted."
        ),
        wrong="when: !(vars.imsi)\nid: 'a' == vars.kind\nwith: {parts: split(vars.id, '@')}\njson: {imsi: {{ args.imsi }}}",
        right=(
            'when: "!(vars.imsi)"\nid: "\'a\' == vars.kind"\n'
            'with: {parts: "split(vars.id, \'@\')"}\njson: {imsi: "{{ args.imsi }}"}'
        ),
    ),
    "NSPS132": Code(
        code="NSPS132",
        title="tab in the indentation",
        explanation="YAML allows spaces only before a line. Set the editor to insert spaces.",
        wrong="limits:\n\trate: 50/s",
        right="limits:\n  rate: 50/s",
    ),
    "NSPS133": Code(
        code="NSPS133",
        title="empty file",
        explanation="The file holds nothing, or comments only.",
        wrong="# to do",
        right="pipeline: wtl\nevents: [SIM/Updated]\ndispatch: [{call: wtl-hss.sync}]",
    ),
}
