"""The archive arrives whole or not at all, whatever the network does.

The archive is a small one in the true format, served from loopback; its numbers are known beforehand.
"""

import hashlib
import io
import os
import pickle
import pickletools
import signal
import subprocess
import sys
import tarfile
import threading
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
from hpt_lessons import files
from hpt_lessons.cifar.pictures import archive as archive_module
from hpt_lessons.cifar.pictures import download
from hpt_lessons.cifar.pictures.archive import cifar10_archive, damaged_members, read_pictures, safe_unpickle
from hpt_lessons.cifar.pictures.download import DownloadError
from hpt_lessons.files import DataError

PACKED, ARCHIVE = small_archive()
HALF = len(PACKED) // 2
PART = FILENAME + ".part"


@pytest.fixture(autouse=True)
def _direct(monkeypatch):
    """Loopback is reached directly, and nobody waits long."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("HPT_LESSONS_PROGRESS", "off")
    monkeypatch.setattr(download, "TRIES", 2)


@pytest.fixture
def server():
    with Server(PACKED) as running:
        yield running


def is_complete(folder: Path) -> bool:
    """Archive and members are there with the right bytes, and nothing unfinished beside them."""
    whole = (folder / FILENAME).read_bytes() == PACKED
    right = all((folder / FOLDER / name).read_bytes() == data for name, data in batch_files().items())
    return whole and right and sorted(p.name for p in folder.iterdir()) == sorted([FOLDER, FILENAME])


def ranges(server: Server) -> list[str | None]:
    return [request.get("Range") for request in server.requests]


# --- the straight way ------------------------------------------------------------------------------------------------


def test_an_archive_is_fetched_once(tmp_path, server):
    """A second call finds the files and asks nobody."""
    get(tmp_path, server.url)
    get(tmp_path, server.url)
    assert is_complete(tmp_path) and len(server.requests) == 1


def test_the_pictures_are_those_that_were_packed(tmp_path, server):
    """Pixel (row, column, channel) of the result is number channel * 1024 + row * 32 + column of the batch."""
    get(tmp_path, server.url)
    pictures = read_pictures(ARCHIVE, tmp_path)
    assert (pictures.name, list(pictures.classes)) == ("CIFAR-10", CLASSES)
    for where, (images, labels) in {
        25: (pictures.images, pictures.labels),
        5: (pictures.test_images, pictures.test_labels),
    }.items():
        planes, truth = picture_numbers(where // 20 if where == 25 else 5)
        assert images.dtype == np.uint8 and labels.dtype == np.int64
        assert labels[where] == truth[where % 20]
        assert images[where, 7, 9, 2] == planes[where % 20, 2 * 1024 + 7 * 32 + 9]
    assert pictures.images.shape == (100, 32, 32, 3) and pictures.test_images.shape == (20, 32, 32, 3)


def test_an_existing_folder_needs_no_network(tmp_path):
    """Whoever has `cifar-10-batches-py` already is not asked for an archive."""
    unpacked(tmp_path)
    get(tmp_path, "http://127.0.0.1:9/nobody", network=False)
    assert len(read_pictures(ARCHIVE, tmp_path).images) == 100


def test_an_archive_that_was_put_there_needs_no_network(tmp_path):
    (tmp_path / FILENAME).write_bytes(PACKED)
    get(tmp_path, "http://127.0.0.1:9/nobody", network=False)
    assert is_complete(tmp_path)


@pytest.mark.parametrize("spelling", [str, lambda path: path.as_uri()], ids=["path", "file address"])
def test_a_copy_on_a_disk_will_do(tmp_path, spelling):
    copy = tmp_path / "stick" / "copy of the archive.tgz"
    copy.parent.mkdir()
    copy.write_bytes(PACKED)
    get(tmp_path / "data", spelling(copy))
    assert is_complete(tmp_path / "data")


def test_redirects_are_followed(tmp_path, server):
    server.next(status=302, location=server.url + "?moved")
    get(tmp_path, server.url)
    assert is_complete(tmp_path) and len(server.requests) == 2


def test_a_length_that_is_not_told_does_not_matter(tmp_path, server):
    server.behave(length=-1)
    get(tmp_path, server.url)
    assert is_complete(tmp_path)


@pytest.mark.slow  # torch is imported
def test_the_numbers_of_the_real_archive_come_from_torchvision():
    """Five training batches, one test batch, the names of the classes: seven files, each with its MD5."""
    real = cifar10_archive()
    assert (real.filename, real.folder, list(real.train)) == (FILENAME, FOLDER, BATCHES)
    assert real.md5 == "c58f30108f718f92721af3b95e74349a" and len(real.members) == 7
    assert real.members["test_batch"] == "40351d587109b95175f43aff81a1287e"


@pytest.mark.slow  # torch is imported
def test_torchvision_reads_the_same_pictures(tmp_path, server, monkeypatch):
    """Its own reader, told the checksums of the small archive, is the oracle; what we unpack is its layout too."""
    from torchvision.datasets import CIFAR10

    monkeypatch.setattr(CIFAR10, "train_list", [[name, ARCHIVE.members[name]] for name in BATCHES])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", ARCHIVE.members["test_batch"]]])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": ARCHIVE.members["batches.meta"]})
    get(tmp_path, server.url)
    ours = read_pictures(ARCHIVE, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy no longer likes its old name
        train, test = CIFAR10(tmp_path, train=True), CIFAR10(tmp_path, train=False)
    assert np.array_equal(train.data, ours.images) and train.targets == ours.labels.tolist()
    assert np.array_equal(test.data, ours.test_images) and tuple(test.classes) == ours.classes


# --- interrupted -----------------------------------------------------------------------------------------------------


def test_a_connection_that_ends_early_is_taken_up_where_it_ended(tmp_path, server):
    """Cut after half: the second request asks for the rest, of the same file, and no byte comes twice."""
    server.next(cut=HALF)
    get(tmp_path, server.url)
    assert is_complete(tmp_path) and ranges(server) == [None, f"bytes={HALF}-"]
    assert server.requests[1]["If-Range"] == '"first"' and server.sent == [HALF, len(PACKED) - HALF]


def test_what_an_earlier_call_has_got_is_kept(tmp_path, server):
    """A stalled call gives up and says what it keeps; the next one fetches only the rest."""
    server.next(stall=HALF)
    with pytest.raises(DownloadError, match=rf"nothing arrived for 0\.3 s \({HALF:,} bytes are kept"):
        get(tmp_path, server.url, wait=0.3)
    assert not (tmp_path / FILENAME).exists() and (tmp_path / PART).stat().st_size == HALF
    get(tmp_path, server.url)
    assert is_complete(tmp_path) and ranges(server)[-1] == f"bytes={HALF}-"


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


def test_a_server_that_was_given_up_keeps_no_thread_busy(tmp_path, server):
    """It answers when nobody waits any more, with more than we keep in memory: the reading thread ends all the same."""
    given_up = threading.Event()
    server.behave(late=given_up, data=bytes(1 << 23))
    with pytest.raises(DownloadError, match="nothing arrived"):
        get(tmp_path, server.url, wait=0.3)
    readers = [thread for thread in threading.enumerate() if thread.name == "hpt_lessons download"]
    given_up.set()
    for reader in readers:
        reader.join(10)
    assert readers and not any(reader.is_alive() for reader in readers)


def test_a_server_without_ranges_is_begun_anew(tmp_path, server):
    """The answer to the second request is the whole file: it replaces the half instead of following it."""
    server.behave(ranges=False)
    server.next(cut=HALF)
    get(tmp_path, server.url)
    assert is_complete(tmp_path) and server.sent == [HALF, len(PACKED)]


def test_a_file_that_changed_between_the_halves_is_begun_anew(tmp_path, server):
    """First half of another file, whose tag differs: the server is told, and sends all of the new one."""
    server.next(cut=HALF, data=PACKED[:20] + bytes(len(PACKED) - 20), etag='"older"')
    get(tmp_path, server.url)
    assert is_complete(tmp_path) and server.sent == [HALF, len(PACKED)]


@pytest.mark.parametrize("tag", [None, 'W/"weak"'])
def test_halves_of_two_files_are_noticed_without_a_tag(tmp_path, server, tag):
    """Nobody can tell from the headers, and a weak tag does not say that bytes are equal (RFC 9110, 13.1.5).

    The checksum tells, and the file is fetched anew from its first byte.
    """
    server.behave(etag=tag)
    server.next(cut=HALF, data=PACKED[:20] + bytes(len(PACKED) - 20))
    get(tmp_path, server.url)
    assert not any("If-Range" in request for request in server.requests)
    assert is_complete(tmp_path) and ranges(server) == [None, f"bytes={HALF}-", None]


def test_a_file_that_is_shorter_now_is_begun_anew(tmp_path, server):
    """What was fetched is longer than the file: the range cannot be satisfied (416)."""
    (tmp_path / PART).write_bytes(PACKED + b"more")
    get(tmp_path, server.url)
    assert is_complete(tmp_path) and ranges(server) == [f"bytes={len(PACKED) + 4}-", None]


def test_a_part_that_is_already_everything_is_not_fetched_again(tmp_path, server):
    """Killed between the last byte and the renaming: nothing is left to send (416), and the checksum is right."""
    (tmp_path / PART).write_bytes(PACKED)
    get(tmp_path, server.url)
    assert is_complete(tmp_path) and server.sent == [0]


def test_another_range_than_was_asked_for_is_not_appended(tmp_path, server):
    server.next(cut=HALF)
    server.next(shift=-100)
    get(tmp_path, server.url)
    assert is_complete(tmp_path) and ranges(server)[-1] is None


def test_another_address_goes_on_with_the_half_of_the_first(tmp_path, server):
    """The same archive on another server has another tag; the rest is asked for without it."""
    server.next(stall=HALF)
    with pytest.raises(DownloadError):
        get(tmp_path, server.url, wait=0.3)
    with Server(PACKED) as other:
        other.behave(etag='"other"')
        get(tmp_path, other.url)
        assert is_complete(tmp_path) and other.sent == [len(PACKED) - HALF]


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
    assert len(server.requests) <= 3


KILLED = """
import sys
sys.path.insert(0, {tests!r})
from helpers.archives import get
from pathlib import Path
get(Path({folder!r}), {url!r}, wait=30)
"""


def in_another_process(folder: Path, url: str, program: str = KILLED) -> subprocess.Popen:
    program = program.format(tests=str(Path(__file__).parents[1]), folder=str(folder), url=url)
    return subprocess.Popen([sys.executable, "-c", program])


def test_a_killed_download_is_mended_and_its_half_not_fetched_again(tmp_path, server):
    """SIGKILL in the middle: no finished file is there, and the next call asks for the rest only."""
    server.next(stall=HALF)
    process = in_another_process(tmp_path, server.url)
    try:
        wait_until(lambda: (tmp_path / PART).is_file() and (tmp_path / PART).stat().st_size == HALF)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (tmp_path / FILENAME).exists()
    get(tmp_path, server.url)
    assert is_complete(tmp_path) and server.sent[-1] == len(PACKED) - HALF


# --- refused and wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_in_trouble_is_asked_again(tmp_path, server, status):
    server.next(status=status)
    get(tmp_path, server.url)
    assert is_complete(tmp_path) and len(server.requests) == 2


def test_a_server_that_stays_in_trouble_is_given_up(tmp_path, server):
    server.behave(status=500)
    with pytest.raises(DownloadError, match=r"the server answered 500 \(Internal Server Error\)"):
        get(tmp_path, server.url)
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_is_final(tmp_path, server, status):
    server.behave(status=status)
    with pytest.raises(DownloadError, match=rf"the server answered {status}"):
        get(tmp_path, server.url)
    assert len(server.requests) == 1


def test_redirects_in_a_circle_end(tmp_path, server):
    server.behave(status=302, location=server.url)
    with pytest.raises(DownloadError, match="302"):
        get(tmp_path, server.url)


def test_a_login_page_does_not_destroy_what_was_fetched(tmp_path, server):
    """A web page in place of the archive, as hotels send: an error that says so, and the half is still there."""
    (tmp_path / PART).write_bytes(PACKED[:HALF])
    server.next(data=b"<!doctype html><p>Please log in", kind="text/html; charset=utf-8", ranges=False)
    with pytest.raises(DownloadError, match="login page"):
        get(tmp_path, server.url)
    server.next(data=b"<!doctype html><p>Please log in", ranges=False)
    with pytest.raises(DownloadError, match="no gzip archive"):
        get(tmp_path, server.url)
    assert (tmp_path / PART).read_bytes() == PACKED[:HALF]


@pytest.mark.parametrize("patient", [False, True])
def test_wrong_bytes_never_pass_for_the_archive(tmp_path, server, patient):
    """One flipped bit: the checksum decides, also for an address of one's own, and nothing is kept."""
    wrong = bytearray(PACKED)
    wrong[HALF] ^= 1
    server.behave(data=bytes(wrong))
    expected = rf"is not the CIFAR-10 archive: its MD5 is {hashlib.md5(wrong).hexdigest()}, expected {ARCHIVE.md5}"
    with pytest.raises(DownloadError, match=expected):
        get(tmp_path, server.url, patient=patient)
    assert list(tmp_path.iterdir()) == []


def test_a_resumed_wrong_file_ends_after_one_clean_start(tmp_path, server):
    """The rest of a wrong file, then all of it again: that is where we stop."""
    server.behave(data=PACKED[:-1] + bytes([PACKED[-1] ^ 1]))
    (tmp_path / PART).write_bytes(PACKED[:HALF])
    with pytest.raises(DownloadError, match="MD5"):
        get(tmp_path, server.url)
    assert ranges(server) == [f"bytes={HALF}-", None]


def test_a_wrong_file_that_is_cut_each_time_does_not_go_round_for_ever(tmp_path, server):
    """Halves, resumed, wrong; once more from the first byte, wrong again: the end."""
    server.behave(data=PACKED[:-1] + bytes([PACKED[-1] ^ 1]), cut=HALF)
    with pytest.raises(DownloadError, match="MD5"):
        get(tmp_path, server.url)
    assert ranges(server) == [None, f"bytes={HALF}-"] * 2


def test_a_length_that_is_too_short_is_noticed(tmp_path, server):
    server.behave(length=len(PACKED) - 7)
    with pytest.raises(DownloadError, match="MD5"):
        get(tmp_path, server.url)


def test_a_length_that_is_too_long_is_noticed(tmp_path, server):
    server.behave(length=len(PACKED) + 7, ranges=False)
    with pytest.raises(DownloadError, match=f"ended after {len(PACKED):,} of {len(PACKED) + 7:,} bytes"):
        get(tmp_path, server.url)
    assert not (tmp_path / FILENAME).exists()


def test_nobody_listens(tmp_path):
    with pytest.raises(DownloadError, match=r"no connection \(.*refused.*call again later|no connection .*Call again"):
        get(tmp_path, "http://127.0.0.1:9/nobody")


@pytest.mark.parametrize("url", ["ftp://example.org/a.tar.gz", "cifar.tar.gz", "http://", "http://127.0.0.1:port/a", 7])
def test_an_address_that_is_none(tmp_path, url):
    with pytest.raises(DownloadError, match=r"address|no connection"):
        get(tmp_path, url)


# --- damaged on the disk ---------------------------------------------------------------------------------------------


def test_a_truncated_batch_is_taken_from_the_archive_again(tmp_path, server):
    """The archive is still there: the network is not needed."""
    get(tmp_path, server.url)
    batch = tmp_path / FOLDER / "data_batch_3"
    batch.write_bytes(batch.read_bytes()[:1000])
    assert damaged_members(ARCHIVE, tmp_path) == ["data_batch_3"]
    get(tmp_path, server.url, network=False)
    assert is_complete(tmp_path) and len(server.requests) == 1


def test_a_batch_that_is_damaged_is_never_unpickled(tmp_path, monkeypatch):
    """The checksum comes first: with a wrong one the bytes do not reach the unpickler."""
    batch = unpacked(tmp_path) / "data_batch_2"
    batch.write_bytes(batch.read_bytes()[:-1])
    read = []
    monkeypatch.setattr(archive_module, "safe_unpickle", lambda data: read.append(len(data)) or safe_unpickle(data))
    with pytest.raises(DataError, match="data_batch_2 is damaged"):
        read_pictures(ARCHIVE, tmp_path)
    assert len(batch.read_bytes()) not in read


@pytest.mark.parametrize("damaged", [PACKED[:HALF], PACKED[:99] + b"?" + PACKED[100:], b""], ids=["cut", "?", "empty"])
def test_a_damaged_archive_is_mended(tmp_path, server, damaged):
    (tmp_path / FILENAME).write_bytes(damaged)
    get(tmp_path, server.url)
    assert is_complete(tmp_path)


def test_a_damaged_archive_is_left_alone_without_a_network(tmp_path):
    (tmp_path / FILENAME).write_bytes(PACKED[:HALF])
    with pytest.raises(DownloadError, match="no whole CIFAR-10"):
        get(tmp_path, "http://127.0.0.1:9/nobody", network=False)
    assert (tmp_path / FILENAME).read_bytes() == PACKED[:HALF]


# --- evil archives ---------------------------------------------------------------------------------------------------


def put(folder: Path, extra: list, leave_out: tuple = ()) -> None:
    """An archive with the right checksum and with these members in it, before the true ones."""
    contents = batch_files()
    true = [member(f"{FOLDER}/{name}", data) for name, data in contents.items() if name not in leave_out]
    packed = pack([*extra, *true])
    folder.mkdir(parents=True)
    (folder / FILENAME).write_bytes(packed)
    get(folder, "http://127.0.0.1:9/nobody", archive=describe(packed, contents), network=False)


@pytest.mark.parametrize(
    "evil",
    [
        member("../outside", b"evil"),
        member(f"{FOLDER}/../../outside", b"evil"),
        member(f"{FOLDER}/data_batch_1/../../../outside", b"evil"),
        member("{tmp_path}/outside", b"evil"),
        member(f"{FOLDER}/link", type=tarfile.SYMTYPE, linkname="../../outside"),
        member(f"{FOLDER}/data_batch_1", type=tarfile.SYMTYPE, linkname="/etc/hostname"),
        member(f"{FOLDER}/data_batch_1", type=tarfile.LNKTYPE, linkname="../outside"),
        member(f"{FOLDER}/pipe", type=tarfile.FIFOTYPE),
        member(f"{FOLDER}/unknown", b"evil"),
    ],
    ids=lambda evil: f"{evil[0].name} {evil[0].type.decode()}",
)
def test_only_the_known_files_leave_the_archive(tmp_path, evil):
    """Paths that climb, absolute ones, links, pipes and strangers are not written anywhere."""
    folder, (info, content) = tmp_path / "a" / "data", evil
    put(folder, [(info.replace(name=info.name.format(tmp_path=tmp_path)), content)])
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")} == {
        "a",
        "a/data",
        f"a/data/{FILENAME}",
        f"a/data/{FOLDER}",
        *(f"a/data/{FOLDER}/{name}" for name in batch_files()),
    }
    assert not any(path.is_symlink() for path in folder.rglob("*"))


def test_a_link_does_not_stand_for_a_batch(tmp_path):
    """A link in place of a batch is not followed: the batch is missing, and that is said."""
    link = member(f"{FOLDER}/data_batch_1", type=tarfile.SYMTYPE, linkname="data_batch_2")
    with pytest.raises(DataError, match="holds no file 'cifar-10-batches-py/data_batch_1'"):
        put(tmp_path / "data", [link], leave_out=("data_batch_1",))


def test_a_wrong_member_does_not_get_its_name(tmp_path):
    with pytest.raises(DataError, match="data_batch_1 in the archive has the MD5"):
        put(tmp_path / "data", [member(f"{FOLDER}/data_batch_1", b"other")])
    assert not (tmp_path / "data" / FOLDER / "data_batch_1").exists()


def test_an_archive_that_is_none_is_an_error_even_with_the_right_checksum(tmp_path):
    packed = b"\x1f\x8b no archive"
    (tmp_path / FILENAME).write_bytes(packed)
    with pytest.raises(DataError, match="cannot be unpacked"):
        get(tmp_path, "http://127.0.0.1:9/", archive=describe(packed, batch_files()), network=False)


class RunsSomething:
    def __reduce__(self):
        return os.system, ("echo this must not run > evil",)


@pytest.mark.parametrize(
    "evil",
    [
        pickle.dumps(RunsSomething(), protocol=2),
        pickle.dumps({"data": np.zeros(2), "labels": [RunsSomething()]}),
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


def test_the_test_archive_is_in_the_format_of_python_2():
    """Its opcodes are those of the real batches: byte texts, and numpy's old name. Torchvision's way reads the same."""
    data, labels = picture_numbers(0)
    batch = python2_pickle({"data": data, "labels": labels})
    opcodes = {(code.name, argument) for code, argument, _ in pickletools.genops(batch) if code.name == "GLOBAL"}
    assert ("GLOBAL", "numpy.core.multiarray _reconstruct") in opcodes and "BINUNICODE" not in str(opcodes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy no longer likes its old name
        plain = pickle.load(io.BytesIO(batch), encoding="latin1")
    assert np.array_equal(plain["data"], safe_unpickle(batch)["data"])
    assert plain["labels"] == safe_unpickle(batch)["labels"] == labels


# --- the disk --------------------------------------------------------------------------------------------------------


def test_a_full_disk_is_said_beforehand(tmp_path, server, monkeypatch):
    usage = download.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(DataError, match=r"has 0 MB free.*Free some space"):
        get(tmp_path, server.url)


def test_a_disk_that_fills_up_is_explained(tmp_path, server, monkeypatch):
    """The operating system's 'no space left' becomes a sentence that says what to do, and the part is kept."""
    import errno

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(DataError, match=r"cannot be written; the disk is full: free some space"):
        get(tmp_path, server.url)


def test_a_folder_that_cannot_be_made_is_explained(tmp_path, server):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot be written; .*choose another data folder"):
        get(tmp_path / "file" / "data", server.url)
