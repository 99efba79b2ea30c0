"""`destroy` leaves no container, network, volume, process or file, whatever state the testbed was in."""

from __future__ import annotations

import signal

from tests.e2e.refused import refused
from tests.e2e.running import Home, Market, wait_until


def test_a_damaged_testbed_is_refused_by_all_but_destroy(new_market: Market) -> None:
    new_market.up()
    state = new_market.directory / "state.json"
    state.write_text(state.read_text()[:300])
    for command in (["up"], ["status"], ["down"], ["campaign", "run"], ["accounts"], ["logs", "vm"]):
        ran = new_market.home.run(*command, "--name", new_market.name)
        refused(ran, 1, "truncated", str(state), "testbed destroy")
    new_market.destroy()
    assert new_market.leftovers() == []


def test_bots_of_a_killed_campaign_are_destroyed_too(new_market: Market) -> None:
    new_market.up()
    campaign = new_market.begin_campaign(20)
    campaign.says("slot 1 of 20")
    assert len(new_market.instances()) > 4
    campaign.signal(signal.SIGKILL)
    new_market.destroy()
    assert new_market.leftovers() == []


def test_a_killed_destroy_is_finished_by_the_next(new_market: Market) -> None:
    new_market.up()
    everything = len(new_market.instances())
    first = new_market.home.begin("destroy", "--yes", "--name", new_market.name)
    wait_until(lambda: len(new_market.instances()) < everything, "the first service to go")
    first.signal(signal.SIGKILL)
    second = new_market.home.begin("destroy", "--yes", "--name", new_market.name)
    wait_until(lambda: not (new_market.directory / "state.json").exists(), "the state to go")
    second.signal(signal.SIGKILL)
    new_market.destroy()
    assert new_market.leftovers() == []


def test_a_new_testbed_takes_the_name_of_a_destroyed_one(new_market: Market) -> None:
    first = new_market.up()
    new_market.destroy()
    second = new_market.up()
    assert second["genesis_hash"] != first["genesis_hash"]
    assert second["chain_id"] != first["chain_id"]
    new_market.destroy()
    assert new_market.leftovers() == []


def test_a_directory_that_is_no_testbed_is_left_alone(home: Home) -> None:
    photos = home.directory / "photos"
    photos.mkdir()
    (photos / "summer.jpg").write_text("irreplaceable")
    refused(home.run("destroy", "--yes", "--name", "photos"), 1, "no testbed", str(photos))
    refused(home.run("up", "--name", "photos", "--engine", "process"), 1, "no testbed", str(photos))
    assert (photos / "summer.jpg").read_text() == "irreplaceable"


def test_a_testbed_whose_state_is_lost_can_be_destroyed(new_market: Market) -> None:
    new_market.up()
    (new_market.directory / "state.json").unlink()
    new_market.destroy()
    assert new_market.leftovers() == []
