"""The project that is attacked: one pipeline in strict order, one without order, one `latest`, one at another system."""

from __future__ import annotations

from pathlib import Path

SECRETS = {"ESPF_PASSWORD": "chaos-password", "API_TOKEN": "chaos-api-token"}

NSPS = """\
instance: chaos
receive:
  espf:
    path: /espf
    auth: {basic: [{user: espf, password: "${secret:ESPF_PASSWORD}"}]}
store: ${NSPS_STORE:-sqlite:///var/nsps.db}
queue: ${NSPS_QUEUE:-embedded}
retry: quick
retries:
  quick:
    main: {first: 200ms, factor: 2, max: 2s, for: 1h}
in_flight: {total: 64, per_pipeline: 32}
"""

CONNECTOR = """\
connector: NAME
transport: http
base_url: ${TARGET_URL}
timeout: 5s
operations:
  put:
    description: Take one event
    args:
      id: {type: string}
      lane: {type: string}
    request:
      method: POST
      path: /NAME
      headers: {idempotency-key: "{{ idempotency_key }}"}
      json: {id: "{{ args.id }}", lane: "{{ args.lane }}"}
    example: {body: {ok: true}}
"""

PIPELINE = """\
pipeline: NAME
events: ["TYPE/*"]
map:
  id: to_string(data.variables.i_event)
  lane: to_string(data.variables.i_account)
dispatch: [{call: CONNECTOR.put}]
"""

STRICT = "order: {key: data.variables.i_account, time: data.variables.event_time}\n"
LATEST = "order: {key: data.variables.i_account, time: data.variables.event_time, mode: latest}\n"

EVENT_TYPES = {
    "main": "SIM/Updated",
    "free": "Account/Updated",
    "newest": "Customer/Updated",
    "side": "Product/Updated",
    "crawl": "Invoice/Updated",  # of one scenario
}


def connector(name: str = "target", more: str = "") -> str:
    """A connector's file; `more` are further lines of its top level."""
    return CONNECTOR.replace("NAME", name) + more


def pipeline(name: str, order: str = "", at: str = "target") -> str:
    """A pipeline's file."""
    kind = EVENT_TYPES[name].split("/")[0]
    return PIPELINE.replace("NAME", name).replace("TYPE", kind).replace("CONNECTOR", at) + order


def files() -> dict[str, str]:
    """The whole project; scenarios lay their own files over it."""
    return {
        "nsps.yaml": NSPS,
        "connectors/target.yaml": connector(),
        "connectors/side.yaml": connector("side"),
        "pipelines/main.yaml": pipeline("main", STRICT),
        "pipelines/free.yaml": pipeline("free"),
        "pipelines/newest.yaml": pipeline("newest", LATEST),
        "pipelines/side.yaml": pipeline("side", at="side"),
    }


def write_project(folder: Path, changed: dict[str, str] | None = None) -> None:
    """Writes it; an empty text leaves that file out."""
    for name, text in {**files(), **(changed or {})}.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if text:
            file.write_text(text)
        else:
            file.unlink(missing_ok=True)
