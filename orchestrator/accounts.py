"""The accounts of a testbed, as `testbed accounts` lists them."""

from __future__ import annotations

from typing import Any

from chain.rpc import FailoverRpc, RpcUnreachable, balance_of
from contracts.etsc import Etsc
from market.units import Wh_to_kWh, mE_to_elecoins, wei_to_ether
from orchestrator.existing import Testbed
from orchestrator.participants import keys_of


def accounts_of(testbed: Testbed, secrets: bool) -> dict[str, Any]:
    """Name, role, path, address and holdings of everybody; holdings are None where no node answers.

    With `secrets`, also the mnemonic and the private keys.
    """
    people = testbed.participants
    everybody = [*people.market, *people.sealers]
    rows: list[dict[str, Any]] = [
        {"name": each.name, "role": each.role, "path": each.path, "address": each.address}
        for each in everybody
    ]
    for row, holdings in zip(rows, _holdings(testbed), strict=True):
        row.update(holdings)
    listing: dict[str, Any] = {"name": testbed.state.name, "accounts": rows}
    if secrets:
        keys = keys_of(testbed.config, testbed.state.mnemonic)
        listing["mnemonic"] = testbed.state.mnemonic
        for row in rows:
            row["private_key"] = "0x" + keys[row["name"]].private_key.hex()
    return listing


def _holdings(testbed: Testbed) -> list[dict[str, Any]]:
    people = testbed.participants
    everybody = [*people.market, *people.sealers]
    etsc = Etsc(testbed.registration.contract)
    try:
        with FailoverRpc([node.rpc_url for node in testbed.plan.nodes], timeout_seconds=2) as rpc:
            balances = rpc.fetch_all([balance_of(each.address) for each in everybody])
            users = rpc.fetch_all([etsc.user(each.address) for each in everybody])
    except RpcUnreachable:
        return [{"ether": None, "elecoins": None, "power_kWh": None} for _ in everybody]
    return [
        {
            "ether": wei_to_ether(balance),
            "elecoins": mE_to_elecoins(user.coins) if user.registered else None,
            "power_kWh": Wh_to_kWh(user.power) if user.registered else None,
        }
        for balance, user in zip(balances, users, strict=True)
    ]
