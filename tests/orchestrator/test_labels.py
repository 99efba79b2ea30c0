"""The labels a cleanup trusts keep their names: an older version's containers must stay removable."""

from __future__ import annotations

from orchestrator.labels import IMAGE, filter_of, labels_of


def test_the_names_are_frozen() -> None:
    assert labels_of("demo", "node", version="0.1.0", created="2024-01-02T03:04:05+00:00") == {
        "org.elecoin.testbed.app": "elecoin-testbed",
        "org.elecoin.testbed.name": "demo",
        "org.elecoin.testbed.role": "node",
        "org.elecoin.testbed.version": "0.1.0",
        "org.elecoin.testbed.created": "2024-01-02T03:04:05+00:00",
    }
    assert IMAGE == "org.elecoin.testbed.image"


def test_a_listing_asks_for_one_testbed_of_ours() -> None:
    assert filter_of("demo") == [
        *("--filter", "label=org.elecoin.testbed.app=elecoin-testbed"),
        *("--filter", "label=org.elecoin.testbed.name=demo"),
    ]


def test_an_image_carries_none_of_a_testbeds_labels() -> None:
    assert IMAGE not in labels_of("demo", "node", version="1", created="now")
