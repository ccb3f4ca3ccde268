"""Which pictures does the command line mean? The same words for all commands about recorded tables."""

import argparse
from pathlib import Path

from hpt_lessons.cifar.data import Data, load_data
from hpt_lessons.recorded.table import HOME


def command_line(name: str, doc: str) -> argparse.ArgumentParser:
    """The parser of the command of this name, with what all have: which pictures (`prepare`), where tables are kept."""
    prog = f"python -m hpt_lessons.recorded.making.{name}"
    ask = argparse.ArgumentParser(prog=prog, description=doc.splitlines()[0])
    ask.add_argument(
        "--data",
        required=True,
        metavar="PATH",
        help="a folder of pictures train/<class>/... and test/<class>/..., or 'cifar10' or 'standin'",
    )
    ask.add_argument("--data-name", metavar="TEXT", help="what a folder of pictures is called in the results")
    ask.add_argument("--data-dir", metavar="DIR", help="where prepared data is kept (HPT_LESSONS_DATA or ./data)")
    ask.add_argument("--out", type=Path, default=HOME, metavar="DIR", help="where tables are kept (in the package)")
    return ask


def prepare(options: argparse.Namespace) -> Data:
    """The pictures that the command line names."""
    if options.data in ("cifar10", "standin"):
        return load_data(options.data_dir, options.data)
    return load_data(options.data_dir, "folder", images=options.data, name=options.data_name)
