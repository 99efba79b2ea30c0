"""The configuration of a testbed: `testbed.yaml`, validated, with every default visible.

With no file the built-in profile `paper` holds: the defaults below. They mirror the paper's
Section IV; what the paper does not give is marked as an assumption.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from errors import EnvironmentFault, TestbedError
from market.parameters import Parameters
from market.presets import preset
from market.units import MILLI, WEI_PER_ETHER, Q_to_mE_per_kWh, elecoins_to_mE, kWh_to_Wh, price_to_wei_per_mE
from orchestrator.profiles import (
    Customer,
    DayKind,
    Series,
    generation_of_day,
    load_of_day,
    slot_games,
    source_of_day,
)
from orchestrator.strategy import check_policy

NAME_PATTERN = r"[a-z](?:[a-z0-9-]{0,22}[a-z0-9])?"
Name = Annotated[str, Field(pattern=f"^{NAME_PATTERN}$")]
Consensus = Literal["clique", "pow"]
# Beyond this no quantity of a market makes sense, and products of several stay exact in all that compute.
# A price of it, in wei per mE, fits the 80 bits that ETSC has for a price.
_LARGEST = 1e9
Positive = Annotated[float, Field(gt=0, le=_LARGEST)]
NotNegative = Annotated[float, Field(ge=0, le=_LARGEST)]
# How much ETSC's accounts hold: mE and Wh in 48 bits, a seller's earnings in wei in 88.
_LARGEST_ACCOUNT = 2**48 - 1
_LARGEST_CREDIT_WEI = 2**88 - 1


class _Section(BaseModel):
    # Strict: neither "8" nor yes is a number of prosumers.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class NodeConfig(_Section):
    """One Geth node, which is one edge server."""

    name: Name
    device: str = Field("", max_length=120)
    # PassMark CPU mark of the device's processor: the ratio between nodes is that of their quotas.
    score: int = Field(1000, ge=1, le=1_000_000)
    memory_gb: float = Field(2.0, ge=0.25, le=1024)
    miner_threads: int = Field(1, ge=1, le=64)


class ChainConfig(_Section):
    consensus: Consensus = "clique"
    period_seconds: int = Field(1, ge=1, le=60)
    # The share of the host's processors that the nodes get together; the rest is for bots and explorer.
    cpu_share: float = Field(0.8, gt=0, le=1)
    cache_mb: int = Field(64, ge=16, le=65_536)


class ProfilesConfig(_Section):
    """A day that repeats: each slot's loads and generation, in parts of their mean over the day."""

    # Month and day of the sun and of BDEW's season; BDEW has three kinds of day in each.
    date: str = "06-21"
    slots_per_day: int = 24
    day: DayKind = "workday"
    # The prosumers' standard load profiles in their order, repeated: [h0] makes all of them households.
    customers: list[Customer] = Field(["h0"], min_length=1)

    @model_validator(mode="after")
    def _has_data(self) -> ProfilesConfig:
        try:
            _ = self.loads
        except EnvironmentFault:
            raise
        except TestbedError as error:
            raise ValueError(error.what) from error
        return self

    @property
    def loads(self) -> list[Series]:
        """Of each of `customers`. Quick. Raises TestbedError."""
        return [
            load_of_day(self.date, self.slots_per_day, customer=customer, day=self.day)
            for customer in self.customers
        ]

    @property
    def generation(self) -> Series:
        """Takes a second the first time, for pvlib to load. Raises TestbedError."""
        return generation_of_day(self.date, self.slots_per_day)

    @property
    def source(self) -> str:
        """What the data are and how they were made."""
        return source_of_day(self.date, self.customers, self.day)


class MarketConfig(_Section):
    """The game's parameters in the paper's symbols; the preset's values where left out."""

    preset: Literal["interior", "trend", "discriminated"] = "interior"
    pricing: Literal["unified", "discriminated"] | None = None
    prosumers: int = Field(8, ge=1, le=200)
    retailers: int = Field(2, ge=1, le=50)
    theta: Positive | None = None
    eta: Positive | None = None
    k: Positive | None = None
    Q: Positive | None = None
    w: list[Positive] | None = Field(None, min_length=1)
    p_min: Positive | None = None
    p_max: Positive | None = None
    x_min: NotNegative | None = None
    x_max: Positive | None = None
    e_c: NotNegative | None = None
    # Ether per elecoin that the edge server pays for elecoins; None: p_min, the most that ETSC allows.
    buy_back: NotNegative | None = None
    # Loads and generation that follow a day; None: the same in every slot.
    profiles: ProfilesConfig | None = None

    @property
    def buy_back_wei_per_mE(self) -> int:
        """0 where the edge server buys no elecoins back."""
        return price_to_wei_per_mE(self.game.p_min if self.buy_back is None else self.buy_back)

    @property
    def game(self) -> Parameters:
        """The game without the nodes' computing power. Raises TestbedError where the values contradict."""
        keys = ("pricing", "theta", "eta", "k", "Q", "w", "p_min", "p_max", "x_min", "x_max", "e_c")
        given: dict[str, Any] = {key: getattr(self, key) for key in keys if getattr(self, key) is not None}
        # With its own w, the preset need not have one for so many.
        return replace(preset(self.preset, None if self.w else self.prosumers), **given)

    @property
    def loads(self) -> tuple[Series, ...]:
        """Each prosumer's, shape (N, slots of a day), mean 1; where nothing follows a day it has one slot."""
        kinds = [(1.0,)] if self.profiles is None else self.profiles.loads
        return tuple(kinds[index % len(kinds)] for index in range(self.prosumers))

    @property
    def generation(self) -> Series:
        """Of every retailer, shape (slots of a day,), mean 1."""
        return (1.0,) if self.profiles is None else self.profiles.generation

    @model_validator(mode="after")
    def _playable(self) -> MarketConfig:
        if self.w is not None and len(self.w) != self.prosumers:
            raise ValueError(f"w has {len(self.w)} values, prosumers is {self.prosumers}: give one w each")
        try:
            game = self.game
            slot_games(game, self.loads)
        except EnvironmentFault:
            raise
        except TestbedError as error:
            raise ValueError(error.what) from error
        if Q_to_mE_per_kWh(game.Q) < 1 or elecoins_to_mE(game.x_max) < 1:
            raise ValueError(
                f"Q is {game.Q} and x_max is {game.x_max}: each must be at least 0.001, the chain's unit"
            )
        if price_to_wei_per_mE(game.p_min) < 1:
            raise ValueError(f"p_min is {game.p_min}: it must be at least 1e-15, the chain's unit")
        return self

    @model_validator(mode="after")
    def _buys_back_within_its_reserve(self) -> MarketConfig:
        """ETSC keeps p_min of each elecoin's price, and pays buy-backs from nothing else."""
        if self.buy_back is None:
            return self
        if self.buy_back > self.game.p_min:
            raise ValueError(
                f"buy_back is {self.buy_back}: it must be at most p_min, which is {self.game.p_min}"
            )
        if self.buy_back > 0 and self.buy_back_wei_per_mE == 0:
            raise ValueError(
                f"buy_back is {self.buy_back}: it must be 0, or at least 1e-15, the chain's unit"
            )
        return self


class CampaignConfig(_Section):
    """What a campaign plays, and for how many slots the chain is funded."""

    slots: int = Field(10, ge=1, le=1_000_000)
    # One of orchestrator.strategy.POLICIES, or a file of `testbed learn --out`.
    policy: str = "equilibrium"
    seed: int = Field(1, ge=0, le=2**63 - 1)
    # Slots that this chain can play in its life: fixes the elecoins and the ether of the genesis.
    declared_slots: int = Field(10_000, ge=1, le=1_000_000)
    # Blocks that the edge server waits for a silent prosumer before it opens the next slot.
    wait_blocks: int = Field(6, ge=1, le=1000)
    # Blocks after which anyone may open the next slot at the old price.
    slot_deadline_blocks: int = Field(16, ge=2, le=10_000)

    @field_validator("policy")
    @classmethod
    def _known(cls, policy: str) -> str:
        try:
            return check_policy(policy)
        except TestbedError as error:
            raise ValueError(". ".join(filter(None, (error.what, error.fix)))) from error

    @model_validator(mode="after")
    def _deadline_after_wait(self) -> CampaignConfig:
        if self.slot_deadline_blocks <= self.wait_blocks:
            raise ValueError(
                f"slot_deadline_blocks is {self.slot_deadline_blocks}: it must be above wait_blocks,"
                f" which is {self.wait_blocks}"
            )
        return self


class ExplorerConfig(_Section):
    # None: a free port.
    port: int | None = Field(None, ge=1024, le=65_535)


def _paper_nodes() -> list[NodeConfig]:
    # The VM's processor is not named in the paper; its score is an assumption: half of laptop-a's.
    return [
        NodeConfig(name="laptop-a", device="laptop, i7-7500U, 8 GB", score=3700, memory_gb=8),
        NodeConfig(name="laptop-b", device="laptop, i5-10210U, 16 GB", score=6500, memory_gb=16),
        NodeConfig(name="vm", device="virtual machine, 2 GB, 30 GB disk", score=1850, memory_gb=2),
    ]


class Config(_Section):
    """Everything that `testbed.yaml` may say."""

    chain: ChainConfig = ChainConfig.model_validate({})
    nodes: list[NodeConfig] = Field(default_factory=_paper_nodes, min_length=1, max_length=21)
    # The node whose edge server sells elecoins; the others only mine.
    selling: Name | None = None
    market: MarketConfig = MarketConfig.model_validate({})
    campaign: CampaignConfig = CampaignConfig.model_validate({})
    explorer: ExplorerConfig = ExplorerConfig.model_validate({})
    # A BIP-39 mnemonic for all accounts; None: a new one.
    mnemonic: str | None = None

    @model_validator(mode="after")
    def _names(self) -> Config:
        names = [node.name for node in self.nodes]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"nodes: two nodes are called {name!r}; names must differ")
            if name in ("explorer", "pod", "throttle") or re.match(
                r"(edge-server|prosumer|retailer|meter)-", name
            ):
                raise ValueError(f"nodes: {name!r} is the name of another service; choose another")
        if self.selling is not None and self.selling not in names:
            raise ValueError(f"selling is {self.selling!r}; it must be a node: {', '.join(names)}")
        return self

    @model_validator(mode="after")
    def _fits_the_contract(self) -> Config:
        """All declared slots with every demand at its bound must fit into the accounts of ETSC, and the sales
        of two slots into half of a seller's credit: when the other half is full, the seller withdraws."""
        game, slots = self.market.game, self.campaign.declared_slots
        slot_mE = game.prosumers * elecoins_to_mE(game.x_max)
        # The edge servers have equal parts, and each part lasts for all slots.
        issued_mE = slots * slot_mE * len(self.nodes)
        # What is generated has its mean over whole days: the last may end after its bright hours.
        days = self.market.profiles
        metered_slots = slots + (0 if days is None else days.slots_per_day)
        metered_Wh = metered_slots * kWh_to_Wh(game.prosumers * game.x_max / game.Q)
        for what, needed, unit in (("elecoins", issued_mE, ""), ("electricity", metered_Wh, " kWh")):
            if needed > _LARGEST_ACCOUNT:
                raise ValueError(
                    f"campaign.declared_slots is {slots}: {what} could come to {needed / MILLI:.3g}{unit},"
                    f" and the contract counts to {_LARGEST_ACCOUNT / MILLI:.3g}: declare fewer slots, or"
                    " lower the market's bounds"
                )
        sales_wei, credit_wei = 2 * slot_mE * price_to_wei_per_mE(game.p_max), _LARGEST_CREDIT_WEI // 2
        if sales_wei > credit_wei:
            raise ValueError(
                f"market.p_max is {game.p_max}: the sales of two slots could come to"
                f" {sales_wei / WEI_PER_ETHER:.3g} ether, and at most {credit_wei / WEI_PER_ETHER:.3g} are"
                " allowed, half of what the contract counts to: lower p_max or x_max"
            )
        return self

    @property
    def selling_node(self) -> str:
        return self.selling or self.nodes[0].name


def load_config(path: Path) -> Config:
    """The configuration in a YAML file, or the one that a campaign's report.json embeds.

    Raises TestbedError naming file, key, value and what is allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TestbedError(
            f"the configuration cannot be read: {error}", where=str(path), fix="`testbed init` writes one."
        ) from error
    try:
        # A report is long, and YAML's parser a hundred times slower than JSON's.
        content = json.loads(text) if path.suffix == ".json" else yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f" in line {error.problem_mark.line + 1}"
        raise TestbedError(f"not valid YAML{line}: {error.problem}", where=str(path)) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        why = str(error).partition("\n")[0]
        raise TestbedError(f"cannot be parsed: {why}", where=str(path)) from error
    if isinstance(content, dict) and content.get("kind") == "campaign report":
        return parse_config(content.get("configuration"), where=f"{path}, configuration")
    return parse_config({} if content is None else content, where=str(path))


class _Loader(yaml.SafeLoader):
    """YAML without two of its traps: 1e3 is a number, and no key hides an earlier one of its name."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in names:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key {key.value!r} stands twice", problem_mark=key.start_mark
                    )
                names.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def parse_config(content: Any, *, where: str) -> Config:
    """A configuration from plain data. Raises TestbedError with one line a mistake."""
    if not isinstance(content, dict):
        raise TestbedError(f"expected keys and values, found {type(content).__name__}", where=where)
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        raise TestbedError(f"\n{where}: ".join(_explain(error)), where=where) from error


def _explain(error: ValidationError) -> Iterator[str]:
    for mistake in error.errors(include_url=False):
        key = ".".join(str(part) for part in mistake["loc"])
        if mistake["type"] in ("extra_forbidden", "invalid_key"):
            yield f"{key}: unknown key{_did_you_mean(mistake['loc'])}"
        elif mistake["type"] == "value_error":
            yield f"{key + ': ' if key else ''}{mistake['ctx']['error']}"
        else:
            yield f"{key}: is {mistake['input']!r:.100}, but {_allowed(mistake)}"


def _allowed(mistake: Any) -> str:
    if mistake["type"] == "string_pattern_mismatch":
        return "allowed are 1 to 24 of a-z, 0-9 and -, beginning with a letter"
    if mistake["type"] == "model_type":
        return "it should hold keys and values (without the key its defaults hold)"
    text: str = mistake["msg"]
    text = text.replace("Input should", "it should", 1).replace("List should", "the list should", 1)
    return text.replace(" after validation", "", 1)


def _did_you_mean(location: tuple[int | str, ...]) -> str:
    model: Any = Config
    for part in location[:-1]:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        model = annotation.__args__[0] if hasattr(annotation, "__args__") else annotation
    known = list(model.model_fields)
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}"
