"""The two container images of a testbed: Geth, and the services (bots and explorer).

Public images are taken where they are present or can be pulled; where no registry answers, the same
is built from what the machine has.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from errors import EnvironmentFault
from orchestrator import labels
from orchestrator.cache import cache_root, locked, scratch
from orchestrator.command import CommandFailed, run
from orchestrator.geth import GETH_VERSION, find_geth
from orchestrator.progress import Report

_PUBLIC_GETH = f"ethereum/client-go:v{GETH_VERSION}"
_OWN_GETH = f"elecoin-testbed/geth:{GETH_VERSION}"
_PYTHON = "3.11"
_PUBLIC_PYTHON = f"python:{_PYTHON}-slim-bookworm"
_OWN_PYTHON = f"elecoin-testbed/python:{_PYTHON}"
_DEBIAN = "bookworm"  # its Python is 3.11
_GLIBC_MINOR = 36  # Debian 12's
_PACKAGES = ("errors", "chain", "contracts", "market", "learning", "bots", "explorer")
# The explorer shows the contract's sources (contracts/src); nobody runs its tests there.
_NOT_SHIPPED = frozenset({"__pycache__", "node_modules", "test"})
_FOLDERS = Path(__file__).resolve().parent.parent / "compose"

_ASK_SECONDS = 20.0
_PULL_SECONDS = 180.0
_BUILD_SECONDS = 300.0
_INSTALL_SECONDS = 600.0
_DEBOOTSTRAP_SECONDS = 900.0


@dataclass(frozen=True)
class Images:
    """The names by which the two images are run."""

    geth: str
    services: str


def ensure_images(report: Report) -> Images:
    """See to it that both images are on this machine; one question to Docker where they are.

    Raises EnvironmentFault where Docker does not answer, or an image can be neither pulled nor built.
    """
    services = _services_image(_sources())
    here = _present(_PUBLIC_GETH, _OWN_GETH, services)
    geth = next((name for name in (_PUBLIC_GETH, _OWN_GETH) if name in here), None)
    if geth is None or services not in here:
        with locked(cache_root() / "images.lock", report, "preparing the images"):
            geth = geth or _geth(report)
            services = _services(report)
    return Images(geth, services)


def _services_image(files: Iterable[tuple[Path, str]]) -> str:
    """The services image's name for this code: any edit gives another."""
    digest = hashlib.sha256()
    for path, name in (*files, *_recipe()):
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return f"elecoin-testbed/services:{digest.hexdigest()[:12]}"


def _sources() -> Iterator[tuple[Path, str]]:
    """The files of our packages that go into the image, wherever they are installed, in a fixed order."""
    for package in _PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise EnvironmentFault(f"the package {package} is not installed", fix="Install testbed again.")
        root = Path(spec.submodule_search_locations[0])
        for folder, below, files in os.walk(root):
            below[:] = sorted(name for name in below if name not in _NOT_SHIPPED)
            for name in sorted(files):
                path = Path(folder, name)
                yield path, str(Path(package) / path.relative_to(root))


def _recipe() -> Iterator[tuple[Path, str]]:
    folder = _FOLDERS / "services"
    for name in ("Dockerfile", "Dockerfile.packages", "requirements.lock"):
        yield folder / name, name


def _packages_image() -> str:
    folder = _FOLDERS / "services"
    content = b"\0".join(
        (folder / name).read_bytes() for name in ("Dockerfile.packages", "requirements.lock")
    )
    return f"elecoin-testbed/services-packages:{hashlib.sha256(content).hexdigest()[:12]}"


def _geth(report: Report) -> str:
    here = _present(_PUBLIC_GETH, _OWN_GETH)
    if here:
        return min(here, key=(_PUBLIC_GETH, _OWN_GETH).index)
    if _pulled(_PUBLIC_GETH, report):
        return _PUBLIC_GETH
    report(f"no registry gives {_PUBLIC_GETH}: building {_OWN_GETH} here")
    if platform.system() != "Linux":
        raise EnvironmentFault(
            f"{_PUBLIC_GETH} cannot be pulled, and only Linux can build it",
            fix=f"Check `docker pull {_PUBLIC_GETH}`, or take `--engine process`.",
        )
    binary = find_geth(report, static=True)
    with scratch() as context:
        shutil.copy2(binary, context / "geth")
        _build(_OWN_GETH, "geth", _FOLDERS / "geth" / "Dockerfile", context, report)
    return _OWN_GETH


def _services(report: Report) -> str:
    """Build the services image and return its name, taken from what went in: the code may be edited
    while this runs, and an image must hold what its name says."""
    with scratch() as context:
        copies = []
        for path, name in _sources():
            target = context / "testbed" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
            copies.append((target, name))
        image = _services_image(copies)
        if image in _present(image):
            return image
        packages = _packages_image()
        if packages not in _present(packages):
            _build_packages(packages, report)
        dockerfile = _FOLDERS / "services" / "Dockerfile"
        _build(image, "services", dockerfile, context, report, PACKAGES=packages)
    _remove_unused("services")
    return image


def _build_packages(image: str, report: Report) -> None:
    base = _python(report)
    with scratch() as context:
        run(
            [
                *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
                *("--no-deps", "--no-compile", "--require-hashes", "--only-binary=:all:"),
                *("--implementation", "cp", "--python-version", _PYTHON, *_wheel_platforms()),
                *("--target", context / "site-packages"),
                *("-r", _FOLDERS / "services" / "requirements.lock"),
            ],
            timeout_seconds=_INSTALL_SECONDS,
            report=report,
            what="fetching the packages of the services image",
        )
        dockerfile = _FOLDERS / "services" / "Dockerfile.packages"
        _build(image, "services-packages", dockerfile, context, report, BASE=base)
    _remove_unused("services-packages")


def _wheel_platforms() -> list[str]:
    """pip's words for the wheels that run in the image: Docker's machine with Debian 12's glibc."""
    asked = run(["docker", "version", "--format", "{{.Server.Arch}}"], timeout_seconds=_ASK_SECONDS)
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(asked.stdout.strip(), asked.stdout.strip())
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(_GLIBC_MINOR, 4, -1)]
    tags += [f"{old}_{machine}" for old in ("manylinux2014", "manylinux2010", "manylinux1")]
    return [word for tag in tags for word in ("--platform", tag)]


def _python(report: Report) -> str:
    here = _present(_PUBLIC_PYTHON, _OWN_PYTHON)
    if here:
        return min(here, key=(_PUBLIC_PYTHON, _OWN_PYTHON).index)
    if _pulled(_PUBLIC_PYTHON, report):
        return _PUBLIC_PYTHON
    report(f"no registry gives {_PUBLIC_PYTHON}: building {_OWN_PYTHON} with debootstrap")
    if shutil.which("debootstrap") is None or os.geteuid() != 0:
        raise EnvironmentFault(
            f"{_PUBLIC_PYTHON} cannot be pulled, and a stand-in needs root and debootstrap",
            fix=f"Check `docker pull {_PUBLIC_PYTHON}`; or on Debian run `apt-get install debootstrap` and"
            " `testbed images build` as root; or take `--engine process`.",
        )
    with scratch() as folder:
        root, archive = folder / "root", folder / "root.tar"
        run(
            # In a mount namespace of its own, so that an interruption leaves nothing mounted.
            ["unshare", "--mount", "debootstrap", "--variant=minbase", "--include=python3", _DEBIAN, root],
            timeout_seconds=_DEBOOTSTRAP_SECONDS,
            report=report,
            what=f"building {_OWN_PYTHON}",
        )
        unneeded = ("var/cache/apt", "var/lib/apt/lists", "var/log", "usr/share/doc", "usr/share/locale")
        excluded = [f"--exclude=./{path}/*" for path in (*unneeded, "usr/share/man", "usr/share/info")]
        run(["tar", "-C", root, *excluded, "-cf", archive, "."], timeout_seconds=_BUILD_SECONDS)
        run(
            ["docker", "import", "--change", f"LABEL {labels.IMAGE}=python", archive, _OWN_PYTHON],
            timeout_seconds=_BUILD_SECONDS,
            report=report,
            what=f"importing {_OWN_PYTHON}",
        )
    return _OWN_PYTHON


def _present(*names: str) -> set[str]:
    """Those of the images that are on this machine."""
    asked = run(
        ["docker", "image", "inspect", "--format", "{{json .RepoTags}}", *names],
        timeout_seconds=_ASK_SECONDS,
        check=False,
    )
    if asked.returned != 0 and "no such image" not in asked.stderr.lower():
        raise CommandFailed(["docker", "image", "inspect"], asked.returned, asked.stderr)
    tags = {tag for line in asked.stdout.splitlines() if line for tag in json.loads(line)}
    return tags.intersection(names)


def _pulled(name: str, report: Report) -> bool:
    try:
        run(
            ["docker", "pull", "--quiet", name],
            timeout_seconds=_PULL_SECONDS,
            report=report,
            what=f"pulling {name}",
        )
    except CommandFailed:
        return False
    return True


def _build(image: str, kind: str, dockerfile: Path, context: Path, report: Report, **arguments: str) -> None:
    created = datetime.now(UTC).isoformat(timespec="seconds")
    run(
        [
            *("docker", "build", "--quiet", "--network", "none", "--tag", image, "--file", dockerfile),
            *("--label", f"{labels.IMAGE}={kind}", "--label", f"{labels.IMAGE}.created={created}"),
            *(word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")),
            context,
        ],
        timeout_seconds=_BUILD_SECONDS,
        report=report,
        what=f"building {image}",
        env={"BUILDX_BUILDER": "default"},  # another builder would not see the images of this machine
    )


def _remove_unused(kind: str, older_than: str = "24h") -> None:
    """Remove what edits of our code left: old images of that kind that no container uses."""
    run(
        [
            *("docker", "image", "prune", "--all", "--force"),
            *("--filter", f"label={labels.IMAGE}={kind}", "--filter", f"until={older_than}"),
        ],
        timeout_seconds=_BUILD_SECONDS,
        check=False,  # leaving them costs a few MB; a start is not to fail for it
    )
