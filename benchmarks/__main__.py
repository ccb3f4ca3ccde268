"""`python -m benchmarks [NAME ...] [options]`: run the named measurements, or all of them one after the other.

Every module beside this one that has a `main(arguments)` is a measurement; it prints its table and answers 0 when its
bounds hold. Options (words that begin with a dash, such as --quick) are handed on to each.
"""

import ast
import importlib
import sys
from pathlib import Path


def names() -> list[str]:
    """The measurements there are, found without importing them: heavy libraries load only for what runs."""
    return sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py") if _has_main(path))


def _has_main(path: Path) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body)


def run(arguments: list[str]) -> int:
    """Run what `arguments` name; 0 if every bound held, 1 if one was missed, 2 for a name that is not known."""
    known = names()
    wanted = [word for word in arguments if not word.startswith("-")]
    options = [word for word in arguments if word.startswith("-")]
    if "-h" in options or "--help" in options:
        print(f"python -m benchmarks [NAME ...] [options]\nMeasurements: {', '.join(known)}. Options: --quick.")
        return 0
    for name in wanted:
        if name not in known:
            print(f"benchmarks: there is no measurement {name!r}. Known are {', '.join(known)}.", file=sys.stderr)
            return 2
    results = {}
    for name in wanted or known:
        print(f"== {name} ==", flush=True)
        results[name] = importlib.import_module(f"benchmarks.{name}").main(options)
        print(flush=True)
    missed = [name for name, status in results.items() if status]
    print(f"Bounds missed in: {', '.join(missed)}." if missed else "All bounds were met.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
