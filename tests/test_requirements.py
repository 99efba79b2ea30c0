"""A test that needs Docker or proof of work skips where the machine lacks it, and fails where it must run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[1]
_NEEDY = {
    "docker": (
        "tests/orchestrator/test_images.py::test_the_geth_image_is_the_right_geth",
        "daemon does not answer",
    ),
    "pow": (
        "tests/genesis/test_dag.py::test_the_cached_data_sets_are_recognised_as_whole",
        "lacks full-R23-0000000000000000",
    ),
}


@pytest.mark.parametrize("what", _NEEDY)
@pytest.mark.parametrize(("required", "outcome", "code"), [("", "SKIPPED", 0), ("docker,pow", "ERROR", 1)])
def test_what_is_lacking_skips_or_fails_and_says_why(
    tmp_path: Path, what: str, required: str, outcome: str, code: int
) -> None:
    test, reason = _NEEDY[what]
    env = {
        **_outside(),
        "DOCKER_HOST": f"unix://{tmp_path}/absent.sock",
        "TESTBED_CACHE": str(tmp_path),
        "TESTBED_REQUIRE": required,
    }
    command = [sys.executable, "-m", "pytest", "-rsE", "-p", "no:cacheprovider", test]
    ran = subprocess.run(command, cwd=_ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert ran.returncode == code, ran.stdout
    assert outcome in ran.stdout
    assert reason in ran.stdout


def test_tests_of_one_group_run_on_one_worker(tmp_path: Path) -> None:
    """What proof of work relies on; some versions of pytest and pytest-xdist ignore groups silently."""
    (tmp_path / "test_groups.py").write_text(
        "import pytest\n"
        "@pytest.mark.xdist_group('alone')\n"
        "@pytest.mark.parametrize('i', range(8))\n"
        "def test_one(i, worker_id):\n"
        "    open(f'by-{worker_id}', 'a').close()\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup"]
    ran = subprocess.run(command, cwd=tmp_path, env=_outside(), capture_output=True, text=True, timeout=60)
    assert "8 passed" in ran.stdout, ran.stdout
    assert len(list(tmp_path.glob("by-*"))) == 1


def _outside() -> dict[str, str]:
    """This environment without what tells a pytest that it runs under another."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
