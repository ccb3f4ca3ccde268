"""What do the recorded trials say about each claim of the course? `python -m hpt_lessons.findings [NAME ...]`.

Each finding is a function of this room that yields the lines it prints, from the tables that are shipped and nothing
else, with fixed seeds: the same numbers on every machine. FINDINGS.md sets them beside the claims; `--write` puts the
lines there anew, and a test compares them.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

# They enter their findings.
from hpt_lessons.findings import matters, noise, searches  # noqa: F401
from hpt_lessons.findings.registry import FINDINGS, Finding, trials_of

__all__ = ["FILE", "FINDINGS", "Finding", "block", "main", "measured", "rewritten"]

FILE = Path(__file__).with_name("FINDINGS.md")


def measured(name: str) -> bool:
    """Whether the tables that a finding needs are there, in part at least."""
    try:
        return all(len(trials_of(one)) for one in FINDINGS[name].tables)
    except ValueError:
        return False


def block(name: str) -> str:
    """What FINDINGS.md says under a name: the command, and what it prints."""
    return "\n".join(["```", f"$ python -m hpt_lessons.findings {name}", *FINDINGS[name].lines(), "```"])


def rewritten(text: str, names: Sequence[str]) -> str:
    """The text of FINDINGS.md with these blocks as they are now; KeyError if one has no place there."""
    for name in names:
        start = text.find(f"```\n$ python -m hpt_lessons.findings {name}\n")
        if start < 0:
            raise KeyError(f"FINDINGS.md has no block for {name!r}; write its command there between three backquotes.")
        end = text.index("\n```", start) + len("\n```")
        text = text[:start] + block(name) + text[end:]
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the named findings, all that are measured if none is named."""
    ask = argparse.ArgumentParser(prog="python -m hpt_lessons.findings", description=__doc__.splitlines()[0])
    ask.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(FINDINGS)} (all)")
    ask.add_argument("--write", action="store_true", help="put what is found into FINDINGS.md")
    options = ask.parse_args(arguments)
    for name in options.names:
        if name not in FINDINGS:
            ask.error(f"there is no finding {name!r}; there are {', '.join(FINDINGS)}")
    names = options.names or [name for name in FINDINGS if measured(name)]
    if options.write:
        FILE.write_text(rewritten(FILE.read_text(encoding="utf-8"), names), encoding="utf-8")
        return 0
    for name in names:
        if not measured(name):
            print(f"{name}: {', '.join(FINDINGS[name].tables)} is not measured yet.", file=sys.stderr)
            return 1
        print(f"{FINDINGS[name].question}", *FINDINGS[name].lines(), sep="\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
