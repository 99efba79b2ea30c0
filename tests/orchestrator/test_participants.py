"""Who takes part: standard keys, an order that stays, and enough in the genesis for every declared slot."""

from __future__ import annotations

import pytest

from errors import TestbedError
from market.units import elecoins_to_mE, price_to_wei_per_mE
from orchestrator.config import CampaignConfig, Config, MarketConfig, NodeConfig
from orchestrator.participants import (
    Participants,
    allocation_wei,
    keys_of,
    parameters_of,
    participants_of,
    slot_generation_Wh,
    total_mE,
)

# The mnemonic of Hardhat's and Foundry's development chains, and what every wallet derives from it.
_KNOWN = "test test test test test test test test test test test junk"
_KNOWN_ADDRESSES = [
    "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
]
_SMALL = Config(market=MarketConfig(prosumers=2, retailers=1))


def people_of(config: Config) -> Participants:
    return participants_of(config, {name: key.address for name, key in keys_of(config, _KNOWN).items()})


def test_any_wallet_that_takes_the_mnemonic_finds_the_participants() -> None:
    people = people_of(_SMALL).market
    assert [each.address for each in people[:3]] == _KNOWN_ADDRESSES
    assert [each.path for each in people] == [f"m/44'/60'/0'/0/{i}" for i in range(len(people))]


def test_the_order_of_the_participants_is_fixed() -> None:
    people = people_of(_SMALL)
    assert [each.name for each in people.market] == [
        "administrator",
        *("edge-server-1", "edge-server-2", "edge-server-3"),
        *("retailer-1", "prosumer-1", "prosumer-2"),
        *("meter-retailer-1", "meter-prosumer-1", "meter-prosumer-2"),
    ]
    assert [f"meter-{user.name}" for user in people.users] == [meter.name for meter in people.meters]
    assert people == people_of(_SMALL)


def test_sealers_are_on_a_branch_of_their_own_and_nobody_shares_an_address() -> None:
    people = people_of(_SMALL)
    assert [each.path for each in people.sealers] == [f"m/44'/60'/1'/0/{i}" for i in range(3)]
    everybody = [each.address for each in (*people.market, *people.sealers)]
    assert len(set(everybody)) == len(everybody)


def test_one_edge_server_sells_and_it_is_the_one_that_was_chosen() -> None:
    assert people_of(_SMALL).seller.name == "edge-server-1"
    chosen = _SMALL.model_copy(update={"selling": "vm"})
    assert people_of(chosen).seller.name == "edge-server-3"
    assert parameters_of(chosen, 2).seller == 2


def test_space_around_the_words_of_a_mnemonic_does_not_matter() -> None:
    folded = "\n  ".join(_KNOWN.split()) + "\n"
    assert keys_of(_SMALL, folded) == keys_of(_SMALL, _KNOWN)


@pytest.mark.parametrize(
    "words",
    ["", "three short words", " ".join(["test"] * 12), _KNOWN.replace("junk", "jumk"), f"{_KNOWN} junk"],
)
def test_a_bad_mnemonic_is_refused_without_being_shown(words: str) -> None:
    with pytest.raises(TestbedError, match="not a BIP-39 mnemonic") as caught:
        keys_of(_SMALL, words)
    assert str(caught.value).startswith("mnemonic: its ")
    assert not {"test", "jumk", "junk", "short"} & set(str(caught.value).split())


@pytest.mark.parametrize("market", [MarketConfig(), MarketConfig(x_max=7.0005, p_max=33.3, prosumers=3)])
def test_the_genesis_covers_every_purchase_that_may_ever_be_made_and_gas(market: MarketConfig) -> None:
    config = Config(market=market, campaign=CampaignConfig(declared_slots=123))
    game, people = parameters_of(config, 2), people_of(config)
    given = allocation_wei(config, game, people)
    dearest_slot = elecoins_to_mE(game.x_max) * price_to_wei_per_mE(game.p_max)
    ether = 10**18
    for each in people.market:
        left = given[each.address] - (123 * dearest_slot if each.role == "prosumer" else 0)
        assert left >= (1000 + 123) * ether, f"{each.name} needs gas"
    assert set(given) == {each.address for each in people.market}, "a sealing key starts with nothing"


def test_the_elecoins_last_though_one_edge_server_sells_all() -> None:
    for nodes in (1, 3):
        config = Config(
            nodes=[NodeConfig(name=f"n{i}") for i in range(nodes)],
            campaign=CampaignConfig(declared_slots=50),
        )
        game = parameters_of(config, 4)
        part_of_one = total_mE(config, game) // nodes
        assert part_of_one >= 50 * game.prosumers * elecoins_to_mE(game.x_max)


@pytest.mark.parametrize("retailers", [1, 2, 3, 7])
def test_all_retailers_together_generate_what_the_largest_demand_takes(retailers: int) -> None:
    game = parameters_of(Config(), 2)
    together_Wh = retailers * slot_generation_Wh(game, retailers)
    largest_Wh = 1000 * game.prosumers * game.x_max / game.Q
    assert largest_Wh <= together_Wh < largest_Wh + retailers


def test_computing_power_is_what_the_quotas_say_and_all_else_is_the_configurations() -> None:
    game = parameters_of(Config(market=MarketConfig(prosumers=2, w=[0.2, 0.1], eta=0.5)), 2)
    assert (game.w, game.eta, game.theta) == ((0.2, 0.1), 0.5, 100.0)
    assert sum(game.alpha) == pytest.approx(1.6, abs=0.002)
    assert game.alpha[1] / game.alpha[0] == pytest.approx(6500 / 3700, rel=0.01)
