"""The images hold what runs, are named by what they hold, and an edit makes another."""

from __future__ import annotations

import json
import re
import subprocess
import time
import tomllib
import uuid
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from errors import EnvironmentFault
from orchestrator import images
from orchestrator.geth import GETH_VERSION
from orchestrator.images import Images, ensure_images
from orchestrator.labels import IMAGE

_ROOT = Path(__file__).resolve().parents[2]
_LOCKS = ("requirements.lock", "requirements-dev.lock", "compose/services/requirements.lock")
_RUN = ("docker", "run", "--rm", "--network", "none", "--user", "12345:12345")


@pytest.fixture(scope="module")
def built() -> Images:
    return ensure_images(print)


def _docker(*words: str) -> str:
    asked = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert asked.returncode == 0, asked.stderr
    return asked.stdout.strip()


@pytest.mark.docker
def test_the_geth_image_is_the_right_geth(built: Images) -> None:
    assert f"Version: {GETH_VERSION}-stable" in _docker(*_RUN, "--entrypoint", "geth", built.geth, "version")


@pytest.mark.docker
@pytest.mark.parametrize("package", ["errors", "chain.sender", "market", "learning", "bots", "explorer"])
def test_the_services_image_imports_what_it_runs_as_any_user(built: Images, package: str) -> None:
    # From an importable place of its own, and compiled beforehand, so that a bot starts quickly.
    code = (
        f"import os, sys, {package}; m = sys.modules[{package!r}]; "
        "print(m.__file__, os.path.exists(m.__cached__))"
    )
    where, compiled = _docker(*_RUN, built.services, "python3", "-c", code).split()
    assert where.startswith("/opt/testbed/")
    assert compiled == "True"


@pytest.mark.docker
def test_the_services_image_has_neither_the_orchestrator_nor_keys(built: Images) -> None:
    listed = _docker(*_RUN, built.services, "python3", "-c", "import os; print(*os.listdir('/opt/testbed'))")
    assert set(listed.split()) == {"errors", "chain", "contracts", "market", "learning", "bots", "explorer"}


@pytest.mark.docker
def test_the_image_has_the_locked_versions(built: Images) -> None:
    code = (
        "import json; from importlib.metadata import distributions; "
        "print(json.dumps([(x.name, x.version) for x in distributions(path=['/opt/site-packages'])]))"
    )
    installed = json.loads(_docker(*_RUN, built.services, "python3", "-c", code))
    assert {canonicalize_name(name): version for name, version in installed} == _versions(
        "compose/services/requirements.lock"
    )


@pytest.mark.docker
def test_a_second_call_asks_docker_once_and_says_nothing(built: Images) -> None:
    said: list[str] = []
    begun = time.monotonic()
    assert ensure_images(said.append) == built
    assert time.monotonic() - begun < 2.0
    assert said == []


@pytest.mark.docker
def test_an_edit_makes_another_image_in_seconds_and_reuses_the_packages(
    built: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited = tmp_path / "edited.py"
    edited.write_text(f"EDITED = {str(tmp_path)!r}\n")
    sources = images._sources
    monkeypatch.setattr(images, "_remove_unused", lambda kind: None)  # other tests may need what it removes
    monkeypatch.setattr(images, "_sources", lambda: (*sources(), (edited, "bots/edited.py")))
    said: list[str] = []
    begun = time.monotonic()
    other = ensure_images(said.append)
    took_seconds = time.monotonic() - begun
    try:
        assert other.services != built.services
        assert all("services-packages" not in line for line in said)
        code = "import bots.edited; print(bots.edited.EDITED)"
        assert _docker(*_RUN, other.services, "python3", "-c", code) == str(tmp_path)
        assert took_seconds < 20
    finally:
        _docker("docker", "image", "rm", other.services)


@pytest.mark.docker
def test_old_images_are_removed_and_those_that_a_container_uses_stay(tmp_path: Path) -> None:
    kind = f"test-{uuid.uuid4().hex[:12]}"
    dockerfile = tmp_path / "Dockerfile"
    used, unused = f"elecoin-testbed/{kind}:used", f"elecoin-testbed/{kind}:unused"
    for image in (used, unused):
        dockerfile.write_text(f"FROM scratch\nENV NAME={image}\n")
        images._build(image, kind, dockerfile, tmp_path, print)
    container = _docker("docker", "create", used, "nothing")
    try:
        images._remove_unused(kind)
        assert images._present(used, unused) == {used, unused}, "these are young"
        images._remove_unused(kind, older_than="-1h")
        assert images._present(used, unused) == {used}
    finally:
        _docker("docker", "rm", container)
        _docker("docker", "image", "rm", used)


@pytest.mark.docker
def test_images_carry_the_label_of_images_and_none_of_a_testbed(built: Images) -> None:
    found = json.loads(
        _docker("docker", "image", "inspect", "--format", "{{json .Config.Labels}}", built.services)
    )
    assert found[IMAGE] == "services"
    assert {key for key in found if key.startswith("org.elecoin.")} == {IMAGE, f"{IMAGE}.created"}


@pytest.mark.docker
def test_a_stopped_daemon_is_said_in_plain_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/absent.sock")
    with pytest.raises(EnvironmentFault, match="does not answer") as caught:
        ensure_images(print)
    assert "--engine process" in str(caught.value)


def test_an_absent_docker_is_said_in_plain_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentFault, match="docker"):
        ensure_images(print)


def test_the_image_name_changes_with_each_file_and_each_name(tmp_path: Path) -> None:
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_text("a = 1\n")
    two.write_text("a = 2\n")
    named = [
        images._services_image(files)
        for files in ([], [(one, "one.py")], [(two, "one.py")], [(one, "two.py")], [(one, "a"), (two, "b")])
    ]
    assert len(set(named)) == len(named)
    assert all(re.fullmatch(r"elecoin-testbed/services:[0-9a-f]{12}", name) for name in named)


def test_what_the_pages_are_made_of_goes_into_the_image_and_nothing_compiled() -> None:
    names = [name for _, name in images._sources()]
    assert names == list(dict.fromkeys(names))
    assert not [name for name in names if re.search(r"node_modules|__pycache__|\.t\.sol$|\.pyc$", name)]
    assert {name.split("/")[0] for name in names} == set(images._PACKAGES)
    shown = ["explorer/index/schema.sql"]
    for pattern in ("explorer/**/*.py", "explorer/templates/*", "explorer/static/*", "contracts/src/*.sol"):
        found = [str(path.relative_to(_ROOT)) for path in _ROOT.glob(pattern)]
        assert found, pattern
        shown += found
    assert set(shown) <= set(names)


@pytest.mark.parametrize("lock", _LOCKS)
def test_a_lock_names_versions_and_hashes_and_no_place(lock: str) -> None:
    text = (_ROOT / lock).read_text()
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links|file:|(^|\s)/", text)
    for requirement in re.split(r"\n(?=[a-z0-9])", text)[1:]:
        assert re.match(r"[a-z0-9._-]+==\S+", requirement)
        assert "--hash=sha256:" in requirement


def test_the_image_has_what_the_project_depends_on_at_the_same_versions() -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[<>=~! \[]", text)[0] for text in project["dependencies"]}
    asked = [
        line
        for line in (_ROOT / "compose/services/requirements.in").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert asked
    assert set(asked) <= wanted
    everywhere = _versions("requirements.lock")
    assert wanted <= set(everywhere)
    in_image = _versions("compose/services/requirements.lock")
    assert in_image.items() <= everywhere.items()
    assert everywhere.items() <= _versions("requirements-dev.lock").items()


def _versions(lock: str) -> dict[str, str]:
    """Package → version for the image's Python, 3.11 on Linux."""
    python = {"python_full_version": "3.11.2", "python_version": "3.11", "sys_platform": "linux"}
    found = {}
    for line in (_ROOT / lock).read_text().splitlines():
        if re.match(r"[a-z0-9]", line):
            requirement = Requirement(line.removesuffix("\\"))
            if requirement.marker is None or requirement.marker.evaluate(python):
                found[requirement.name] = str(requirement.specifier).removeprefix("==")
    return found
