"""testbed.yaml shows every default, and each mistake in one is said in one line with file, key and bound."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from errors import TestbedError
from market.presets import preset
from market.units import price_to_wei_per_mE
from orchestrator.config import Config, MarketConfig, NodeConfig, load_config, parse_config

_TEMPLATE = resources.files("orchestrator").joinpath("testbed.yaml").read_text(encoding="utf-8")


def _load(folder: Path, text: str, name: str = "testbed.yaml") -> Config:
    path = folder / name
    path.write_text(text)
    return load_config(path)


def _refusal(folder: Path, text: str, name: str = "testbed.yaml") -> str:
    with pytest.raises(TestbedError) as caught:
        _load(folder, text, name)
    assert caught.value.exit_code == 1
    message = str(caught.value)
    for line in message.splitlines():
        assert line.startswith(str(folder / name)), message
    return message


def test_the_commented_file_is_the_built_in_profile() -> None:
    assert parse_config(yaml.safe_load(_TEMPLATE), where="testbed.yaml") == Config()


def test_every_key_there_is_stands_in_the_commented_file() -> None:
    def compare(model: type[BaseModel], shown: dict[str, Any]) -> None:
        assert set(shown) == set(model.model_fields)
        for key, field in model.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                compare(field.annotation, shown[key])

    content = yaml.safe_load(_TEMPLATE)
    compare(Config, content)
    for node in content["nodes"]:
        compare(NodeConfig, node)


def test_what_the_comments_say_of_the_preset_is_true() -> None:
    section = _TEMPLATE.partition("\nmarket:")[2].partition("\ncampaign:")[0]
    said = dict(re.findall(r"^  (\w+): null +#.*?([\d.]+)$", section, re.MULTILINE))
    assert set(said) == {"theta", "eta", "k", "Q", "p_min", "p_max", "x_min", "x_max", "e_c"}
    assert {key: float(value) for key, value in said.items()} == {
        key: getattr(preset("interior"), key) for key in said
    }
    assert preset("interior").w == pytest.approx([0.1 * (1.07 - 0.02 * i) for i in range(8)])
    assert "w: null                # one value a prosumer, or null: 0.1 * linspace(1.07, 0.93, N)" in section


def test_an_empty_file_is_the_profile(tmp_path: Path) -> None:
    assert _load(tmp_path, "# nothing yet\n") == Config()


def test_what_is_left_out_keeps_its_default(tmp_path: Path) -> None:
    config = _load(tmp_path, "market: {prosumers: 3, p_max: 4e1}\n")
    assert config.market == MarketConfig(prosumers=3, p_max=40.0)
    assert config.chain == Config().chain
    assert config.market.game.prosumers == 3


def test_without_profiles_every_slot_is_like_every_other() -> None:
    market = MarketConfig(prosumers=3)
    assert (market.loads, market.generation) == (((1.0,),) * 3, (1.0,))


def test_profiles_give_each_customer_its_own_day_in_turn() -> None:
    market = parse_config(
        {"market": {"prosumers": 3, "profiles": {"slots_per_day": 4, "customers": ["h0", "g0"]}}}, where="a"
    ).market
    assert [len(series) for series in market.loads] == [4, 4, 4]
    assert market.loads[0] == market.loads[2] != market.loads[1]
    for series in (*market.loads, market.generation):
        assert sum(series) / 4 == pytest.approx(1)
    # The sun of a day in June is highest in the third quarter of Greensboro's clock, or the second.
    assert max(market.generation) in market.generation[1:3]


def test_a_configuration_survives_being_kept_as_json() -> None:
    kept = json.loads(json.dumps(Config(mnemonic="a b c").model_dump(mode="json")))
    assert parse_config(kept, where="state") == Config(mnemonic="a b c")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("chian: {}", "chian: unknown key; did you mean 'chain'?"),
        ("campaign: {slot: 3}", "campaign.slot: unknown key; did you mean 'slots'?"),
        ("market: {pmax: 3}", "market.pmax: unknown key; did you mean 'p_max'?"),
        ("nodes: [{name: a}, {name: b, scor: 3}]", "nodes.1.scor: unknown key; did you mean 'score'?"),
        ("explorer: {zzz: 1}", "explorer.zzz: unknown key; known are port"),
        ("1: 2", "1: unknown key; known are chain,"),
        ("market: {prosumers: '8'}", "market.prosumers: is '8', but it should be a valid integer"),
        ("market: {prosumers: yes}", "market.prosumers: is True, but it should be a valid integer"),
        ("market: {prosumers: 2.5}", "market.prosumers: is 2.5, but it should be a valid integer"),
        ("market: {theta: lots}", "market.theta: is 'lots', but it should be a valid number"),
        ("nodes: {name: a}", "nodes: is {'name': 'a'}, but it should be a valid list"),
        ("chain:", "chain: is None, but it should hold keys and values"),
        ("- a", "expected keys and values, found list"),
        ("market: {eta: -0.3}", "market.eta: is -0.3, but it should be greater than 0"),
        ("campaign: {seed: -1}", "campaign.seed: is -1, but it should be greater than or equal to 0"),
        ("nodes: [{name: a, score: 0}]", "nodes.0.score: is 0, but it should be greater than or equal to 1"),
        ("market: {p_max: .nan}", "market.p_max: is nan, but it should be a finite number"),
        ("market: {Q: .inf}", "market.Q: is inf, but it should be a finite number"),
        ("market: {theta: 1e10}", "market.theta: is 10000000000.0, but it should be less than or equal to"),
        ("market: {prosumers: 0}", "market.prosumers: is 0, but it should be greater than or equal to 1"),
        ("market: {retailers: 0}", "market.retailers: is 0, but it should be greater than or equal to 1"),
        ("market: {profiles: {dat: 06-21}}", "market.profiles.dat: unknown key; did you mean 'date'?"),
        ("market: {profiles: {date: 21.06.}}", "market.profiles: date = '21.06.' is not allowed"),
        ("market: {profiles: {slots_per_day: 7}}", "market.profiles: slots_per_day = 7 is not allowed"),
        ("market: {profiles: {customers: []}}", "market.profiles.customers: is [], but the list should have"),
        (
            'market: {theta: 70, profiles: {date: "12-21", day: saturday}}',
            "market: the loads of 03:00 (slot 4 of 24 of the day) leave no game: c = √(kθH/η) = ",
        ),
        ("campaign: {policy: dmaubrl}", "campaign.policy: unknown policy 'dmaubrl', allowed: dma-ubrl"),
        ("nodes: []", "nodes: is [], but the list should have at least 1 item, not 0"),
        ("nodes: [{name: a}, {name: a}]", "nodes: two nodes are called 'a'; names must differ"),
        ("nodes: [{name: prosumer-1}]", "nodes: 'prosumer-1' is the name of another service"),
        ("nodes: [{name: A_b}]", "nodes.0.name: is 'A_b', but allowed are 1 to 24 of a-z, 0-9 and -"),
        ("selling: moon", "selling is 'moon'; it must be a node: laptop-a, laptop-b, vm"),
        ("chain: {consensus: poa}", "chain.consensus: is 'poa', but it should be 'clique' or 'pow'"),
        ("market: {w: [0.1]}", "market: w has 1 values, prosumers is 8: give one w each"),
        ("market: {prosumers: 1, w: [-0.1]}", "market.w.0: is -0.1, but it should be greater than 0"),
        ("market: {p_max: 5}", "market: p_max = 5.0 is not allowed: it must be >= p_min = 10.0"),
        ("market: {x_min: 16}", "market: x_max = 15.0 is not allowed: it must be >= x_min = 16.0"),
        ("market: {Q: 0.0001}", "market: Q is 0.0001 and x_max is 15.0: each must be at least 0.001"),
        ("market: {p_min: 1e-16}", "market: p_min is 1e-16: it must be at least 1e-15"),
        ("market: {p_max: 1.2e9}", "market.p_max: is 1200000000.0, but it should be less than or equal to 1"),
        ("market: {buy_back: -1}", "market.buy_back: is -1, but it should be greater than or equal to 0"),
        ("market: {buy_back: 10.1}", "market: buy_back is 10.1: it must be at most p_min, which is 10.0"),
        (
            "market: {buy_back: 3, p_min: 2}",
            "market: buy_back is 3.0: it must be at most p_min, which is 2.0",
        ),
        ("market: {buy_back: 1e-16}", "market: buy_back is 1e-16: it must be 0, or at least 1e-15"),
        ("market: {x_max: 1e5, p_max: 1e3}", "market.p_max is 1000.0: the sales of two slots could come to"),
        (
            "campaign: {wait_blocks: 9, slot_deadline_blocks: 9}",
            "campaign: slot_deadline_blocks is 9: it must be above wait_blocks, which is 9",
        ),
        ("explorer: {port: 80}", "explorer.port: is 80, but it should be greater than or equal to 1024"),
        ("market: {}\nmarket: {}", "not valid YAML in line 2: the key 'market' stands twice"),
        ("chain: {}\nmarket: [", "not valid YAML in line 2: "),
        ("chain: !!python/name:os.system ''", "not valid YAML in line 1: "),
        ("\0", "cannot be parsed: unacceptable character"),
    ],
)
def test_a_mistake_is_one_line_with_file_key_value_and_what_is_allowed(
    tmp_path: Path, text: str, said: str
) -> None:
    message = _refusal(tmp_path, text)
    assert message.startswith(f"{tmp_path / 'testbed.yaml'}: {said}")
    assert len(message.splitlines()) == 1


def test_every_mistake_is_said_at_once_each_in_its_line(tmp_path: Path) -> None:
    message = _refusal(tmp_path, "market: {prosumers: 0, Q: -1}\nexplorer: {prot: 8000}\n")
    keys = [
        line.removeprefix(f"{tmp_path / 'testbed.yaml'}: ").partition(":")[0] for line in message.splitlines()
    ]
    assert keys == ["market.prosumers", "market.Q", "explorer.prot"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("market: {x_max: 1e6}\ncampaign: {declared_slots: 1000000}", "elecoins"),
        # Each edge server's part alone would fit.
        ("market: {prosumers: 10, x_max: 1e4}\ncampaign: {declared_slots: 1000000}", "elecoins"),
        ("market: {Q: 0.001, prosumers: 20}\ncampaign: {declared_slots: 1000000}", "electricity"),
    ],
)
def test_more_slots_than_the_contract_can_count_are_refused_before_a_chain_is_made(
    tmp_path: Path, text: str, what: str
) -> None:
    message = _refusal(tmp_path, text)
    assert f"campaign.declared_slots is 1000000: {what} could come to" in message
    assert "declare fewer slots" in message


def test_a_file_that_cannot_be_read_is_named_with_the_command_that_writes_one(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "absent.yaml", tmp_path, tmp_path / "binary.yaml"):
        with pytest.raises(TestbedError, match="testbed init") as caught:
            load_config(path)
        assert str(path) in str(caught.value)


def test_a_campaigns_report_is_a_configuration_too(tmp_path: Path) -> None:
    played = Config(market=MarketConfig(prosumers=4, Q=0.5))
    report = {"kind": "campaign report", "configuration": played.model_dump(mode="json"), "slots": 3}
    assert _load(tmp_path, json.dumps(report), "report.json") == played


def test_a_mistake_in_a_report_names_the_report(tmp_path: Path) -> None:
    report = {"kind": "campaign report", "configuration": {"market": {"Q": -1}}}
    message = _refusal(tmp_path, json.dumps(report), "report.json")
    assert message.startswith(f"{tmp_path / 'report.json'}, configuration: market.Q: is -1")
    assert "cannot be parsed" in _refusal(tmp_path, json.dumps(report)[:-5], "report.json")
    assert "expected keys and values" in _refusal(tmp_path, '{"kind": "campaign report"}', "report.json")


@pytest.mark.parametrize(
    ("text", "wei_per_mE"), [("{}", 10**16), ("{buy_back: 0}", 0), ("{buy_back: 2.5}", 25 * 10**14)]
)
def test_elecoins_are_bought_back_at_p_min_unless_told(tmp_path: Path, text: str, wei_per_mE: int) -> None:
    assert _load(tmp_path, f"market: {text}").market.buy_back_wei_per_mE == wei_per_mE


def test_the_largest_price_that_is_allowed_fits_the_contract(tmp_path: Path) -> None:
    market = _load(tmp_path, "market: {p_min: 1e9, p_max: 1e9, x_max: 0.001, prosumers: 1}").market
    assert price_to_wei_per_mE(market.game.p_max) < 2**80


def test_two_hundred_prosumers_play_as_many_slots_as_eight(tmp_path: Path) -> None:
    assert _load(tmp_path, "market: {prosumers: 200}").campaign == Config().campaign
