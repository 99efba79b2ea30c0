"""The command `testbed`: what it prints, how it ends, and what it does not load."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.config import Config, load_config

_ROOT = Path(__file__).resolve().parents[2]
_TESTBED = str(Path(sys.executable).with_name("testbed"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def run(
    home: Path, *words: str, cwd: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The installed command, as a shell runs it."""
    return subprocess.run(
        [_TESTBED, *words],
        cwd=cwd,
        env={**os.environ, "TESTBED_HOME": str(home), "COLUMNS": "200", **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def commands() -> Iterator[tuple[str, Any]]:
    def walk(path: str, command: Any) -> Iterator[tuple[str, Any]]:
        if hasattr(command, "commands"):
            for name, inner in command.commands.items():
                yield from walk(f"{path} {name}", inner)
        else:
            yield path, command

    yield from walk("testbed", typer.main.get_command(app))


_COMMANDS = dict(commands())


def test_the_commands_are_those_of_the_manual() -> None:
    assert {path.removeprefix("testbed ") for path in _COMMANDS} == {
        *("init", "up", "down", "destroy", "status", "logs", "accounts", "console", "doctor"),
        *("images build", "campaign run", "contract build", "contract check", "equilibrium", "learn"),
        *("experiment", "explorer serve", "explorer open", "explorer rebuild", "explorer check"),
    }


@pytest.mark.parametrize("path", _COMMANDS)
def test_the_help_of_every_command_says_what_it_does_and_shows_how(path: str) -> None:
    command = _COMMANDS[path]
    assert command.help
    assert "Example:" in (command.epilog or "")
    assert f"]{path}" in (command.epilog or "")
    for parameter in command.params:
        assert parameter.help or parameter.param_type_name == "argument", parameter.name


@pytest.mark.parametrize("path", _COMMANDS)
def test_the_examples_are_words_that_the_command_takes(path: str) -> None:
    epilog = (_COMMANDS[path].epilog or "").partition("[/bold]")[2]
    examples = [part.partition("[/cyan]")[0] for part in epilog.split("[cyan]")[1:]]
    assert examples
    for example in examples:
        program, *words = example.split()
        assert program == "testbed"
        shown = CliRunner().invoke(app, [*words, "--help"])
        assert shown.exit_code == 0, shown.output
        assert f"{path} " in shown.output.replace("root", "testbed")


def test_help_is_printed_and_loads_nothing_heavy(home: Path) -> None:
    heavy = {"pydantic", "eth_account", "matplotlib", "numpy", "yaml", "jinja2", "websockets", "psutil"}
    code = (
        "import sys\n"
        "from orchestrator.cli import main\n"
        "try:\n    main()\n"
        f"finally:\n    print(*sorted({heavy} & set(sys.modules)), file=sys.stderr)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(_ROOT)}
    # Typer itself loads pydantic, where it is installed, for a command with parameters.
    for words, loaded in ((["--help"], ""), (["up", "--help"], "pydantic"), (["init", "--help"], "pydantic")):
        ran = subprocess.run(
            [sys.executable, "-c", code, *words], env=env, capture_output=True, text=True, timeout=60
        )
        assert ran.returncode == 0
        assert "Usage:" in ran.stdout
        assert ran.stderr.strip() in ("", loaded)


def test_init_writes_a_file_that_is_the_profile_and_says_how_to_go_on(home: Path, tmp_path: Path) -> None:
    ran = run(home, "init", cwd=tmp_path)
    assert ran.returncode == 0
    assert "testbed up --config testbed.yaml" in ran.stdout
    assert load_config(tmp_path / "testbed.yaml") == Config()


def test_init_keeps_a_file_that_is_there(home: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("mine")
    ran = run(home, "init", "mine.yaml", cwd=tmp_path)
    assert ran.returncode == 1
    assert "--force" in ran.stderr
    assert mine.read_text() == "mine"
    assert run(home, "init", "mine.yaml", "--force", cwd=tmp_path).returncode == 0
    assert load_config(mine) == Config()


@pytest.mark.parametrize(
    "words",
    [
        ["--nothing"],
        ["fly"],
        ["up", "--fast"],
        ["up", "--engine", "magic"],
        ["up", "--consensus", "poa"],
        ["logs"],
        ["campaign", "run", "--slots", "0"],
        ["campaign", "run", "--slots", "many"],
        ["campaign", "run", "--seed", "-1"],
        ["status", "--name", "Not A Name"],
        ["destroy"],
    ],
)
def test_a_wrong_use_ends_with_2_and_makes_nothing(home: Path, words: list[str]) -> None:
    ran = run(home, *words)
    assert ran.returncode == 2, ran.stderr
    assert ran.stderr.strip()
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""
    assert not [path for path in home.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["status", "--json"],
        ["logs", "vm"],
        ["accounts"],
        ["console"],
        ["down"],
        ["campaign", "run"],
    ],
)
def test_a_testbed_that_is_not_there_is_said_with_the_command_that_makes_it(
    home: Path, words: list[str]
) -> None:
    ran = run(home, *words)
    assert ran.returncode == 1
    assert "there is no testbed 'default'" in ran.stderr
    assert "testbed up --name default" in ran.stderr
    assert ran.stdout == ""


def test_destroying_what_is_not_there_is_no_error(home: Path) -> None:
    ran = run(home, "destroy", "--yes")
    assert (ran.returncode, ran.stdout) == (0, "There is no testbed 'default'.\n")


def test_a_traceback_is_shown_only_where_it_is_asked_for(home: Path) -> None:
    assert "Traceback" not in run(home, "status").stderr
    assert "Traceback" in run(home, "--debug", "status").stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("market: {prosumers: 0}", "market.prosumers: is 0"),
        ("market: {p_max: 1}", "p_max = 1"),
        ("mnemonic: three short words", "not a BIP-39 mnemonic"),
        ("chain: {cpu_share: 0.001}", "the least that can be given"),
    ],
)
def test_up_refuses_a_bad_configuration_before_it_makes_anything(
    home: Path, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    ran = run(home, "up", "--engine", "process", "--config", str(tmp_path / "bad.yaml"))
    assert ran.returncode == 1
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not list(home.glob("default*"))


def test_the_doctor_looks_at_everything_and_says_what_to_do(home: Path, tmp_path: Path) -> None:
    """On a machine with nothing: no Docker, no Geth, no data sets."""
    empty = tmp_path / "bin"
    empty.mkdir()
    bare = {"PATH": str(empty), "TESTBED_CACHE": str(tmp_path / "cache")}
    ran = run(home, "doctor", "--json", env=bare)
    findings = {finding["subject"]: finding for finding in json.loads(ran.stdout)}
    assert set(findings) == {
        *("Python", "processors", "memory", "Docker", "Geth"),
        *("disk for testbeds", "disk for cache", "proof of work"),
    }
    for lacking in ("Docker", "Geth", "proof of work"):
        assert findings[lacking]["verdict"] == "warn"
        assert findings[lacking]["advice"]
    assert ran.returncode == (3 if any(each["verdict"] == "bad" for each in findings.values()) else 0)
    told = run(home, "doctor", env=bare).stdout
    for finding in findings.values():
        assert finding["subject"] in told
        assert finding["advice"] in told
    assert not home.exists(), "the doctor only looks"
    assert not (tmp_path / "cache").exists()


def test_the_doctor_fails_where_a_testbed_cannot_run(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("no folder")
    ran = run(tmp_path / "home" / "inside", "doctor", "--json")
    (disk,) = [each for each in json.loads(ran.stdout) if each["subject"] == "disk for testbeds"]
    assert disk["verdict"] == "bad"
    assert "TESTBED_HOME" in disk["advice"]
    assert ran.returncode == 3


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_common_shell_gets_a_completion_script(home: Path, shell: str) -> None:
    # Otherwise Typer looks which shell it was started from, of which there may be none.
    ran = run(home, "--show-completion", shell, env={"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"})
    assert ran.returncode == 0
    assert "testbed" in ran.stdout
    assert "_TESTBED_COMPLETE" in ran.stdout


def test_completion_knows_the_commands(home: Path) -> None:
    ran = run(
        home,
        env={"_TESTBED_COMPLETE": "complete_bash", "COMP_WORDS": "testbed ca", "COMP_CWORD": "1"},
    )
    assert ran.stdout.split() == ["campaign"]


def test_a_reader_that_has_seen_enough_is_no_error(home: Path) -> None:
    env = {**os.environ, "TESTBED_HOME": str(home)}
    with subprocess.Popen(
        [_TESTBED, "doctor"],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        said = process.stderr.read()
        process.wait(60)
    assert "Traceback" not in said
    assert "Exception ignored" not in said
