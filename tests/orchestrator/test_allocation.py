"""Testbeds never meet: each has ports and a subnet of its own, and takes nobody else's."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from errors import EnvironmentFault
from orchestrator import allocation, store
from orchestrator.allocation import allocate_ports, allocate_subnet, is_free, port_names
from orchestrator.config import Config
from orchestrator.store import State


def neighbour(name: str, ports: dict[str, int] | None = None, subnet: str | None = None) -> State:
    return State(
        name=name,
        engine="docker",
        config={},
        mnemonic="",
        addresses={},
        chain_id=1,
        genesis_time=0,
        ports=ports or {},
        subnet=subnet,
    )


def test_nodes_that_share_the_hosts_addresses_need_a_port_for_their_peers_too() -> None:
    assert port_names(Config(), own_network=True) == ["explorer", "laptop-a.rpc", "laptop-b.rpc", "vm.rpc"]
    assert set(port_names(Config(), own_network=False)) - set(port_names(Config(), own_network=True)) == {
        "laptop-a.p2p",
        "laptop-b.p2p",
        "vm.p2p",
    }


def test_many_testbeds_made_at_once_share_no_port_and_no_subnet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESTBED_HOME", str(tmp_path))
    names = port_names(Config(), own_network=False)

    def make(index: int) -> None:
        with store.allocating() as neighbours:
            ports, subnet = allocate_ports(names, neighbours, {}), allocate_subnet(neighbours, [])
            store.save(neighbour(f"t{index}", ports, subnet))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(24)))
    states = [store.require(name) for name in store.names()]
    ports = [port for state in states for port in state.ports.values()]
    assert len(states) == 24
    assert len(set(ports)) == len(ports) == 24 * len(names)
    subnets = [IPv4Network(state.subnet or "") for state in states]
    assert not any(a.overlaps(b) for i, a in enumerate(subnets) for b in subnets[:i])


def test_a_port_that_somebody_listens_on_is_not_given_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
        given = allocate_ports([str(index) for index in range(200)], [], {})
        assert port not in given.values()
    assert all(is_free(port) for port in given.values())


def test_the_ports_of_a_testbed_that_is_down_stay_its_own() -> None:
    """Nobody listens on them, so only the neighbour's state says that they are taken."""
    middle = 46_000  # of the ports that the operating system chooses from
    down = neighbour("down", {str(port): port for port in range(middle)})
    given = allocate_ports([str(index) for index in range(40)], [down], {})
    assert min(given.values()) >= middle


def test_a_port_that_is_wanted_is_kept_and_given_to_nobody_else() -> None:
    given = allocate_ports(["explorer", "a", "b"], [], {"explorer": 8123})
    assert given["explorer"] == 8123
    assert len(set(given.values())) == 3


def test_a_subnet_overlaps_no_neighbour_no_network_and_no_interface() -> None:
    everything_but = IPv4Network("10.202.4.0/22")
    used = [net for net in IPv4Network("10.200.0.0/14").subnets(new_prefix=22) if net != everything_but]
    assert allocate_subnet([neighbour("one", subnet=str(used[0]))], used[1:]) == str(everything_but)
    with pytest.raises(EnvironmentFault, match="no free subnet") as caught:
        allocate_subnet([neighbour("one", subnet=str(everything_but))], used)
    assert "Destroy a testbed" in str(caught.value)


def test_a_small_network_within_a_subnet_occupies_it() -> None:
    first, *others = IPv4Network("10.200.0.0/14").subnets(new_prefix=22)
    inside = IPv4Network(f"{first[600]}/32")
    with pytest.raises(EnvironmentFault):
        allocate_subnet([], [inside, *others])


def test_this_machines_own_addresses_are_avoided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        allocation, "_SUBNETS", IPv4Network("127.0.0.0/14")
    )  # where the loopback interface is
    with pytest.raises(EnvironmentFault, match=r"127\.0\.0\.0/14"):
        allocate_subnet([], [])
