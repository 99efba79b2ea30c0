"""The mutants that slither makes of the contract in this folder, as JSON.

Run by `bench.mutation` with the Python that slither is installed for. Only slither's operators are used:
its own runner compiles everything again for each mutant, and takes hours.
"""

import inspect
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from slither import Slither
from slither.tools.mutator.mutators import all_mutators
from slither.tools.mutator.mutators.abstract_mutator import AbstractMutator


def main() -> None:
    source = Path("src").resolve()
    operators: list[Any] = [
        kind
        for _, kind in inspect.getmembers(all_mutators, inspect.isclass)
        if issubclass(kind, AbstractMutator) and kind is not AbstractMutator
    ]
    found = {}
    for unit in Slither(".").compilation_units:
        free = [one for one in unit.functions_top_level if _file(one).parent == source]
        declared = [one for one in unit.contracts if _file(one).parent == source and not one.is_interface]
        for contract in [*declared, *([_as_contract(free)] if free else [])]:
            for operator in operators:
                mutator = operator(unit, 0, "", "", contract, None, False, Path("unused"), [])
                for patches in mutator._mutate().get("patches", {}).values():
                    for patch in patches:
                        key = (_file(contract).name, patch["start"], patch["end"], patch["new_string"])
                        found[key] = operator.NAME, patch["line_number"], patch["old_string"]
    names = ("file", "start", "end", "new", "operator", "line", "old")
    json.dump([dict(zip(names, (*key, *found[key]), strict=True)) for key in sorted(found)], sys.stdout)


def _as_contract(functions: list[Any]) -> SimpleNamespace:
    """Functions outside contracts, which the operators do not look for, as those of one contract."""
    return SimpleNamespace(
        name="free functions",
        source_mapping=functions[0].source_mapping,
        functions_and_modifiers_declared=functions,
        functions_declared=functions,
        state_variables_declared=[],
    )


def _file(declared: Any) -> Path:
    return Path(declared.source_mapping.filename.absolute)


main()
