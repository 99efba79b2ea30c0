"""The plan follows from configuration and state alone, and says who may use and see what."""

from __future__ import annotations

import os
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from itertools import combinations
from pathlib import Path

import pytest

from errors import TestbedError
from orchestrator.allocation import port_names
from orchestrator.config import ChainConfig, Config, NodeConfig
from orchestrator.participants import parameters_of, participants_of
from orchestrator.plan import Plan, Service, bot_service, build_plan, cpu_quotas
from orchestrator.store import State

_SUBNET = "10.201.4.0/22"
_DAG = Path("/cache/dag")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TESTBED_HOME", str(tmp_path))
    return tmp_path


def plan(config: Config | None = None, subnet: str | None = None) -> Plan:
    config = config or Config()
    names = port_names(config, own_network=subnet is not None)
    state = State(
        name="one",
        engine="any",
        config={},
        mnemonic="",
        addresses={},
        chain_id=1234,
        genesis_time=1_700_000_000,
        ports={name: 9000 + index for index, name in enumerate(names)},
        subnet=subnet,
    )
    return build_plan(config, state, [f"0x{i:040x}" for i in range(len(config.nodes))], _DAG)


def services(plan: Plan, role: str) -> list[Service]:
    return [service for service in plan.services if service.role == role]


def value_of(service: Service, option: str) -> str:
    assert service.arguments.count(option) == 1
    return service.arguments[service.arguments.index(option) + 1]


POW = Config(chain=ChainConfig(consensus="pow"))


@pytest.mark.parametrize("subnet", [None, _SUBNET])
@pytest.mark.parametrize("config", [Config(), POW])
def test_the_same_configuration_and_state_give_the_same_plan(config: Config, subnet: str | None) -> None:
    assert plan(config, subnet) == plan(config, subnet)
    assert hash(plan(config, subnet)) == hash(plan(config, subnet))


def test_planning_makes_nothing(home: Path) -> None:
    plan()
    assert list(home.iterdir()) == []


def test_quotas_are_in_the_ratio_of_the_scores_and_sum_to_the_share_of_the_host() -> None:
    for cpus, share in ((2, 0.8), (16, 0.5), (1, 1.0)):
        config = Config(chain=ChainConfig(cpu_share=share))
        quotas = cpu_quotas(config, cpus)
        assert sum(quotas) == pytest.approx(cpus * share, abs=0.002)
        for node, quota in zip(config.nodes, quotas, strict=True):
            assert quota / quotas[0] == pytest.approx(node.score / config.nodes[0].score, rel=0.01)


def test_the_faster_laptop_is_the_faster_miner() -> None:
    quotas = dict(zip((node.name for node in Config().nodes), cpu_quotas(Config(), 4), strict=True))
    assert quotas["laptop-b"] > quotas["laptop-a"] > quotas["vm"]
    assert quotas["laptop-b"] / quotas["laptop-a"] == pytest.approx(6500 / 3700, rel=0.01)


def test_a_share_too_small_to_be_given_is_refused_not_rounded_to_nothing() -> None:
    config = Config(nodes=[NodeConfig(name="big", score=1_000_000), NodeConfig(name="tiny", score=1)])
    with pytest.raises(TestbedError, match=r"tiny gets 0\.0 ") as caught:
        cpu_quotas(config, 8)
    assert "chain.cpu_share" in str(caught.value)
    with pytest.raises(TestbedError, match="nodes: tiny"):
        parameters_of(config, 8)


def test_every_node_has_the_quota_and_the_memory_of_its_device() -> None:
    made = plan()
    quotas = cpu_quotas(Config(), os.cpu_count() or 1)
    for service, config, quota in zip(services(made, "node"), Config().nodes, quotas, strict=True):
        assert (service.name, service.cpu_quota) == (config.name, quota)
        assert service.memory_limit_bytes == config.memory_gb * 2**30
        assert service.stop_seconds >= 60, "a node flushes its state before it ends"


def test_nodes_that_share_the_hosts_addresses_serve_on_loopback_only() -> None:
    made = plan()
    for service, node in zip(services(made, "node"), made.nodes, strict=True):
        assert value_of(service, "--http.addr") == value_of(service, "--ws.addr") == "127.0.0.1"
        assert value_of(service, "--http.port") == value_of(service, "--ws.port")
        assert node.rpc_url == node.inner_rpc_url == f"http://127.0.0.1:{service.published_port}"
        assert (service.host, node.p2p_host) == (None, "127.0.0.1")
        assert value_of(service, "--config") == str(node.settings_path)
    used = [node.p2p_port for node in made.nodes] + [service.published_port for service in made.services]
    assert len(set(used)) == len(used) == 7


def test_nodes_with_addresses_of_their_own_have_one_each_within_the_subnet() -> None:
    made = plan(subnet=_SUBNET)
    hosts = [IPv4Address(service.host or "") for service in made.services]
    assert len(set(hosts)) == len(hosts) == 4
    network = IPv4Network(_SUBNET)
    assert all(host in network for host in hosts)
    reserved = {network.network_address, network[1], network.broadcast_address}  # [1]: the bridge itself
    assert not reserved & set(hosts)
    for service, node in zip(services(made, "node"), made.nodes, strict=True):
        assert node.inner_rpc_url == f"http://{service.host}:8545"
        assert node.rpc_url == f"http://127.0.0.1:{service.published_port}"
        assert node.ws_url == f"ws://127.0.0.1:{service.published_port}"
        assert node.p2p_host == service.host


def test_the_largest_testbed_fits_into_a_subnet() -> None:
    config = Config(nodes=[NodeConfig(name=f"n{i}") for i in range(21)])
    hosts = [IPv4Address(service.host or "") for service in plan(config, _SUBNET).services]
    assert len(set(hosts)) == 22
    assert all(host in IPv4Network(_SUBNET) for host in hosts)


@pytest.mark.parametrize("subnet", [None, _SUBNET])
@pytest.mark.parametrize("config", [Config(), POW])
def test_what_can_steer_a_node_or_spend_from_it_is_not_published(config: Config, subnet: str | None) -> None:
    for service in services(plan(config, subnet), "node"):
        for option in ("--http.api", "--ws.api"):
            assert set(value_of(service, option).split(",")) == {"eth", "net", "web3"}
        assert not {"--rpc.allow-unprotected-txs", "--graphql", "--pprof"} & set(service.arguments)
        assert "--ipcdisable" not in service.arguments


@pytest.mark.parametrize("config", [Config(), POW])
def test_nodes_keep_their_whole_state_and_look_for_no_strangers(config: Config) -> None:
    for service in services(plan(config), "node"):
        assert value_of(service, "--gcmode") == "archive"
        assert value_of(service, "--syncmode") == "full"
        assert value_of(service, "--maxpeers") == "2"
        assert value_of(service, "--nat") == "none"
        assert value_of(service, "--networkid") == "1234"
        assert "--nodiscover" in service.arguments
        assert "--mine" not in service.arguments, "sealing starts when the mesh stands"


def test_only_a_sealing_key_lies_unlocked() -> None:
    made = plan()
    for service, node in zip(services(made, "node"), made.nodes, strict=True):
        assert value_of(service, "--unlock") == value_of(service, "--miner.etherbase") == node.sealer
        assert value_of(service, "--keystore") == str(node.directory / "sealer")
    for service in services(plan(POW), "node"):
        assert not {"--unlock", "--password", "--allow-insecure-unlock"} & set(service.arguments)


def test_proof_of_work_mines_with_the_shared_data_sets_which_no_node_can_change() -> None:
    config = Config(
        chain=ChainConfig(consensus="pow"),
        nodes=[NodeConfig(name="a", miner_threads=1), NodeConfig(name="b", miner_threads=3)],
    )
    a, b = services(plan(config), "node")
    assert (value_of(a, "--miner.threads"), value_of(b, "--miner.threads")) == ("1", "3")
    for service in (a, b):
        assert value_of(service, "--ethash.dagdir") == str(_DAG)
        assert [mount.writable for mount in service.mounts if mount.path == _DAG] == [False]


def test_services_share_no_folder_that_both_can_write() -> None:
    made = plan()
    bots = [bot_service(name, made.directory) for name in ("prosumer-1", "prosumer-2", "edge-server-1")]
    for one, other in combinations(made.with_services(bots).services, 2):
        for mine in (mount.path for mount in one.mounts if mount.writable):
            for theirs in (mount.path for mount in other.mounts if mount.writable):
                assert not mine.is_relative_to(theirs)
                assert not theirs.is_relative_to(mine)


def test_a_bot_sees_its_own_folder_and_nothing_else(home: Path) -> None:
    bot = bot_service("prosumer-1", home / "one")
    assert [(mount.path, mount.writable) for mount in bot.mounts] == [(home / "one/bots/prosumer-1", True)]
    assert bot.published_port is None
    assert str(home / "one/bots/prosumer-1") in bot.arguments


def test_the_explorer_sees_no_key() -> None:
    made = plan()
    (explorer,) = services(made, "explorer")
    for mount in explorer.mounts:
        assert not mount.path.is_relative_to(made.directory / "bots")
        assert not mount.path.is_relative_to(made.directory / "nodes")
        assert mount.path != made.directory
    # It reads the reports, and changes none of them.
    assert [mount.writable for mount in explorer.mounts if mount.path == made.campaigns] == [False]
    assert [
        mount.writable for mount in explorer.mounts if made.explorer_index.is_relative_to(mount.path)
    ] == [True]


def test_bots_are_added_without_touching_what_runs() -> None:
    made = plan()
    more = made.with_services([bot_service("prosumer-1", made.directory)])
    assert more.services[:-1] == made.services
    assert replace(more, services=made.services) == made
    assert made.node("vm").name == "vm"


def test_what_the_plan_names_fits_who_takes_part() -> None:
    config = Config()
    names = ["administrator", *(f"edge-server-{i}" for i in (1, 2, 3))]
    names += [f"{prefix}retailer-{i}" for prefix in ("", "meter-") for i in (1, 2)]
    names += [f"{prefix}prosumer-{i}" for prefix in ("", "meter-") for i in range(1, 9)]
    names += [f"sealer-{node.name}" for node in config.nodes]
    people = participants_of(config, {name: name for name in names})
    assert len(people.bots) == 1 + 10 + 10
    assert not {bot.name for bot in people.bots} & {service.name for service in plan().services}
