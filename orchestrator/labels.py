"""The labels by which the testbed knows its own containers, networks, volumes and images.

A cleanup trusts nothing else, so a test freezes these names: renaming one would orphan what
an older version made.
"""

from __future__ import annotations

_NAMESPACE = "org.elecoin.testbed"

APP = f"{_NAMESPACE}.app"
NAME = f"{_NAMESPACE}.name"
ROLE = f"{_NAMESPACE}.role"
VERSION = f"{_NAMESPACE}.version"
CREATED = f"{_NAMESPACE}.created"
# One testbed on this machine, whatever other homes call theirs.
PROJECT = f"{_NAMESPACE}.project"
# On images alone. Containers inherit the labels of their image, so no image carries one of the above.
IMAGE = f"{_NAMESPACE}.image"

APP_VALUE = "elecoin-testbed"


def labels_of(testbed: str, role: str, *, version: str, created: str) -> dict[str, str]:
    """What everything that belongs to the testbed `testbed` carries.

    `created` is when the testbed was created, not the container: a label that changes at every
    start would make Compose recreate what it should leave alone.
    """
    return {APP: APP_VALUE, NAME: testbed, ROLE: role, VERSION: version, CREATED: created}


def filter_of(testbed: str) -> list[str]:
    """Arguments that make a Docker listing show what belongs to `testbed` and nothing else."""
    return ["--filter", f"label={APP}={APP_VALUE}", "--filter", f"label={NAME}={testbed}"]
