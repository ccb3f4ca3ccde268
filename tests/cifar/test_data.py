"""What is used when, the same split for everybody, and a test set that is opened knowingly."""

import json
import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers

from helpers.archives import FILENAME, small_archive, unpacked
from hpt_lessons.cifar.data import Data, DataError, load_data, open_data, open_test_set, test_openings
from hpt_lessons.cifar.pictures import archive as archive_module
from hpt_lessons.cifar.pictures import arrays, standin

PACKED, ARCHIVE = small_archive()
STANDIN = "generated pictures (stand-in)"
NOBODY = "http://127.0.0.1:9/nobody.tar.gz"
MARKER = "hpt_lessons_data.json"


@pytest.fixture(autouse=True)
def _small_world(impatient, monkeypatch, tmp_path):
    """A few generated pictures, the small archive, an address where nobody listens, and no environment that decides."""
    monkeypatch.setenv("HPT_LESSONS_DATA", str(tmp_path / "default"))
    monkeypatch.delenv("HPT_LESSONS_DATASET", raising=False)
    true_generate = standin.generate
    monkeypatch.setattr(standin, "generate", lambda seed=0: true_generate(seed, 200, 40))
    monkeypatch.setattr(archive_module, "cifar10_archive", lambda: ARCHIVE)


def plain_data(count: int) -> Data:
    images = np.zeros((count, 32, 32, 3), dtype=np.uint8)
    return Data("made up", ("a", "b"), images, np.arange(count) % 2, (0.0,) * 3, (1.0,) * 3)


# --- what is used when -----------------------------------------------------------------------------------------------


def test_without_cifar10_the_standin_is_used_and_one_sentence_says_so(tmp_path, capsys):
    """What happened, what is used instead, and how to get CIFAR-10: one line, not on standard output."""
    data = load_data(tmp_path)
    out, err = capsys.readouterr()
    assert (data.name, out, err.count("\n")) == (STANDIN, "", 1)
    assert "no connection" in err and f'load_data({str(tmp_path)!r}, "cifar10")' in err


def test_cifar10_is_used_if_it_can_be_fetched(tmp_path, server, capsys):
    data = load_data(tmp_path, url=server.url, progress=False)
    assert (data.name, len(data), capsys.readouterr().err) == ("CIFAR-10", 100, "")


def test_a_silent_server_costs_the_wait_and_no_more(tmp_path, server, capsys):
    server.behave(deaf=True)
    assert load_data(tmp_path, url=server.url, wait=0.3, progress=False).name == STANDIN
    assert "nothing arrived for 0.3 s" in capsys.readouterr().err and len(server.requests) == 1


def test_asked_for_by_name_it_is_that_or_an_error(tmp_path):
    with pytest.raises(DataError, match=r"could not be fetched.*url="):
        load_data(tmp_path, "cifar10")
    assert not (tmp_path / MARKER).exists()
    assert load_data(tmp_path, "standin").name == STANDIN


@pytest.mark.parametrize("give", ["folder", "archive"])
def test_the_standin_gives_way_to_files_that_were_put_there(tmp_path, give, capsys):
    """No network: the batches or the archive in the data folder are enough, before the first call and after it."""
    load_data(tmp_path / "later")
    for data_dir in (tmp_path / "now", tmp_path / "later"):
        if give == "folder":
            unpacked(data_dir)
        else:
            data_dir.mkdir(exist_ok=True)
            (data_dir / FILENAME).write_bytes(PACKED)
        assert load_data(data_dir).name == "CIFAR-10"


def test_a_data_folder_keeps_to_the_standin_without_asking_the_network_again(tmp_path, capsys, monkeypatch):
    """A resumed study sees the same pictures; each time the sentence says how to get others."""
    load_data(tmp_path)
    capsys.readouterr()
    monkeypatch.setattr(archive_module, "cifar10_archive", lambda: pytest.fail("looked for CIFAR-10"))
    assert load_data(tmp_path).name == STANDIN
    assert capsys.readouterr().err.count("\n") == 1


def test_a_damaged_archive_in_the_folder_leaves_the_standin_in_place(tmp_path, capsys):
    load_data(tmp_path)
    (tmp_path / FILENAME).write_bytes(PACKED[:1000])
    assert load_data(tmp_path).name == STANDIN and "no whole CIFAR-10" in capsys.readouterr().err


def test_a_data_folder_keeps_to_cifar10(tmp_path, server):
    """Even when the server has gone: it is there already. And when it has been lost, nothing else takes its place."""
    before = load_data(tmp_path, "cifar10", url=server.url, progress=False)
    assert load_data(tmp_path).name == "CIFAR-10" and len(server.requests) == 1
    for path in [*before.folder.glob("*.npy"), tmp_path / FILENAME]:
        path.unlink()
    with pytest.raises(DataError, match="could not be fetched"):
        load_data(tmp_path)


def test_the_environment_decides_when_nobody_else_does(tmp_path, monkeypatch, capsys):
    """Tests and stored outputs force the stand-in: no sentence, no network. An argument is stronger."""
    monkeypatch.setenv("HPT_LESSONS_DATASET", "standin")
    unpacked(tmp_path)
    assert load_data(tmp_path).name == STANDIN and capsys.readouterr().err == ""
    assert load_data(tmp_path, "auto").name == "CIFAR-10"


def test_the_default_folder_comes_from_the_environment(tmp_path):
    load_data(dataset="standin")
    assert (tmp_path / "default" / MARKER).is_file() and open_data().name == STANDIN


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dataset": "mnist"}, "dataset is 'mnist'; expected one of 'auto', 'cifar10', 'standin', 'folder'"),
        ({"dataset": "folder"}, "needs images="),
        ({"dataset": "standin", "images": "x"}, "images= goes with dataset='folder'"),
        ({"dataset": "standin", "url": NOBODY}, "url= is an address of CIFAR-10"),
        ({"dataset": "cifar10", "name": "x"}, "name= is for pictures of your own"),
        ({"wait": 0}, "wait=0; expected a number of seconds greater than 0"),
        ({"wait": float("nan")}, "wait=nan"),
        ({"wait": "10"}, "wait='10'"),
    ],
)
def test_arguments_that_make_no_sense_are_named(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        load_data(tmp_path, **arguments)


def test_an_unknown_name_in_the_environment_is_traced_to_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HPT_LESSONS_DATASET", "mnist")
    with pytest.raises(ValueError, match="HPT_LESSONS_DATASET is 'mnist'"):
        load_data(tmp_path)


AT_ONCE = """
import sys
sys.path.insert(0, {tests!r})
from helpers.archives import small_archive
from hpt_lessons.cifar.pictures import archive
archive.cifar10_archive = lambda: small_archive()[1]
from hpt_lessons import load_data
print(load_data({folder!r}, "cifar10", url={url!r}, wait=60, progress=False))
"""


@pytest.mark.slow
def test_processes_at_once_download_once(tmp_path, server):
    """Three start together, one fetches (slowly), the others wait and find it ready."""
    server.behave(pause=0.03)
    program = AT_ONCE.format(tests=str(Path(__file__).parents[1]), folder=str(tmp_path), url=server.url)
    together = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=120)[0] for process in together]
    assert said == ["100 pictures in 10 classes: CIFAR-10\n"] * 3 and len(server.requests) == 1


# --- the cache and the marker ----------------------------------------------------------------------------------------


def test_nothing_is_decoded_twice(tmp_path, monkeypatch):
    """After the first call the arrays are mapped; neither archive nor batches are looked at again."""
    home = unpacked(tmp_path)
    first = load_data(tmp_path, "cifar10")
    for path in home.iterdir():
        path.unlink()
    again = load_data(tmp_path, "cifar10")
    assert np.array_equal(first.images, again.images) and np.array_equal(first.labels, again.labels)


def test_open_data_never_goes_anywhere(tmp_path, monkeypatch):
    """A trial gets the same pictures as the one who loaded them, and an error if nobody has."""
    loaded = load_data(tmp_path, "standin")
    monkeypatch.setattr(socket, "socket", lambda *_: pytest.fail("opened a socket"))
    monkeypatch.setattr(standin, "generate", lambda **_: pytest.fail("generated"))
    opened = open_data(tmp_path)
    assert np.array_equal(opened.images, loaded.images) and opened.mean == loaded.mean and opened.std == loaded.std
    with pytest.raises(DataError, match=r"No data has been prepared in .*Call load_data\("):
        open_data(tmp_path / "elsewhere")


@pytest.mark.parametrize("damage", ["cut", "longer", "missing", "no description"])
def test_a_damaged_cache_is_an_error_for_a_trial_and_mended_by_load_data(tmp_path, damage):
    before = load_data(tmp_path, "standin")
    truth, labels = np.array(before.images), next(before.folder.glob("labels-*.npy"))
    whole = labels.read_bytes()
    if damage == "missing":
        labels.unlink()
    elif damage == "no description":
        (before.folder / "arrays.json").write_text('{"version": 1, "na')
    else:
        changed = {"cut": whole[:-8], "longer": whole + b"x"}[damage]
        labels.unlink()
        labels.write_bytes(changed)
    with pytest.raises(DataError, match=r"is damaged: .*Call load_data\(.*again to mend it"):
        open_data(tmp_path)
    assert np.array_equal(load_data(tmp_path, "standin").images, truth)
    assert len(open_data(tmp_path).labels) == 200


def test_a_kill_while_the_cache_is_written_leaves_no_half_of_it(tmp_path, monkeypatch):
    """The description is written last: without it there is no cache, and leftovers are cleared away."""
    true_write = arrays.write_json
    monkeypatch.setattr(arrays, "write_json", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        load_data(tmp_path, "standin")
    cache = tmp_path / "arrays" / "standin"
    (cache / ".images-0.npy.1.tmp").write_bytes(b"half")
    with pytest.raises(DataError):
        open_data(tmp_path)
    monkeypatch.setattr(arrays, "write_json", true_write)
    load_data(tmp_path, "standin")
    assert len(list(cache.iterdir())) == 5


def test_the_standin_is_made_again_when_its_program_changes(tmp_path, monkeypatch):
    """A trial still opens what was prepared; the next load_data replaces it and removes the old arrays."""
    load_data(tmp_path, "standin")
    program = tmp_path / "standin.py"
    program.write_text("# another version")
    monkeypatch.setattr(standin, "__file__", str(program))
    before = np.array(open_data(tmp_path).images)
    monkeypatch.setattr(standin, "generate", lambda seed=0: tuple(np.array(part) for part in _inverted(before)))
    after = load_data(tmp_path, "standin")
    assert np.array_equal(after.images, 255 - before) and len(list(after.folder.glob("*.npy"))) == 4


def _inverted(images):
    labels = np.arange(len(images)) % 10
    return 255 - images, labels, 255 - images[:20], labels[:20]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1, "dataset": "other"}', '{"version": 2}'])
def test_a_marker_that_cannot_be_understood_is_no_marker(tmp_path, text):
    load_data(tmp_path, "standin")
    (tmp_path / MARKER).write_text(text)
    with pytest.raises(DataError, match="No data has been prepared"):
        open_data(tmp_path)
    assert load_data(tmp_path, "standin").name == STANDIN == open_data(tmp_path).name


def test_a_marker_leads_nowhere_outside_the_data_folder(tmp_path):
    load_data(tmp_path / "data", "standin")
    marker = json.loads((tmp_path / "data" / MARKER).read_text())
    (tmp_path / "data" / MARKER).write_text(json.dumps({**marker, "arrays": "../../../elsewhere"}))
    with pytest.raises(DataError, match="No data has been prepared"):
        open_data(tmp_path / "data")


def test_a_prepared_folder_need_not_be_writable(tmp_path, monkeypatch):
    """A teacher's folder that students share: ready data is opened without a lock."""
    load_data(tmp_path, "standin")
    monkeypatch.setattr("hpt_lessons.cifar.data.locked", lambda _: pytest.fail("locked"))
    assert load_data(tmp_path, "standin").name == load_data(tmp_path).name == STANDIN


def test_a_folder_that_cannot_be_written_is_explained(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot be written; .*choose another folder"):
        load_data(tmp_path / "file" / "data", "standin")


# --- the data themselves ---------------------------------------------------------------------------------------------


def test_the_pictures_are_described_shortly(tmp_path):
    data = load_data(tmp_path, "standin")
    assert str(data) == repr(data) == "200 pictures in 10 classes: generated pictures (stand-in)"
    assert data.images.shape == (200, 32, 32, 3) and data.images.dtype == np.uint8 and data.labels.dtype == np.int64


def test_mean_and_deviation_are_those_of_the_pictures(tmp_path):
    data = load_data(tmp_path, "standin")
    scaled = data.images.astype(np.float64) / 255
    assert np.allclose(data.mean, scaled.mean(axis=(0, 1, 2)), rtol=1e-12)
    assert np.allclose(data.std, scaled.std(axis=(0, 1, 2)), rtol=1e-12)


def test_the_pictures_cannot_be_changed_by_accident(tmp_path):
    with pytest.raises(ValueError, match="read-only"):
        load_data(tmp_path, "standin").images[0] = 0


def test_pickling_takes_plain_arrays_along(tmp_path):
    """Out of band, as Ray's object store takes them: the numbers are not in the stream, and no file is needed after."""
    data, buffers = load_data(tmp_path, "standin"), []
    stream = pickle.dumps(data, protocol=5, buffer_callback=buffers.append)
    back = pickle.loads(stream, buffers=buffers)
    assert type(data.images) is type(back.images) is np.ndarray and len(stream) < 3000 and len(buffers) == 2
    assert np.array_equal(back.images, data.images) and back.split()[0].tolist() == data.split()[0].tolist()


def test_reading_prepared_data_imports_neither_torch_nor_ray(tmp_path):
    load_data(tmp_path, "standin")
    program = (
        f"import sys; from hpt_lessons.cifar.data import *; load_data({str(tmp_path)!r}, 'standin'); "
        f"open_data({str(tmp_path)!r}); print({{'torch', 'torchvision', 'ray'}} & set(sys.modules))"
    )
    # The generator is not patched in the other process, but its key is that of its program: nothing is made again.
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said == "set()\n"


# --- the split -------------------------------------------------------------------------------------------------------


@given(count=integers(2, 300), seed=integers(0, 2**64), shares=integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_training_and_validation_share_no_picture_and_subsets_are_nested(count, seed, shares):
    data = plain_data(count)
    valid_size = 1 + shares % (count - 1)
    left = count - valid_size
    train, valid = data.split(seed, valid_size=valid_size)
    assert sorted([*train, *valid]) == list(range(count)) and len(valid) == valid_size
    for train_size in {1, 1 + shares % left, left}:
        fewer, same = data.split(seed, train_size, valid_size)
        assert np.array_equal(fewer, train[:train_size]) and np.array_equal(same, valid)


def test_one_fifth_is_for_validation():
    assert [len(part) for part in plain_data(10_000).split()] == [8000, 2000]


@given(seed=integers(0, 2**63 - 1), score_size=integers(1, 60), valid_size=integers(1, 30))
def test_the_score_half_is_nobody_elses(seed, score_size, valid_size):
    """It shares no picture with training or validation, and does not depend on how large these are."""
    data = plain_data(100)
    train, valid = data.split(seed, valid_size=valid_size, score_size=score_size)
    scored = data.score_half(seed, score_size)
    assert sorted([*train, *valid, *scored]) == list(range(100)) and len(scored) == score_size
    assert valid.tolist() == data.split(seed, valid_size=valid_size)[1].tolist()
    assert set(data.score_half(seed, 1)) <= set(scored)
    with pytest.raises(ValueError, match="train_size"):
        data.split(seed, 100 - valid_size - score_size + 1, valid_size, score_size)


def test_another_seed_is_another_split():
    data = plain_data(1000)
    assert not np.array_equal(np.sort(data.split(0)[1]), np.sort(data.split(1)[1]))


def test_every_picture_is_as_likely_to_validate():
    """Over 2000 seeds each of 20 pictures is among the 5 for validation in a quarter (5 standard errors: 0.048)."""
    data = plain_data(20)
    chosen = np.bincount(np.concatenate([data.split(seed, valid_size=5)[1] for seed in range(2000)]), minlength=20)
    assert np.all(np.abs(chosen / 2000 - 0.25) < 0.048)


def test_the_split_is_the_same_for_ever():
    """Written down once: a study that was begun with another version of numpy goes on with the same pictures."""
    train, valid = plain_data(50_000).split()
    assert train[:5].tolist() == [743, 23825, 11227, 23871, 45801]
    assert valid[:5].tolist() == [25556, 20554, 16026, 47310, 38162]


def test_the_split_is_the_same_in_another_process(tmp_path):
    data = load_data(tmp_path, "standin")
    program = f"from hpt_lessons.cifar.data import *; print(open_data({str(tmp_path)!r}).split(3, 10)[0].tolist())"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert json.loads(said) == data.split(3, 10)[0].tolist()


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"train_size": 0}, "train_size=0; expected a whole number from 1 to 80"),
        ({"train_size": 81}, "train_size=81"),
        ({"train_size": 10.0}, "train_size=10.0"),
        ({"train_size": True}, "train_size=True"),
        ({"valid_size": 100}, "valid_size=100; expected a whole number from 1 to 99"),
        ({"valid_size": 0}, "valid_size=0"),
        ({"valid_size": 60, "train_size": 41}, "train_size=41; expected a whole number from 1 to 40"),
        ({"seed": -1}, "seed=-1; expected a whole number from 0"),
        ({"seed": None}, "seed=None"),
    ],
)
def test_sizes_that_do_not_fit_are_named(sizes, message):
    with pytest.raises(ValueError, match=message):
        plain_data(100).split(**sizes)
    with pytest.raises(ValueError, match="1 picture"):
        plain_data(1).split()


# --- the sealed test set ---------------------------------------------------------------------------------------------


def test_the_test_pictures_are_not_among_the_others(tmp_path):
    """What the generator and the archive hold apart stays apart."""
    unpacked(tmp_path)
    data = load_data(tmp_path, "cifar10")
    images, labels = open_test_set(data, "to compare")
    assert len(images) == len(labels) == 20
    assert not {image.tobytes() for image in images} & {image.tobytes() for image in data.images}


def test_openings_are_counted_and_say_why(tmp_path):
    data = load_data(tmp_path, "standin")
    assert test_openings(data) == []
    open_test_set(data, "the tuned network, seed 0")
    open_test_set(open_data(tmp_path), "the default 네트워크")
    assert [opening["why"] for opening in test_openings(data)] == ["the tuned network, seed 0", "the default 네트워크"]
    assert test_openings(data)[0]["pid"] == os.getpid() and test_openings(data)[0]["time"].startswith("20")


def test_openings_survive_a_torn_line_and_a_new_cache(tmp_path):
    """A line cut off by a kill counts as an opening and swallows no other; rebuilding the cache forgets nothing."""
    data = load_data(tmp_path, "standin")
    open_test_set(data, "first")
    with open(data.folder / "test_openings.jsonl", "a") as file:
        file.write('{"time": "2030-01-01", "wh')
    open_test_set(data, "third")
    next(data.folder.glob("images-*.npy")).unlink()
    whys = [opening["why"] for opening in test_openings(load_data(tmp_path, "standin"))]
    assert whys[0] == "first" and "unreadable" in whys[1] and whys[2] == "third"


@pytest.mark.parametrize("why", ["", "  ", None, 3])
def test_nobody_opens_the_test_set_without_a_reason(tmp_path, why):
    data = load_data(tmp_path, "standin")
    with pytest.raises(ValueError, match="say in a few words what the test set is opened for"):
        open_test_set(data, why)
    assert test_openings(data) == []


def test_arrays_of_ones_own_have_no_test_set():
    with pytest.raises(ValueError, match="has no test set"):
        open_test_set(plain_data(10), "why not")


def test_an_opening_that_cannot_be_recorded_does_not_happen(tmp_path):
    data = load_data(tmp_path, "standin")
    (data.folder / "test_openings.jsonl").mkdir()
    with pytest.raises((DataError, OSError)):
        open_test_set(data, "final")
