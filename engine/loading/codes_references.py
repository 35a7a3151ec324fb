"""Codes of names and references: NSPS2xx; with those of the environment, NSPS4xx."""

from __future__ import annotations

from engine.loading.code import Code
from engine.loading.codes_environment import CODES as ENVIRONMENT
from engine.loading.codes_lint import CODES as LINT

_ALL = (
    Code(
        code="NSPS200",
        title="no project here",
        explanation="A project is a folder with an nsps.yaml, connectors/ and pipelines/. There is no nsps.yaml in this one.",
        wrong="cd / && nsps validate",
        right="cd my-project && nsps validate    # or nsps init, to begin one",
    ),
    Code(
        code="NSPS201",
        title="unknown connector",
        explanation=(
            "A call names a connector that is neither in connectors/ nor in the library that ships with NSPS. In pipelines a "
            "call is `connector.operation`; inside a connector the operation alone."
        ),
        wrong="dispatch:\n  - call: sync",
        right="dispatch:\n  - call: wtl-hss.sync",
    ),
    Code(
        code="NSPS202",
        title="unknown operation",
        explanation="The connector has no operation of that name; `login`, `refresh` and `probe` name operations too.",
        wrong="- call: wtl-hss.update",
        right="- call: wtl-hss.sync",
    ),
    Code(
        code="NSPS203",
        title="unknown enrichment",
        explanation=(
            "`enrich` names enrichments of connectors: a read that becomes pb_data.NAME. An operation "
            "is none by itself."
        ),
        wrong="enrich:\n  - portabilling.get_account_info",
        right="enrich:\n  - portabilling.account_info",
    ),
    Code(
        code="NSPS204",
        title="unknown retry policy",
        explanation="`retry` is standard, nsps, none, or a name under `retries:` in nsps.yaml.",
        wrong="retry: standart",
        right="retry: standard",
    ),
    Code(
        code="NSPS205",
        title="nothing sets this config name",
        explanation=(
            "A pipeline sees the `config:` of nsps.yaml. A connector, its operations and enrichments see the connector's own "
            "`config:` only, so that a connector can be read, tested and shared alone."
        ),
        wrong="profile: config.defualt_profile",
        right="profile: config.default_profile",
    ),
    Code(
        code="NSPS206",
        title="an argument is missing",
        explanation=(
            "An argument is required unless its name ends in `?` or it has a default. Without `with`, arguments come by name "
            "from `map` (in an operation from `args`); with it, exactly those it names are given. Logins and probes get none."
        ),
        wrong="map:\n  number: …\ndispatch:\n  - call: hss.sync    # needs imsi",
        right="map:\n  imsi: pb_data.sim_info.imsi\ndispatch:\n  - call: hss.sync",
    ),
    Code(
        code="NSPS207",
        title="unknown argument",
        explanation="The operation declares no argument of that name.",
        wrong="with: {imsy: vars.imsi}",
        right="with: {imsi: vars.imsi}",
    ),
    Code(
        code="NSPS208",
        title="a value that does not fit its argument",
        explanation=(
            "A constant is refused by the argument's schema, also after the conversion that loses nothing. Text is a constant "
            "only in single quotes: an expression in YAML text is otherwise a path."
        ),
        wrong="with: {granted: \"'yes'\"}    # granted: {type: boolean}",
        right="with: {granted: true}",
    ),
    Code(
        code="NSPS209",
        title="nothing sets this name",
        explanation=(
            "vars.NAME is an entry of `map`, args.NAME an argument the operation declares. There is none of that name."
        ),
        wrong="map: {imsi: …}\nsearch: {imsi: vars.imsy}",
        right="map: {imsi: …}\nsearch: {imsi: vars.imsi}",
    ),
    Code(
        code="NSPS210",
        title="used before it is set",
        explanation="Entries of `map` are worked out from top to bottom; one may use those above it.",
        wrong="map:\n  granted: vars.open\n  open: …",
        right="map:\n  open: …\n  granted: vars.open",
    ),
    Code(
        code="NSPS211",
        title="no such step",
        explanation=(
            "A step sees `steps.ID.{verdict, case, status, result}` of the steps above it. `map`, `skip` and `search` come "
            "before any step has run."
        ),
        wrong="when: steps.fuond.case == 'missing'",
        right="when: steps.found.case == 'missing'",
    ),
    Code(
        code="NSPS212",
        title="no enrichment sets this block",
        explanation=(
            "pb_data.NAME is there when the pipeline asks for an enrichment of that name under `enrich`; also what an "
            "enrichment itself reads must be asked for."
        ),
        wrong="enrich: [portabilling.sim_info]\nmap: {id: pb_data.account_info.id}",
        right="enrich: [portabilling.sim_info, portabilling.account_info]\nmap: {id: pb_data.account_info.id}",
    ),
    Code(
        code="NSPS213",
        title="enrichments wait for each other",
        explanation="An enrichment whose `when` or `with` reads pb_data.OTHER waits for it. These wait in a circle.",
        wrong="a: {call: x, when: pb_data.b}\nb: {call: y, when: pb_data.a}",
        right="a: {call: x}\nb: {call: y, when: pb_data.a}",
    ),
    Code(
        code="NSPS214",
        title="a name that is not known here",
        explanation=(
            "Every name begins with a root, and which roots are known depends on where an expression or template stands; the "
            "message lists them. A bare word is a path, not text: text stands in single quotes."
        ),
        wrong="map:\n  plan: gold\n  imsi: sim_info.imsi",
        right="map:\n  plan: \"'gold'\"\n  imsi: pb_data.sim_info.imsi",
    ),
    Code(
        code="NSPS215",
        title="events carry no such field",
        explanation="`data` holds `event_type` and `variables`; what an event brings stands under data.variables.",
        wrong="key: data.i_account",
        right="key: data.variables.i_account",
    ),
    Code(
        code="NSPS216",
        title="`latest` loses what is read",
        explanation=(
            "With `mode: latest` a newer event replaces those that wait. That is right where the state is read anew and only "
            "the event's type and ids are used, and wrong where the event itself says what changed: that would be lost."
        ),
        wrong="order: {key: …, mode: latest}\nmap: {status: data.variables.curr_status}",
        right="order: {key: …, mode: strict}\nmap: {status: data.variables.curr_status}",
    ),
    Code(
        code="NSPS217",
        title="only what changes nothing may be called here",
        explanation=(
            "Enrichments and `probe` call operations with `read_only: true`, or made of such. It is never assumed: some GETs "
            "send an SMS."
        ),
        wrong="get_account:\n  request: {method: GET, path: /account}",
        right="get_account:\n  read_only: true\n  request: {method: GET, path: /account}",
    ),
    Code(
        code="NSPS218",
        title="`once` inside a connector",
        explanation="`once` notes a key per pipeline and step; an operation does not know them. It stands in `dispatch`.",
        wrong="operations:\n  welcome:\n    steps: [{call: send_sms, once: args.number}]",
        right="dispatch:\n  - {call: sms.welcome, once: vars.number}",
    ),
    Code(
        code="NSPS219",
        title="request or steps",
        explanation="An operation is one `request`, or `steps` that call other operations of the connector: one of the two.",
        wrong="sync:\n  description: Create a subscriber",
        right="sync:\n  description: Create a subscriber\n  request: {method: POST, path: /subscriber}",
    ),
)

CODES: dict[str, Code] = {**{code.code: code for code in _ALL}, **LINT, **ENVIRONMENT}
