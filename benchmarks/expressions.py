"""What expressions and templates cost, side by side with the libraries they come from. Run: python benchmarks/expressions.py"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import jmespath

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engine.expressions.compile import compile_expression
from engine.expressions.templates import compile_leaf, tree_constant, tree_object

ROUNDS, REPEATS = 7, 2_000

SCOPE: dict[str, Any] = {
    "data": {"event_type": "SIM/Updated", "variables": {"i_env": 3, "i_event": 7, "i_account": 277147}},
    "pb_data": {
        "account_info": {"id": "15550100042@msisdn", "bill_status": "open", "blocked": False, "i_account": 277147},
        "sim_info": {"imsi": "001010000020349", "iccid": "8900000000000012345"},
        "access_policy_info": {
            "attributes": [{"name": "cs_profile", "value": "cs-1"}, {"name": "eps_profile", "value": "eps-1"}]
        },
    },
    "vars": {"open": True, "granted": True, "imsi": "001010000020349", "number": "15550100042", "services": ["a", "b"]},
    "config": {"default_profile": "default", "bill_status": {"O": "open"}},
}
SHARED = (  # JMESPath of the library too
    "pb_data.sim_info.imsi",
    "pb_data.account_info.bill_status == 'open'",
    "vars.open && !(pb_data.account_info.blocked)",
    "pb_data.access_policy_info.attributes",
    "pb_data.access_policy_info.attributes[?name == 'cs_profile'].value | [0] || config.default_profile",
    "pb_data.access_policy_info.attributes[?name == 'eps_profile'].value | [0] || config.default_profile",
    "pb_data.access_policy_info.attributes[].{key: name, value: value}",
    "not_null(pb_data.account_info.missing, vars.number)",
    "length(vars.services) > `1`",
    "{imsi: vars.imsi, msisdn: vars.number, granted: vars.granted}",
)
OURS = (
    "pb_data.sim_info.imsi",
    "pb_data.account_info.bill_status == 'open'",
    "vars.open && !(pb_data.account_info.blocked)",
    "split(pb_data.account_info.id, '@')[0]",
    "if(vars.open, [vars.number], `[]`)",
    "pb_data.access_policy_info.attributes",
    "find(pb_data.access_policy_info.attributes, &name, 'cs_profile').value || config.default_profile",
    "find(pb_data.access_policy_info.attributes, &name, 'eps_profile').value || config.default_profile",
    "matches(vars.imsi, '^00101[0-9]{10}$')",
    "lookup(config.bill_status, 'O')",
)
LEAVES = {
    "imsi": "{{ vars.imsi }}",
    "status": "{{ 'serviceGranted' if vars.granted else 'operatorDeterminedBarring' }}",
    "cs_profile": "{{ config.default_profile }}",
    "eps_profile": "{{ vars.eps_profile | default(omit) }}",
    "msisdn": "{{ vars.services }}",
    "iccid": "{{ pb_data.sim_info.iccid }}",
    "note": "IMSI {{ vars.imsi }} of {{ vars.number }}",
    "number": "{{ vars.number }}",
    "i_account": "{{ data.variables.i_account }}",
}


def us_each(run: Callable[[], Any]) -> float:
    """CPU microseconds of one call: the median of several rounds."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(REPEATS):
            run()
        rounds.append((time.process_time() - start) / REPEATS * 1e6)
    return statistics.median(rounds)


def line(name: str, us: float, reference_us: float | None = None) -> None:
    ratio = f"{reference_us / us:6.1f} x" if reference_us else ""
    print(f"{name:<58}{us:8.1f} us {ratio}")


def main() -> None:
    library = [jmespath.compile(text) for text in SHARED]
    closures = [compile_expression(text).evaluate for text in SHARED]
    ours = [compile_expression(text).evaluate for text in OURS]
    interpreted = us_each(lambda: [compiled.search(SCOPE) for compiled in library])
    line("10 expressions, jmespath's interpreter", interpreted)
    line("the same 10, our closures", us_each(lambda: [run(SCOPE) for run in closures]), interpreted)
    line("10 expressions with our functions", us_each(lambda: [run(SCOPE) for run in ours]))

    environment = jinja2.Environment()
    templates = {name: environment.from_string(text) for name, text in LEAVES.items()}
    tree = tree_object(
        {**{name: compile_leaf(text) for name, text in LEAVES.items()}, "action": tree_constant("update")}
    )
    plain = us_each(lambda: {name: template.render({**SCOPE, "omit": ""}) for name, template in templates.items()})
    line("a tree of 10 fields, Jinja2 field by field (all text)", plain)
    line("the same tree, types kept", us_each(lambda: tree.render(SCOPE)), plain)


if __name__ == "__main__":
    main()
