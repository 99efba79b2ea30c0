"""The root of every error that the testbed raises on purpose.

An error says what is wrong, where it was found, and what to do about it, so that the
command line can print it as it stands.
"""

from __future__ import annotations


class TestbedError(Exception):
    """Something that a user can mend: a file, a key, a value, a state."""

    exit_code = 1
    __test__ = False  # the name begins with "Test": pytest must not collect it

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        text = self.what if self.where is None else f"{self.where}: {self.what}"
        return text if self.fix is None else f"{text}\n{self.fix}"


class UsageError(TestbedError):
    """A command was called with words that do not fit together."""

    exit_code = 2


class EnvironmentFault(TestbedError):
    """The machine lacks something, or something on it stopped answering."""

    exit_code = 3
