"""The archive arrives whole or not at all, whatever the network does, and nothing in it is ever run.

The archive is a small one in the true format, served from loopback; its numbers are known beforehand.
"""

import errno
import hashlib
import os
import pickle
import signal
import subprocess
import sys
import tarfile
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from helpers.archives import (
    BATCHES,
    CLASSES,
    FILENAME,
    FOLDER,
    Server,
    batch_files,
    describe,
    get,
    member,
    pack,
    picture_numbers,
    python2_pickle,
    small_archive,
    unpacked,
    wait_until,
)
from hpt_lessons.cifar.pictures import download
from hpt_lessons.cifar.pictures.archive import cifar10_archive, read_pictures, safe_unpickle
from hpt_lessons.cifar.pictures.download import DownloadError
from hpt_lessons.files import DataError

PACKED, ARCHIVE = small_archive()
HALF = len(PACKED) // 2
PART = FILENAME + ".part"
WRONG = PACKED[:-1] + bytes([PACKED[-1] ^ 1])


pytestmark = pytest.mark.usefixtures("impatient")


def is_complete(folder: Path) -> bool:
    """The archive is there with the right bytes, and nothing unfinished beside it."""
    return {path.name: path.read_bytes() for path in folder.iterdir()} == {FILENAME: PACKED}


def ranges(server: Server) -> list[str | None]:
    return [request.get("Range") for request in server.requests]


# --- the straight way ------------------------------------------------------------------------------------------------


def test_an_archive_is_fetched_once(tmp_path, server):
    """A second call finds the file and asks nobody."""
    get(tmp_path, server.url)
    get(tmp_path, server.url)
    assert is_complete(tmp_path) and len(server.requests) == 1


@pytest.mark.parametrize("spelling", [str, Path, lambda path: path.as_uri()], ids=["text", "path", "file address"])
def test_a_copy_on_a_disk_will_do(tmp_path, spelling):
    copy = tmp_path / "stick" / "copy of the archive.tgz"
    copy.parent.mkdir()
    copy.write_bytes(PACKED)
    get(tmp_path / "data", spelling(copy))
    assert is_complete(tmp_path / "data")


@pytest.mark.parametrize(
    "how", [{"status": 302, "location": "?moved"}, {"length": -1}, {"status": 500}, {"status": 429}], ids=str
)
def test_redirects_unknown_lengths_and_passing_trouble_do_not_matter(tmp_path, server, how):
    server.next(**how)
    get(tmp_path, server.url)
    assert is_complete(tmp_path) and len(server.requests) == (1 if "length" in how else 2)


# --- interrupted -----------------------------------------------------------------------------------------------------


def test_a_connection_that_ends_early_is_taken_up_where_it_ended(tmp_path, server):
    """Cut after half: the second request asks for the rest, and no byte comes twice."""
    server.next(cut=HALF)
    get(tmp_path, server.url)
    assert is_complete(tmp_path) and ranges(server) == [None, f"bytes={HALF}-"]
    wait_until(lambda: sum(server.sent) >= len(PACKED))  # the server counts after it has sent
    assert server.sent == [HALF, len(PACKED) - HALF]


def test_what_an_earlier_call_has_got_is_kept(tmp_path, server):
    """A stalled call gives up and says what it keeps; the next one, from another address, fetches only the rest."""
    server.next(stall=HALF)
    with pytest.raises(DownloadError, match=rf"nothing arrived for 0\.3 s \({HALF:,} bytes are kept"):
        get(tmp_path, server.url, wait=0.3)
    assert (tmp_path / PART).stat().st_size == HALF
    with Server(PACKED) as other:
        get(tmp_path, other.url)
        assert is_complete(tmp_path)
        wait_until(lambda: sum(other.sent) >= len(PACKED) - HALF)  # the server counts after it has sent
        assert other.sent == [len(PACKED) - HALF]


def test_a_killed_download_is_gone_on_with(tmp_path, server):
    """SIGKILL in the middle: no finished file is there, and the next call asks for the rest only."""
    server.next(stall=HALF)
    program = (
        f"import sys; from pathlib import Path; sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
        f"from helpers.archives import get; get(Path({str(tmp_path)!r}), {server.url!r}, wait=30)"
    )
    process = subprocess.Popen([sys.executable, "-c", program])
    try:
        end = time.monotonic() + 30
        while not (tmp_path / PART).is_file() or (tmp_path / PART).stat().st_size < HALF:
            assert time.monotonic() < end and process.poll() is None
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    get(tmp_path, server.url)
    assert is_complete(tmp_path)
    wait_until(lambda: server.sent[-1] >= len(PACKED) - HALF)
    assert server.sent[-1] == len(PACKED) - HALF


@pytest.mark.parametrize("how", [{"deaf": True}, {"stall": 0}, {"stall": 40}, {"dribble": 0.02, "cut": 500}], ids=str)
def test_a_silent_server_does_not_hang_a_cell(tmp_path, server, how):
    """It accepts and says nothing, or some bytes, or a byte now and then: we give it up, before it ends the answer."""
    server.behave(**how)
    with pytest.raises(DownloadError, match=r"nothing arrived for 0\.5 s"):
        get(tmp_path, server.url, wait=0.5)
    assert len(server.requests) == 1 and not (tmp_path / FILENAME).exists()


def test_a_patient_call_tries_a_silent_server_again(tmp_path, server):
    server.next(deaf=True)
    get(tmp_path, server.url, wait=0.3, patient=True)
    assert is_complete(tmp_path) and len(server.requests) == 2


@pytest.mark.parametrize(
    ("first", "then", "asked"),
    [
        ({"cut": HALF}, {"ranges": False}, [None, f"bytes={HALF}-"]),  # the whole file in place of the half
        ({"cut": HALF, "data": PACKED[:20] + bytes(len(PACKED) - 20)}, {}, [None, f"bytes={HALF}-", None]),
        ({"cut": HALF}, {"shift": -100}, [None, f"bytes={HALF}-", None]),
    ],
    ids=["a server without ranges", "halves of two files", "another range than was asked for"],
)
def test_what_does_not_belong_together_is_begun_anew(tmp_path, server, first, then, asked):
    server.next(**first)
    server.next(**then)
    get(tmp_path, server.url)
    assert is_complete(tmp_path) and ranges(server) == asked


def test_a_file_that_is_shorter_now_is_begun_anew(tmp_path, server):
    """What was fetched is longer than the file: the range cannot be satisfied (416)."""
    (tmp_path / PART).write_bytes(PACKED + b"more")
    get(tmp_path, server.url)
    assert is_complete(tmp_path) and ranges(server) == [f"bytes={len(PACKED) + 4}-", None]


def test_a_part_that_is_already_everything_is_not_fetched_again(tmp_path, server):
    """Killed between the last byte and the renaming: nobody is asked."""
    (tmp_path / PART).write_bytes(PACKED)
    get(tmp_path, server.url)
    assert is_complete(tmp_path) and server.requests == []


@pytest.mark.parametrize("damaged", [PACKED[:HALF], PACKED[:99] + b"?" + PACKED[100:], b""], ids=["cut", "?", "empty"])
def test_a_damaged_archive_is_mended(tmp_path, server, damaged):
    (tmp_path / FILENAME).write_bytes(damaged)
    get(tmp_path, server.url)
    assert is_complete(tmp_path)


def test_many_interruptions_are_survived_as_long_as_each_try_gets_further(tmp_path, server, monkeypatch):
    monkeypatch.setattr(download, "_STEP", 1 << 14)
    monkeypatch.setattr(download.time, "sleep", lambda _: None)
    server.behave(cut=len(PACKED) // 8 + 1)
    get(tmp_path, server.url)
    assert is_complete(tmp_path) and len(server.requests) == 8


def test_a_server_that_never_gets_further_is_given_up(tmp_path, server):
    server.behave(cut=1000, ranges=False)
    with pytest.raises(DownloadError, match=r"the connection ended after 1,000 of"):
        get(tmp_path, server.url)
    assert len(server.requests) == 2


# --- refused and wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "asked"), [(500, 2), (401, 1), (403, 1), (404, 1), (302, None)])
def test_a_refusal_is_final_and_trouble_that_stays_is_given_up(tmp_path, server, status, asked):
    server.behave(status=status, location=server.url if status == 302 else None)
    with pytest.raises(DownloadError, match=rf"the server answered {status} \("):
        get(tmp_path, server.url)
    assert asked in (None, len(server.requests))


def test_a_login_page_does_not_destroy_what_was_fetched(tmp_path, server):
    """A web page in place of the archive, as hotels send: an error that says so, and the half is still there."""
    (tmp_path / PART).write_bytes(PACKED[:HALF])
    server.next(data=b"<!doctype html><p>Please log in", ranges=False)
    with pytest.raises(DownloadError, match=r"no gzip archive but b'<!doctype ht'... \(is it a login page"):
        get(tmp_path, server.url)
    assert (tmp_path / PART).read_bytes() == PACKED[:HALF]


@pytest.mark.parametrize("patient", [False, True])
@pytest.mark.parametrize("half", [False, True])
def test_wrong_bytes_never_pass_for_the_archive(tmp_path, server, patient, half):
    """One flipped bit: the checksum decides, also for an address of one's own, and nothing is kept.

    What was resumed gets one clean start.
    """
    server.behave(data=WRONG)
    if half:
        (tmp_path / PART).write_bytes(PACKED[:HALF])
    expected = rf"is not the CIFAR-10 archive: its MD5 is {hashlib.md5(WRONG).hexdigest()}, expected {ARCHIVE.md5}"
    with pytest.raises(DownloadError, match=expected):
        get(tmp_path, server.url, patient=patient)
    assert list(tmp_path.iterdir()) == [] and ranges(server) == [f"bytes={HALF}-"] * half + [None]


def test_a_wrong_file_that_is_cut_each_time_does_not_go_round_for_ever(tmp_path, server):
    server.behave(data=WRONG, cut=HALF)
    with pytest.raises(DownloadError, match=f"ended after {HALF:,} of|MD5"):
        get(tmp_path, server.url)
    assert len(server.requests) <= 4


@pytest.mark.parametrize(("length", "message"), [(-7, "MD5"), (7, f"ended after {len(PACKED):,} of")])
def test_a_length_that_is_wrong_is_noticed(tmp_path, server, length, message):
    server.behave(length=len(PACKED) + length, ranges=False)
    with pytest.raises(DownloadError, match=message):
        get(tmp_path, server.url)


def test_a_proxy_that_refuses_is_named(tmp_path, server, monkeypatch):
    """A firewall in a school: what the proxy answered stands in the error, with the remedy."""
    for name in ("no_proxy", "NO_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", server.url.rpartition("/")[0])
    with pytest.raises(DownloadError, match=r"no connection \(.*501.*\)\. Call again later, give another address"):
        get(tmp_path, "https://example.org/" + FILENAME)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1:9/nobody", r"no connection \(.*refused.*\)\. Call again later"),
        ("ftp://example.org/a.tar.gz", "is no address"),
        ("cifar.tar.gz", "is no address"),
        ("http://", "no connection"),
        ("http://127.0.0.1:port/a", "is not a valid address"),
        (7, "is no address"),
    ],
)
def test_an_address_that_leads_nowhere(tmp_path, url, message):
    with pytest.raises(DownloadError, match=message):
        get(tmp_path, url)


# --- the disk --------------------------------------------------------------------------------------------------------


def test_a_disk_that_fills_up_is_explained(tmp_path, server, monkeypatch):
    """The operating system's 'no space left' becomes a sentence that says what to do."""

    class Full:
        def write(self, block):
            raise OSError(errno.ENOSPC, "No space left on device")

        __enter__, __exit__ = (lambda self: self), (lambda self, *_: None)

    monkeypatch.setattr(download, "open", lambda *_, **__: Full(), raising=False)
    with pytest.raises(DataError, match=r"cannot be written; the disk is full: free some space"):
        get(tmp_path, server.url)


def test_a_folder_that_cannot_be_made_is_explained(tmp_path, server):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot be written; .*choose another folder"):
        get(tmp_path / "file" / "data", server.url)


# --- reading without trust -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["archive", "folder"])
def test_the_pictures_are_those_that_were_packed(tmp_path, what):
    """Pixel (row, column, channel) of the result is number channel * 1024 + row * 32 + column of the batch."""
    unpacked(tmp_path) if what == "folder" else (tmp_path / FILENAME).write_bytes(PACKED)
    pictures = read_pictures(ARCHIVE, tmp_path)
    assert (pictures.name, list(pictures.classes)) == ("CIFAR-10", CLASSES)
    for batch, where, images, labels in (
        (1, 25, pictures.images, pictures.labels),
        (5, 5, pictures.test_images, pictures.test_labels),
    ):
        planes, truth = picture_numbers(batch)
        assert images.dtype == np.uint8 and labels.dtype == np.int64
        assert labels[where] == truth[where % 20]
        assert images[where, 7, 9, 2] == planes[where % 20, 2 * 1024 + 7 * 32 + 9]
    assert pictures.images.shape == (100, 32, 32, 3) and pictures.test_images.shape == (20, 32, 32, 3)


@pytest.mark.slow  # torch is imported
def test_torchvision_reads_the_same_pictures(tmp_path, monkeypatch):
    """Its own reader, told the checksums of the small archive, is the oracle; the real checksums are its own."""
    from torchvision.datasets import CIFAR10

    real = cifar10_archive()
    assert (real.filename, real.folder, sorted(real.members)) == (FILENAME, FOLDER, sorted(batch_files()))
    assert real.md5 == "c58f30108f718f92721af3b95e74349a"
    monkeypatch.setattr(CIFAR10, "train_list", [[name, ARCHIVE.members[name]] for name in BATCHES])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", ARCHIVE.members["test_batch"]]])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": ARCHIVE.members["batches.meta"]})
    unpacked(tmp_path)
    ours = read_pictures(ARCHIVE, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy no longer likes its old name
        train, test = CIFAR10(tmp_path, train=True), CIFAR10(tmp_path, train=False)
    assert np.array_equal(train.data, ours.images) and train.targets == ours.labels.tolist()
    assert np.array_equal(test.data, ours.test_images) and tuple(test.classes) == ours.classes


LINK = {"type": tarfile.SYMTYPE, "linkname": "data_batch_2"}


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (pack([member(f"{FOLDER}/data_batch_1", **LINK)]), "holds no file 'batches.meta'"),
        (
            pack([member(f"{FOLDER}/{name}", data + b"?") for name, data in batch_files().items()]),
            "is damaged: its MD5",
        ),
        (b"\x1f\x8b no archive", "cannot be unpacked"),
    ],
    ids=["a link", "wrong members", "no archive"],
)
def test_an_archive_with_other_contents_is_an_error_even_with_the_right_checksum(
    tmp_path, monkeypatch, packed, message
):
    """What is not what it should be is never unpickled."""
    monkeypatch.setattr(pickle, "Unpickler", None)
    (tmp_path / FILENAME).write_bytes(packed)
    with pytest.raises(DataError, match=message):
        read_pictures(describe(packed, batch_files()), tmp_path)


def test_strangers_in_the_archive_are_not_written_anywhere(tmp_path):
    packed = pack(
        [
            member("../outside", b"evil"),
            member(f"{FOLDER}/unknown", b"evil"),
            *(member(f"{FOLDER}/{name}", data) for name, data in batch_files().items()),
        ]
    )
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / FILENAME).write_bytes(packed)
    read_pictures(describe(packed, batch_files()), tmp_path / "data")
    assert [path.name for path in tmp_path.rglob("*")] == ["data", FILENAME]


class RunsSomething:
    def __reduce__(self):
        return os.system, ("echo this must not run > evil",)


@pytest.mark.parametrize(
    "evil",
    [
        pickle.dumps(RunsSomething(), protocol=2),
        pickle.dumps({"data": np.zeros(2), "labels": [RunsSomething()]}),
        python2_pickle({"labels": [len]}),
        b"cnumpy\nfromfile\n(S'evil'\ntR.",
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cnumpy.core.multiarray\n_reconstruct.__globals__\n.",
    ],
)
def test_a_pickle_that_would_run_something_is_refused(tmp_path, monkeypatch, evil):
    """The reader knows arrays and nothing that could be called besides."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(pickle.UnpicklingError, match="has no place in a file of pictures"):
        safe_unpickle(evil)
    assert list(tmp_path.iterdir()) == []
