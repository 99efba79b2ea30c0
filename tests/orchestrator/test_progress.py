"""Long work says where it is, and that it goes on when it says nothing itself."""

from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console

from learning.game import Game
from learning.learner import LEARNERS
from market.presets import preset
from orchestrator import progress
from orchestrator.progress import Step, is_heartbeat, progress_bar
from orchestrator.training import train_seeds

_PATIENCE_SECONDS = 60.0


class Paper(io.StringIO):
    """What a console writes on; somebody can wait for a heartbeat."""

    def __init__(self) -> None:
        super().__init__()
        self.heartbeat = threading.Event()

    def write(self, text: str) -> int:
        written = super().write(text)
        if any(is_heartbeat(line) for line in text.splitlines()):
            self.heartbeat.set()
        return written

    @property
    def lines(self) -> list[str]:
        return self.getvalue().splitlines()


def test_work_that_says_nothing_is_said_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "HEARTBEAT_SECONDS", 0.01)
    paper = Paper()
    with progress_bar(Console(file=paper)) as show:
        show(Step("training", 0.0, None))
        assert paper.heartbeat.wait(_PATIENCE_SECONDS)
        show(Step("training", 1.0, 0.0))
    assert paper.lines[0] == "training: 0%"
    assert is_heartbeat(paper.lines[1])
    assert paper.lines[1].startswith("training: 0% (")
    assert paper.lines[-1] == "training: 100%, about 0 s left"


def test_nothing_is_said_before_the_first_step_and_after_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "HEARTBEAT_SECONDS", 0.01)
    before, after = Paper(), Paper()
    with progress_bar(Console(file=before)), progress_bar(Console(file=after)) as show:
        show(Step("training", 1.0, 0.0))
        # A third one beats meanwhile, so that the two had the time to.
        other = Paper()
        with progress_bar(Console(file=other)) as show_other:
            show_other(Step("other", 0.0, None))
            assert other.heartbeat.wait(_PATIENCE_SECONDS)
    assert before.lines == []
    assert after.lines == ["training: 100%, about 0 s left"]


def test_a_training_says_where_it_is_before_anything_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Step] = []

    def compile_first(*arguments: object, **options: object) -> None:
        assert told == [Step("training q", 0.0, None)]
        raise InterruptedError

    monkeypatch.setattr("orchestrator.training.train", compile_first)
    with pytest.raises(InterruptedError):
        train_seeds(Game(preset("interior"), 4, 4), "q", LEARNERS["q"], 1, 10, told.append)
