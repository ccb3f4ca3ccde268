"""A folder of one's own pictures as 32x32 arrays.

Expected is `train/<class>/...` and, if there is a test set, `test/<class>/...`; pictures may lie in folders within a
class. Without `test/` a tenth of each class is sealed as the test set; which pictures these are depends on their
names alone, so adding pictures moves almost none across. Hidden files are ignored; files that are no pictures are
named and left out.

Each picture is cut to its central square and scaled to 32x32, so that things keep their proportions. Phones' notes on
how the picture was held (EXIF) are honoured, transparent places become white, sixteen bits become eight, of an
animation the first frame counts.
"""

import hashlib
import os
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hpt_lessons.cifar.pictures.arrays import SIDE, Pictures
from hpt_lessons.files import DataError
from hpt_lessons.progress import Progress

_TEST_SHARE = 10  # one picture in ten, if there is no test folder
_IGNORED = {"thumbs.db", "desktop.ini", "__macosx"}
_LAYOUT = "expected train/<class>/<pictures> with at least two classes, and test/<class>/<pictures> for a test set"
_RECIPE = 1  # raise it with every change of `decode`, so that cached pictures are decoded anew
_BLOCK = 50  # pictures that a thread decodes in one go
_NAMED = 3  # how many of the unreadable files a warning names


@dataclass(frozen=True)
class Listing:
    """What lies in a folder of pictures: for train and test the files with the indices of their classes, in order.

    `key` changes when a file is added, removed, or changed (by its size or its time).
    """

    root: Path
    classes: tuple[str, ...]
    train: tuple[tuple[str, int], ...]
    test: tuple[tuple[str, int], ...]
    key: str

    @property
    def name(self) -> str:
        """What plots call it."""
        return f"pictures of {_composed(self.root.name)}"


def look_into(root: Path) -> Listing:
    """List a folder of pictures without opening any; `DataError` says what is wrong with its layout."""
    root = root.expanduser().absolute()
    if not (root / "train").is_dir():
        wrong = "has no folder train/" if root.is_dir() else "is a file (unpack it)" if root.exists() else "is missing"
        raise DataError(f"{root} {wrong}; {_LAYOUT}.")
    classes = _classes(root / "train")
    if len(classes) < 2:
        raise DataError(f"{root / 'train'} holds {len(classes)} class folder(s) ({', '.join(classes)}); {_LAYOUT}.")
    strangers = set(_classes(root / "test")) - set(classes) if (root / "test").is_dir() else ()
    if strangers:
        raise DataError(f"{root / 'test'} has the class {min(strangers)!r}, which train/ has not; rename or remove it.")
    unread = [name for name in ("val", "valid", "validation") if (root / name).is_dir()]
    if unread:
        raise DataError(
            f"{root / unread[0]} would not be read: validation pictures are split off train/, the test set is test/. "
            "Move its pictures into train/, or rename it to test."
        )
    found = {part: list(_files(root, part, classes)) for part in ("train", "test")}
    _check_classes(root, classes, found["train"])
    digest = hashlib.blake2b(repr((_RECIPE, classes, found)).encode("utf-8", "surrogateescape")).hexdigest()
    train, test = (tuple((path, label) for path, label, _, _ in found[part]) for part in ("train", "test"))
    if (root / "test").is_dir() and not test:
        raise DataError(f"{root / 'test'} holds no pictures; fill it, or remove it: then a tenth of train/ is sealed.")
    return Listing(root, tuple(_composed(name) for name in classes), train, test, digest)


def read_pictures(listing: Listing, progress: bool = True) -> Pictures:
    """Decode the pictures; what cannot be read is left out, with one warning, and listed in the notes.

    Raises `DataError` if a class has no readable picture, or if no picture can be put aside for the test set.
    """
    paths = [path for path, _ in (*listing.train, *listing.test)]
    images = np.zeros((len(paths), SIDE, SIDE, 3), dtype=np.uint8)
    with Progress(len(paths), listing.name, unit="picture", enabled=progress) as bar:
        problems = _decode_all(listing.root, paths, images, bar)
    readable = np.array([path not in problems for path in paths])
    labels = np.array([label for _, label in (*listing.train, *listing.test)], dtype=np.int64)
    is_test = np.arange(len(paths)) >= len(listing.train)
    if not listing.test:
        is_test[_sealed([path for path, _ in listing.train], labels, readable)] = True
    train, test = readable & ~is_test, readable & is_test
    _check_readable(listing, labels, train, test, problems)
    if problems:
        warnings.warn(_summary(problems, len(paths), listing.root), stacklevel=5)  # whoever called load_data
    notes = {"left_out": problems}
    return Pictures(listing.name, listing.classes, images[train], labels[train], images[test], labels[test], notes)


def decode(path: Path) -> np.ndarray:
    """One picture as uint8 (32, 32, 3); raises whatever makes it unreadable."""
    from PIL import Image, ImageOps

    with Image.open(path) as image:
        pixels = image.width * image.height
        if Image.MAX_IMAGE_PIXELS is not None and pixels > Image.MAX_IMAGE_PIXELS:
            raise ValueError(f"{image.width} x {image.height} pixels are too many")
        image.draft(image.mode, (4 * SIDE, 4 * SIDE))  # JPEG can be decoded smaller, which is much faster
        image.load()
        try:
            upright = ImageOps.exif_transpose(image)
        except Exception:  # damaged notes do not make the picture unreadable
            upright = image
        colour = _in_colour(upright)
    side = min(colour.size)
    left, top = (colour.width - side) // 2, (colour.height - side) // 2
    square = colour.crop((left, top, left + side, top + side))
    small = square.resize((SIDE, SIDE), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.asarray(small)


def _classes(folder: Path) -> list[str]:
    """Names of the class folders, in the order of their composed names, which is the same on every system."""
    names = [entry.name for entry in os.scandir(folder) if not _is_ignored(entry.name) and entry.is_dir()]
    return sorted(names, key=_composed)


def _files(root: Path, part: str, classes: list[str]) -> Iterator[tuple[str, int, int, int]]:
    """(path below root, label, size, time of the last change) of each file, in the order of the names."""
    for label, name in enumerate(classes):
        found = []
        for folder, subfolders, files in os.walk(root / part / name):
            subfolders[:] = sorted(sub for sub in subfolders if not _is_ignored(sub))
            for file in files:
                if not _is_ignored(file):
                    path = os.path.join(folder, file)
                    found.append((Path(os.path.relpath(path, root)).as_posix(), label, *_state(path)))
        yield from sorted(found, key=lambda entry: _composed(entry[0]))


def _state(path: str) -> tuple[int, int]:
    try:
        state = os.stat(path)
    except OSError:
        return -1, -1  # a link to nowhere: it is unreadable, and will be named
    return state.st_size, state.st_mtime_ns


def _is_ignored(name: str) -> bool:
    return name.startswith(".") or name.lower() in _IGNORED


def _composed(name: str) -> str:
    """The name in Unicode's composed form: systems differ in how they store an accent or a Hangul syllable."""
    return unicodedata.normalize("NFC", name)


def _decode_all(root: Path, paths: list[str], images: np.ndarray, bar: Progress) -> dict[str, str]:
    """Fill `images`; returns what is wrong with each file that cannot be read, by its path."""
    from PIL import Image

    def fill(numbers: range) -> dict[str, str]:
        problems = {}
        for number in numbers:
            try:
                images[number] = decode(root / paths[number])
            except Exception as error:  # decoders raise nearly anything when a file is damaged
                problems[paths[number]] = f"{type(error).__name__}: {error}".replace(str(root) + os.sep, "")
        return problems

    blocks = [range(start, min(start + _BLOCK, len(paths))) for start in range(0, len(paths), _BLOCK)]
    problems: dict[str, str] = {}
    with warnings.catch_warnings(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # decode looks at the size itself
        warnings.filterwarnings("ignore", module=r"PIL\.")
        try:
            for block, found in zip(blocks, pool.map(fill, blocks), strict=True):
                problems |= found
                bar.update(len(block))
        except BaseException:  # an interrupt does not wait for the rest
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return problems


def _in_colour(image):
    """The picture in RGB with 8 bits."""
    from PIL import Image

    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_eight_bits(np.asarray(image))).convert("RGB")
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        with_alpha = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, with_alpha).convert("RGB")
    return image.convert("RGB")


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Grey values of more than 8 bits as 0..255.

    Unsigned 16 bits keep their scale; whole numbers that fit 8 or 16 bits too; all else is stretched from the darkest
    to the brightest value.
    """
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if values.dtype.kind == "u":
        low, high = 0.0, float(np.iinfo(values.dtype).max)
    elif values.dtype.kind == "i" and low >= 0 and high <= 65535:
        low, high = 0.0, 255.0 if high <= 255 else 65535.0
    scaled = (values.astype(np.float64) - low) / ((high - low) or 1.0)
    return np.round(255 * np.nan_to_num(scaled)).astype(np.uint8)


def _sealed(paths: list[str], labels: np.ndarray, readable: np.ndarray) -> list[int]:
    """Which training pictures become the test set: a tenth of each class, those whose names have the smallest hashes.

    At least one of a class with two readable pictures or more.
    """
    chosen = []
    for label in np.unique(labels):
        members = [number for number in range(len(paths)) if labels[number] == label and readable[number]]
        members.sort(key=lambda number: hashlib.blake2b(_composed(paths[number]).encode("utf-8", "replace")).digest())
        if len(members) > 1:
            chosen += members[: max(1, len(members) // _TEST_SHARE)]
    return chosen


def _check_classes(root: Path, classes: list[str], files: list[tuple[str, int, int, int]]) -> None:
    counts = Counter(label for _, label, *_ in files)
    for label, name in enumerate(classes):
        if not counts[label]:
            raise DataError(f"The class {name!r} in {root / 'train'} holds no files; fill its folder, or remove it.")


def _check_readable(
    listing: Listing, labels: np.ndarray, train: np.ndarray, test: np.ndarray, problems: dict[str, str]
) -> None:
    example = next((f" (for example {path}: {problem})" for path, problem in problems.items()), "")
    for label, name in enumerate(listing.classes):
        if not np.any(train & (labels == label)):
            where = f"The class {name!r} in {listing.root / 'train'}"
            raise DataError(f"{where} holds no readable picture{example}; fill its folder, or remove it.")
    if not np.any(test):
        raise DataError(f"{listing.root} holds no readable picture for testing; expected two or more in a class.")


def _summary(problems: dict[str, str], count: int, root: Path) -> str:
    some = "; ".join(f"{path} ({problem})" for path, problem in list(problems.items())[:_NAMED])
    rest = len(problems) - _NAMED
    more = f"; and {rest:,} more, all listed as left_out in arrays.json" if rest > 0 else ""
    return f"{len(problems):,} of {count:,} files in {root} are no readable pictures and are left out: {some}{more}."
