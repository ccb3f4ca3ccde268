"""A folder of one's own pictures, as people have them: of all sizes and modes, with junk and damage among them."""

import io
import json
import os
import struct
import unicodedata
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hpt_lessons.cifar.data import DataError, load_data, open_data, open_test_set
from hpt_lessons.cifar.pictures import folder as folder_module
from hpt_lessons.cifar.pictures.folder import decode

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setenv("HPT_LESSONS_PROGRESS", "off")
    monkeypatch.delenv("HPT_LESSONS_DATASET", raising=False)


def picture(path: Path, colour=RED, size=(32, 32), **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, **options)
    return path


def small_set(root: Path, per_class: int = 10, classes=("cats", "dogs"), parts=("train",)) -> Path:
    """Pictures of one colour each: the red value counts the picture, the blue one the class."""
    for part in parts:
        for label, name in enumerate(classes):
            for number in range(per_class):
                picture(root / part / name / f"{number:03}.png", (number, 0 if part == "train" else 99, 100 * label))
    return root


def load(root: Path, data_dir: Path, **options):
    return load_data(data_dir, images=root, progress=False, **options)


# --- one picture -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr", "I;16", "I", "F", "HSV", "PA"])
def test_pictures_of_every_mode_become_colours(tmp_path, mode):
    """The left half is black, the right half white, whatever the mode; sixteen bits are not cut off at 255."""
    grey = np.zeros((40, 40), dtype=np.uint8)
    grey[:, 20:] = 255
    if mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 257)
    elif mode in ("I", "F"):
        image = Image.fromarray(grey.astype(np.int32) * 257 if mode == "I" else grey.astype(np.float32) / 255)
    elif mode == "PA":
        image = Image.fromarray(grey).convert("LA").convert("PA")
    else:
        image = Image.fromarray(grey).convert("RGB").convert(mode)
    kind = {"CMYK": "tiff", "YCbCr": "jpeg", "F": "tiff", "I": "tiff", "HSV": "tiff", "PA": "png"}.get(mode, "png")
    if mode in ("HSV", "PA"):  # no format stores them: the conversion is looked at alone
        small = np.asarray(folder_module._in_colour(image).resize((32, 32)))
    else:
        image.save(tmp_path / f"picture.{kind}")
        small = decode(tmp_path / f"picture.{kind}")
    assert small.shape == (32, 32, 3) and small.dtype == np.uint8
    assert small[:, :12].max() < 12 and small[:, 20:].min() > 243


def test_the_middle_of_sixteen_bits_is_grey(tmp_path):
    Image.fromarray(np.full((40, 40), 32896, dtype=np.uint16)).save(tmp_path / "grey.png")
    assert np.all(decode(tmp_path / "grey.png") == 128)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_places_become_white(tmp_path, mode):
    image = Image.new("RGBA", (32, 32), (0, 0, 0, 0)).convert(mode)
    image.save(tmp_path / "clear.png", **({"transparency": image.getpixel((0, 0))} if mode == "P" else {}))
    assert np.all(decode(tmp_path / "clear.png") == 255)


def test_a_picture_of_the_right_size_keeps_every_pixel(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    assert np.array_equal(decode(tmp_path / "noise.png"), pixels)


@pytest.mark.parametrize("size", [(300, 100), (100, 300)], ids=["wide", "tall"])
def test_the_central_square_is_kept(tmp_path, size):
    """A red square in the middle of blue: nothing blue is left, nothing is squeezed."""
    image = Image.new("RGB", size, BLUE)
    image.paste(RED, (size[0] // 2 - 50, size[1] // 2 - 50, size[0] // 2 + 50, size[1] // 2 + 50))
    image.save(tmp_path / "picture.png")
    assert np.all(decode(tmp_path / "picture.png") == RED)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (3000, 7), (33, 31)], ids=str)
def test_pictures_of_every_size_become_32x32(tmp_path, size):
    picture(tmp_path / "picture.jpg", RED, size)
    small = decode(tmp_path / "picture.jpg").astype(int)
    assert small.shape == (32, 32, 3) and np.abs(small - RED).max() < 4


def test_a_large_photograph_is_scaled_not_sampled(tmp_path):
    """A fine chequered pattern becomes an even grey: every pixel of the original has its share."""
    tiles = np.indices((512, 512)).sum(axis=0) % 2 * 255
    Image.fromarray(tiles.astype(np.uint8)).save(tmp_path / "tiles.png")
    assert np.all(np.abs(decode(tmp_path / "tiles.png").astype(int) - 128) < 8)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_phone_held_sideways_takes_upright_pictures(tmp_path, orientation):
    """Stored as the camera saw it, with a note how it was held; the top left quarter is red when it is upright."""
    upright = Image.new("RGB", (64, 64), BLUE)
    upright.paste(RED, (0, 0, 32, 32))
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's numbers of the transpositions that the note undoes
    stored = upright.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else upright
    note = Image.Exif()
    note[0x0112] = orientation
    stored.save(tmp_path / "photo.jpg", exif=note, quality=95)
    small = decode(tmp_path / "photo.jpg").astype(int)
    assert np.abs(small[4:12, 4:12] - RED).max() < 30 and np.abs(small[20:28, 20:28] - BLUE).max() < 30
    assert np.abs(small[4:12, 20:28] - BLUE).max() < 30 and np.abs(small[20:28, 4:12] - BLUE).max() < 30


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_notes_do_not_make_a_picture_unreadable(tmp_path):
    notes = b"Exif\x00\x00II*\x00\xff\xff\xff\xff"
    Image.new("RGB", (32, 32), RED).save(tmp_path / "photo.jpg", exif=notes, quality=95)
    assert np.abs(decode(tmp_path / "photo.jpg").astype(int) - RED).max() < 4


def test_of_an_animation_the_first_frame_counts(tmp_path):
    frames = [Image.new("RGB", (32, 32), colour) for colour in (RED, BLUE)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    assert np.all(decode(tmp_path / "moving.gif") == RED)


# --- a folder --------------------------------------------------------------------------------------------------------


def test_pictures_and_labels_follow_the_folders(tmp_path):
    """The blue value of each picture is 100 times its label; the test folder is the test set, and only that."""
    data = load(small_set(tmp_path / "pets", 7, parts=("train", "test")), tmp_path / "data")
    assert (data.name, data.classes, len(data)) == ("pictures of pets", ("cats", "dogs"), 14)
    assert np.array_equal(data.images[:, 0, 0, 2], 100 * data.labels) and not data.images[..., 1].any()
    images, labels = open_test_set(data, "look")
    assert np.all(images[..., 1] == 99) and np.array_equal(images[:, 0, 0, 2], 100 * labels) and len(labels) == 14


def test_without_a_test_folder_a_tenth_of_each_class_is_sealed(tmp_path):
    """Each picture is in exactly one of the two; the choice hangs on the names, so a new picture moves none."""
    root = small_set(tmp_path / "pets", 20)
    data = load(root, tmp_path / "data")
    images, labels = open_test_set(data, "look")
    assert len(data) == 36 and labels.tolist() == [0, 0, 1, 1]
    sealed = {tuple(image[0, 0]) for image in images}
    assert not sealed & {tuple(image[0, 0]) for image in data.images}
    picture(root / "train" / "cats" / "zzz.png", (200, 0, 0))
    again = {tuple(image[0, 0]) for image in open_test_set(load(root, tmp_path / "data"), "look")[0]}
    assert len(sealed & again) >= 3


def test_what_was_sealed_stays_sealed_when_many_pictures_are_added(tmp_path):
    """Ten pictures before all others move every place in the list, but no name: of three in a class one leaves."""
    root = small_set(tmp_path / "pets", 30)
    before = {tuple(image[0, 0]) for image in open_test_set(load(root, tmp_path / "data"), "look")[0]}
    for number in range(10):
        picture(root / "train" / "cats" / f"!{number}.png", (200 + number, 0, 0))
    after = {tuple(image[0, 0]) for image in open_test_set(load(root, tmp_path / "data"), "look")[0]}
    assert (len(before), len(after)) == (6, 7) and len(before - after) <= 1


def test_hidden_files_and_those_of_the_system_are_passed_over_silently(tmp_path):
    root = small_set(tmp_path / "pets")
    for junk in (".DS_Store", "cats/.DS_Store", "cats/Thumbs.db", "cats/desktop.ini", "cats/.hidden/a.png"):
        path = root / "train" / junk
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"junk")
    (root / "train" / ".ipynb_checkpoints").mkdir()
    (root / "train" / "read me.txt").write_text("not in a class")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(root, tmp_path / "data").classes == ("cats", "dogs")


def test_pictures_in_folders_within_a_class_belong_to_it(tmp_path):
    root = small_set(tmp_path / "pets", 2)
    picture(root / "train" / "cats" / "2024" / "summer" / "a.png")
    assert len(load(root, tmp_path / "data")) == 3  # of five, one in each class is sealed


def test_names_in_any_script_work(tmp_path):
    """Also when the file system stores them decomposed: the class has its composed name."""
    decomposed = unicodedata.normalize("NFD", "고양이")
    root = small_set(tmp_path / "사진", classes=(decomposed, "naïve dogs, 50 %"))
    data = load(root, tmp_path / "데이터")
    assert data.name == "pictures of 사진" and set(data.classes) == {"고양이", "naïve dogs, 50 %"}
    assert open_data(tmp_path / "데이터").classes == data.classes


# --- unreadable ------------------------------------------------------------------------------------------------------


def bomb(width: int) -> bytes:
    """A PNG of a few bytes that claims to be `width` x `width` pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, width, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def truncated() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(file, "jpeg")
    return file.getvalue()[:-700]


DAMAGED = {
    "empty.jpg": b"",
    "text.jpg": b"this is a text",
    "truncated.jpg": truncated(),
    "large.png": bomb(10_000),
    "huge.png": bomb(30_000),
    "notes.txt": b"cats are nice",
    "half.png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
}


def test_what_cannot_be_read_is_named_and_left_out(tmp_path):
    """One warning with the first few and the number of the others; all are listed beside the arrays."""
    root = small_set(tmp_path / "pets")
    for name, content in DAMAGED.items():
        (root / "train" / "cats" / name).write_bytes(content)
    (root / "train" / "dogs" / "nowhere.png").symlink_to(tmp_path / "missing")
    with pytest.warns(UserWarning, match=r"8 of 28 files in .*pets are no readable pictures") as caught:
        data = load(root, tmp_path / "data")
    assert len(caught) == 1 and "and 5 more, all listed as left_out in arrays.json" in str(caught[0].message)
    assert caught[0].filename == __file__
    listed = json.loads((data.folder / "arrays.json").read_text())["left_out"]
    assert set(listed) == {*(f"train/cats/{name}" for name in DAMAGED), "train/dogs/nowhere.png"}
    assert "10000 x 10000 pixels are too many" in listed["train/cats/large.png"] and len(data) == 18


def test_a_test_picture_that_cannot_be_read_is_left_out_too(tmp_path):
    root = small_set(tmp_path / "pets", 3, parts=("train", "test"))
    (root / "test" / "cats" / "text.jpg").write_bytes(b"text")
    with pytest.warns(UserWarning, match=r"test/cats/text\.jpg"):
        data = load(root, tmp_path / "data")
    assert (len(data), len(open_test_set(data, "look")[1])) == (6, 6)


# --- layouts that will not do ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda root: None, r"pets is missing; expected train/<class>/<pictures>"),
        (lambda root: root.write_bytes(b"PK"), r"pets is a file \(unpack it\)"),
        (lambda root: small_set(root, parts=("pictures",)), r"pets has no folder train/; expected"),
        (
            lambda root: small_set(root, classes=("cats",)),
            r"holds 1 class folder\(s\) \(cats\); expected .* at least two classes",
        ),
        (
            lambda root: (small_set(root) / "train" / "birds").mkdir(),
            r"class 'birds' in .*train holds no files; fill its folder, or remove it",
        ),
        (
            lambda root: picture(small_set(root) / "train" / "birds" / "a.png").write_bytes(b"text"),
            r"class 'birds' in .* holds no readable picture \(for example .*birds/a\.png",
        ),
        (
            lambda root: picture(small_set(root, parts=("train", "test")) / "test" / "birds" / "a.png"),
            r"test has the class 'birds', which train/ has not",
        ),
        (lambda root: (small_set(root) / "test").mkdir(), r"test holds no pictures; fill it, or remove it"),
        (lambda root: small_set(root, 1), r"holds no readable picture for testing"),
    ],
)
def test_a_layout_that_will_not_do_is_explained(tmp_path, build, message):
    build(tmp_path / "pets")
    with pytest.raises(DataError, match=message):
        load(tmp_path / "pets", tmp_path / "data")
    assert not (tmp_path / "data" / "hpt_lessons_data.json").exists()


# --- the cache -------------------------------------------------------------------------------------------------------


@pytest.fixture
def decoded(monkeypatch):
    """Which files are decoded."""
    seen = []
    true_decode = folder_module.decode
    monkeypatch.setattr(folder_module, "decode", lambda path: seen.append(path.name) or true_decode(path))
    return seen


def test_pictures_are_decoded_once(tmp_path, decoded):
    root = small_set(tmp_path / "pets", 3)
    load(root, tmp_path / "data")
    assert len(decoded) == 6
    load(root, tmp_path / "data")
    load_data(tmp_path / "data")
    open_data(tmp_path / "data")
    assert len(decoded) == 6


@pytest.mark.parametrize("change", ["changed", "same size", "added", "removed", "renamed"])
def test_changed_pictures_are_noticed_when_they_are_asked_for(tmp_path, change):
    """By name and images= they are looked at again; "auto" and trials keep to what was prepared."""
    root = small_set(tmp_path / "pets", 5, parts=("train", "test"))
    one = picture(root / "train" / "cats" / "002.png", (2, 0, 0), compress_level=0)
    before = load(root, tmp_path / "data")
    if change == "changed":
        picture(one, (250, 250, 250), (50, 50))
    elif change == "same size":
        size, old = one.stat().st_size, one.stat().st_mtime_ns
        picture(one, (202, 0, 0), compress_level=0)
        assert one.stat().st_size == size
        os.utime(one, ns=(old + 1_000_000_000,) * 2)
    elif change == "added":
        picture(one.with_name("new.png"), (77, 0, 0))
    else:
        one.rename(one.with_name("zzz.png")) if change == "renamed" else one.unlink()
    kept = np.array(before.images)
    assert np.array_equal(load_data(tmp_path / "data").images, kept)
    after = load(root, tmp_path / "data")
    assert after.images.shape != kept.shape or not np.array_equal(after.images, kept)
    assert np.array_equal(open_data(tmp_path / "data").images, after.images)


def test_a_name_of_ones_own_is_remembered(tmp_path):
    """Also by "auto", by trials, and when pictures were added."""
    root = small_set(tmp_path / "pets", 3)
    assert load(root, tmp_path / "data", name="our pets").name == "our pets"
    picture(root / "train" / "cats" / "new.png")
    assert load(root, tmp_path / "data").name == load_data(tmp_path / "data").name == "our pets"
    assert open_data(tmp_path / "data").name == "our pets"
    assert load(root, tmp_path / "data", name="their pets").name == open_data(tmp_path / "data").name == "their pets"


def test_asked_for_by_name_the_folder_is_that_of_before(tmp_path):
    load(small_set(tmp_path / "pets", 3), tmp_path / "data")
    assert load_data(tmp_path / "data", "folder", progress=False).name == "pictures of pets"


def test_a_data_folder_can_hold_several_sets(tmp_path, decoded):
    """Going back to the first set decodes nothing anew."""
    first, second = (small_set(tmp_path / name, count) for name, count in (("pets", 3), ("more pets", 4)))
    assert [len(load(root, tmp_path / "data")) for root in (first, second, first)] == [4, 6, 4]
    assert len(decoded) == 6 + 8


def test_pictures_that_are_gone_do_not_matter_once_they_are_prepared(tmp_path):
    root = small_set(tmp_path / "pets", 3)
    before = np.array(load(root, tmp_path / "data").images)
    root.rename(tmp_path / "elsewhere")
    assert np.array_equal(load_data(tmp_path / "data").images, before)


def test_test_openings_are_kept_when_pictures_are_added(tmp_path):
    from hpt_lessons.cifar.data import test_openings

    root = small_set(tmp_path / "pets", 5, parts=("train", "test"))
    open_test_set(load(root, tmp_path / "data"), "too early")
    picture(root / "train" / "cats" / "new.png")
    assert [opening["why"] for opening in test_openings(load(root, tmp_path / "data"))] == ["too early"]
