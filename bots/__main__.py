"""`python -m bots DIR`: runs the bot whose folder is DIR until its part of the campaign is done."""

from __future__ import annotations

import sys
from pathlib import Path

from errors import TestbedError, UsageError


def main(arguments: list[str]) -> int:
    try:
        if len(arguments) != 1:
            raise UsageError("expected one folder", fix="Usage: python -m bots DIR")
        from bots.bot import run  # after the check: a wrong call is answered at once

        run(Path(arguments[0]))
    except TestbedError as error:
        print(str(error).replace("\n", " "), file=sys.stderr, flush=True)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
