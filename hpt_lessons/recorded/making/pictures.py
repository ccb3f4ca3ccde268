"""Which pictures does the command line mean? The same words for all commands about recorded tables."""

import argparse

from hpt_lessons.cifar.data import Data, load_data


def add_data_arguments(ask: argparse.ArgumentParser) -> None:
    """The options that say which pictures are meant; `prepare` obeys them."""
    ask.add_argument(
        "--data",
        required=True,
        metavar="PATH",
        help="a folder of pictures train/<class>/... and test/<class>/..., or 'cifar10' or 'standin'",
    )
    ask.add_argument("--data-name", metavar="TEXT", help="what a folder of pictures is called in the results")
    ask.add_argument("--data-dir", metavar="DIR", help="where prepared data is kept (HPT_LESSONS_DATA or ./data)")


def prepare(options: argparse.Namespace) -> Data:
    """The pictures that the command line names."""
    if options.data in ("cifar10", "standin"):
        return load_data(options.data_dir, options.data)
    return load_data(options.data_dir, "folder", images=options.data, name=options.data_name)
