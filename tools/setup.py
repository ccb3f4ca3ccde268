"""Make or mend the environment of the course in .venv: `python3 tools/setup.py`.

A plain venv, uv inside it, and the versions of requirements.lock. Only the standard library is used, so that any
Python from 3.11 to 3.14 can run it, on Linux, macOS and Windows. A stamp is written last: while it is missing, the
next call starts afresh, so that a broken or interrupted set-up is mended by running the same command again.
"""

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "ready"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
INPUTS = [ROOT / "requirements.lock", ROOT / "pyproject.toml"]


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--torch", default="default", metavar="BACKEND",
                     help="'cpu' takes the small CPU build of PyTorch instead of the default one (on Linux: CUDA)")
    options = ask.parse_args()
    if not (3, 11) <= sys.version_info < (3, 15):
        print(f"Python 3.11 to 3.14 is needed; this is {sys.version.split()[0]} ({sys.executable}).\n"
              "Name another one: make setup PYTHON=python3.12", file=sys.stderr)
        return 1
    if is_ready(options.torch):
        return 0
    begin = time.monotonic()
    try:
        announce(options.torch)
        make_venv()
        install(options.torch)
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"\nThe set-up did not finish: {error}\nNothing is lost: packages already downloaded are kept. "
              "Run the same command again.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. Run the same command again to go on.", file=sys.stderr)
        return 130
    STAMP.write_text(options.torch)
    print(f"The environment is ready in .venv ({time.monotonic() - begin:.0f} s).")
    return 0


def is_ready(torch: str) -> bool:
    """True if the last set-up finished, with this build of PyTorch, after the lock last changed."""
    return (STAMP.exists() and STAMP.read_text() in (torch, "cpu" if torch == "default" else torch)
            and STAMP.stat().st_mtime >= max(path.stat().st_mtime for path in INPUTS))


def announce(torch: str) -> None:
    """Say what will happen and what it costs, before anything happens."""
    free = shutil.disk_usage(ROOT).free / 1e9
    cuda = sys.platform == "linux" and torch == "default"
    size = "about 5 GB on disk: PyTorch for Linux brings NVIDIA's CUDA libraries" if cuda else "about 1.5 GB on disk"
    print(f"Setting up .venv with Python {sys.version.split()[0]} for {sysconfig.get_platform()}:\n"
          f"  1. a virtual environment and uv (a fast installer)\n"
          f"  2. JupyterLab, PyTorch, Ray Tune and the rest, in the versions of requirements.lock: {size}.")
    if cuda:
        print("     No NVIDIA GPU? `make setup TORCH=cpu` takes the small build.")
    if free < (8 if cuda else 3):
        print(f"     Careful: only {free:.1f} GB are free on this disk.")


def make_venv() -> None:
    """A venv with uv in it; one that a killed set-up left behind is replaced."""
    STAMP.unlink(missing_ok=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
    quiet = ["--quiet", "--disable-pip-version-check"]
    subprocess.run([str(BIN / "python"), "-m", "pip", "install", *quiet, "uv"], check=True)


def install(torch: str) -> None:
    """The course and its tests, held to the lock: uv shows its own progress with sizes."""
    backend = [] if torch == "default" else [f"--torch-backend={torch}"]
    subprocess.run([str(BIN / "uv"), "pip", "install", "--python", str(BIN / "python"), *backend,
                    "--constraint", "requirements.lock", "--editable", ".[test]"], check=True, cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main())
