"""The project that is measured: 2 enrichments that run at once, 10 expressions, 1 dispatch."""

from __future__ import annotations

from pathlib import Path

NSPS = """\
instance: bench
receive:
  espf:
    path: /espf
    auth: {basic: [{user: espf, password: "${secret:ESPF_PASSWORD}"}]}
store: ${NSPS_STORE:-sqlite:///var/nsps.db}
queue: ${NSPS_QUEUE:-embedded}
in_flight: {total: IN_FLIGHT, per_pipeline: IN_FLIGHT}
"""

PORTABILLING = """\
connector: portabilling
transport: http
base_url: ${MOCK_URL}
operations:
  get_account_info:
    read_only: true
    args: {i_account: {type: integer}}
    request: {method: POST, path: /Account/get_account_info, json: {params: {i_account: "{{ args.i_account }}"}}}
    result: body.account_info
  get_card_info:
    read_only: true
    args: {i_account: {type: integer}}
    request: {method: POST, path: /SIMCard/get_card_info, json: {params: {i_account: "{{ args.i_account }}"}}}
    result: body.card_info
enrichments:
  account_info: {call: get_account_info, with: {i_account: data.variables.i_account}}
  sim_info: {call: get_card_info, with: {i_account: data.variables.i_account}}
"""

HSS = """\
connector: hss
transport: http
base_url: ${MOCK_URL}
operations:
  sync:
    args:
      imsi: {type: string, format: imsi}
      granted: {type: boolean}
      msisdn: {type: array, items: {type: string}}
      cs_profile: {type: string}
      eps_profile: {type: string}
    request:
      method: POST
      path: /prov
      json:
        imsi: "{{ args.imsi }}"
        subscriber_status: "{{ 'serviceGranted' if args.granted else 'operatorDeterminedBarring' }}"
        cs_profile: "{{ args.cs_profile }}"
        eps_profile: "{{ args.eps_profile | default(omit) }}"
        msisdn: "{{ args.msisdn }}"
        action: update
    verdicts:
      - {when: body.result == `false` || body.error, is: retry, reason: "{{ body.error }}"}
"""

PIPELINE = """\
pipeline: hss
events: [SIM/Updated]
order: {key: data.variables.i_account, time: data.variables.event_time, mode: latest}
enrich: [portabilling.account_info, portabilling.sim_info]
map:
  imsi: pb_data.sim_info.imsi
  open: pb_data.account_info.bill_status == 'O'
  granted: vars.open && pb_data.account_info.blocked == 'N'
  number: split(pb_data.account_info.id, '@')[0]
  msisdn: if(vars.open, [vars.number], `[]`)
  policy?: find(pb_data.account_info.service_features, &name, 'netaccess_policy').attributes
  cs_profile: find(vars.policy, &name, 'cs_profile').value || 'cs-default'
  eps_profile: find(vars.policy, &name, 'eps_profile').value || 'eps-default'
skip:
  - {when: "!(vars.imsi)", reason: no IMSI}
search: {imsi: vars.imsi}
dispatch: [{call: hss.sync}]
"""


def write_project(folder: Path, in_flight: int = 64) -> None:
    """Writes the measured project into an empty folder. Its store and queue are what the environment says."""
    for name, text in (
        ("nsps.yaml", NSPS.replace("IN_FLIGHT", str(in_flight))),
        ("connectors/portabilling.yaml", PORTABILLING),
        ("connectors/hss.yaml", HSS),
        ("pipelines/hss.yaml", PIPELINE),
    ):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
