"""module=contract: ABI and sources of ETSC, and who created a contract."""

from __future__ import annotations

import json
import sqlite3
from functools import lru_cache
from typing import Any

from explorer import queries
from explorer.api.asked import Asked, Refused
from explorer.words import hexed

_MOST = 5
_UNVERIFIED = "Contract source code not verified"


def abi(asked: Asked) -> str:
    if _etsc_creation(asked, asked.address()) is None:
        raise Refused(_UNVERIFIED)
    return _abi()


def source_code(asked: Asked) -> list[dict[str, str]]:
    """Of a contract whose creation carried the code of ETSC; of any other the same fields, empty."""
    created = _etsc_creation(asked, asked.address())
    told = {
        **dict.fromkeys(("SourceCode", "ABI", "ContractName", "CompilerVersion", "CompilerType"), ""),
        "OptimizationUsed": "",
        "Runs": "",
        "ConstructorArguments": "",
        "EVMVersion": "Default",
        "Library": "",
        "ContractFileName": "",
        "LicenseType": "Unknown",
        "Proxy": "0",
        "Implementation": "",
        "SwarmSource": "",
        "SimilarMatch": "",
    }
    if created is None:
        return [{**told, "ABI": _UNVERIFIED}]
    from contracts.artifact import ARTIFACT
    from explorer.source_code import sources

    if not all(file.same for file in sources() if file.text is not None):
        raise Refused("Error! The sources that the explorer carries are not those that were compiled")

    settings = ARTIFACT.compiler["settings"]
    return [
        {
            **told,
            "SourceCode": _standard_json(),
            "ABI": _abi(),
            "ContractName": "ETSC",
            "CompilerVersion": f"v{ARTIFACT.compiler['version']}",
            "CompilerType": "solc-j",
            "OptimizationUsed": "1" if settings["optimizer"]["enabled"] else "0",
            "Runs": str(settings["optimizer"]["runs"]),
            "ConstructorArguments": created["input"][len(ARTIFACT.bytecode) :].hex(),
            "EVMVersion": settings["evmVersion"],
            "ContractFileName": "src/ETSC.sol",
            "LicenseType": "Apache-2.0",
        }
    ]


def creation(asked: Asked) -> list[dict[str, str]]:
    addresses = asked.addresses("contractaddresses", _MOST)
    with asked.reading() as index:
        rows = [row for _, address in addresses if (row := queries.creation_of(index, address)) is not None]
    return [
        {
            "contractAddress": hexed(row["created"]),
            "contractCreator": hexed(row["sender"]),
            "txHash": hexed(row["hash"]),
            "blockNumber": str(row["number"]),
            "timestamp": str(row["timestamp"]),
            "contractFactory": "",
            "creationBytecode": hexed(row["input"]),
        }
        for row in rows
    ]


def _etsc_creation(asked: Asked, address: bytes) -> sqlite3.Row | None:
    """The transaction that created an ETSC there.

    A contract that runs the code of a creation with the compiled one at its head has the deployed one.
    """
    from contracts.artifact import ARTIFACT

    with asked.reading() as index:
        row = queries.creation_of(index, address)
    return row if row is not None and row["input"].startswith(ARTIFACT.bytecode) else None


@lru_cache(maxsize=1)
def _abi() -> str:
    from contracts.artifact import ARTIFACT

    return json.dumps(ARTIFACT.abi, separators=(",", ":"))


@lru_cache(maxsize=1)
def _standard_json() -> str:
    """The compiler's input, in the second pair of braces by which Etherscan tells it from one file.

    The files of OpenZeppelin, which the explorer does not carry, are left to the npm package.
    """
    from contracts.artifact import ARTIFACT
    from explorer.source_code import sources

    document: dict[str, Any] = {
        "language": "Solidity",
        "sources": {file.path: {"content": file.text} for file in sources() if file.text is not None},
        "settings": {
            **ARTIFACT.compiler["settings"],
            "remappings": ["@openzeppelin/=node_modules/@openzeppelin/"],
            "metadata": {"appendCBOR": False, "bytecodeHash": "none"},
            "outputSelection": {"*": {"*": ["abi", "evm.bytecode", "evm.deployedBytecode"]}},
        },
    }
    return "{" + json.dumps(document) + "}"
