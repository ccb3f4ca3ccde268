"""The generated pictures: the same bytes everywhere, and a task that behaves like a real one."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers

from hpt_lessons.cifar.pictures import standin, standin_check

# SHA-256 of images, labels, test images, test labels of generate(seed=0, train=600, test=50), labels as little-endian
# 64-bit numbers. Who changes the pictures changes every result that was ever printed for them: not by accident.
DIGESTS = (
    "9ef4c91beca76caaf2645de031c76a83815f16e5f69bc561978230c4c5f92e0f",
    "953141d47164cec7e3a821edbe22647fb35810d7bc6a221a5462acb44e650349",
    "4208844df85c30d7a615e8d78f9104c20c1d26554f7c6fc68274da3da988968f",
    "f7e629758193512360dea9298e6549bb323820dbb008ed4dfae540657a5f2c29",
)


def digests(arrays) -> tuple[str, ...]:
    raw = (array if array.dtype == np.uint8 else array.astype("<i8") for array in arrays)
    return tuple(hashlib.sha256(array.tobytes()).hexdigest() for array in raw)


@pytest.fixture(scope="module")
def pictures():
    return standin.generate(seed=0, train=600, test=50)


def test_the_bytes_are_those_of_every_other_machine(pictures):
    assert digests(pictures) == DIGESTS


def test_a_processor_without_vector_instructions_draws_the_same_pictures():
    """numpy chooses its loops by the processor; with the plainest ones not a single byte differs."""
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    if not found:
        pytest.skip("this numpy uses no other loops than the plainest ones on this processor")
    script = (
        "import hashlib\nfrom hpt_lessons.cifar.pictures import standin\n"
        "print(hashlib.sha256(standin.generate(seed=0, train=600, test=0)[0].tobytes()).hexdigest())"
    )
    plain = {**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(found)}
    done = subprocess.run([sys.executable, "-c", script], env=plain, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == DIGESTS[0]


def test_shapes_types_and_names(pictures):
    images, labels, test_images, test_labels = pictures
    assert images.shape == (600, 32, 32, 3) and test_images.shape == (50, 32, 32, 3)
    assert images.dtype == test_images.dtype == np.uint8 and labels.dtype == test_labels.dtype == np.int64
    assert len(set(standin.CLASSES)) == 10 and "striped disc" in standin.CLASSES


def test_ten_thousand_for_training_and_two_thousand_for_testing_are_the_default():
    images, labels, test_images, test_labels = standin.generate()
    assert (len(images), len(labels), len(test_images), len(test_labels)) == (10_000, 10_000, 2_000, 2_000)
    assert set(np.bincount(labels)) == {1_000} and set(np.bincount(test_labels)) == {200}


@given(train=integers(0, 1_100), test=integers(0, 60))
@settings(max_examples=8, deadline=None)
def test_fewer_pictures_are_the_first_of_more(train, test):
    """However many there are, across the edges of the blocks too, the first n never change."""
    some, many = standin.generate(seed=5, train=train, test=test), standin.generate(seed=5, train=1_100, test=60)
    for few, all_ in zip(some, many, strict=True):
        assert np.array_equal(few, all_[: len(few)])
    assert len(some[0]) == train and len(some[2]) == test


def test_every_ten_in_a_row_show_each_kind_once(pictures):
    for labels in (pictures[1], pictures[3]):
        assert (np.sort(labels.reshape(-1, 10), axis=1) == np.arange(10)).all()
        assert len(np.unique(labels.reshape(-1, 10), axis=0)) > 1, "and not always in the same order"


def test_no_picture_comes_twice_in_training_test_or_another_seed(pictures):
    other = standin.generate(seed=1, train=600, test=50)
    everything = [image.tobytes() for part in (pictures[0], pictures[2], other[0], other[2]) for image in part]
    assert len(set(everything)) == len(everything) == 1_300


@pytest.mark.parametrize("wrong", [{"train": -1}, {"test": -5}, {"seed": -2}])
def test_a_negative_number_is_refused_by_name(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"'{name}': {value} is negative"):
        standin.generate(**wrong)


def test_mean_colours_do_not_give_the_kind_away():
    """Whoever knows the mean colour of a picture guesses better than 10 %, and far worse than the network (65 %)."""
    images, labels, test_images, test_labels = standin.generate(seed=0, train=5_000, test=1_000)

    colours, test_colours = (part.mean(axis=(1, 2)) for part in (images, test_images))
    distances = ((test_colours[:, None] - colours) ** 2).sum(axis=2)
    votes = labels[np.argpartition(distances, 50, axis=1)[:, :50]]
    nearest = [np.bincount(vote, minlength=10).argmax() for vote in votes]
    assert 0.12 < np.mean(nearest == test_labels) < 0.35


def test_the_check_says_no_when_a_claim_does_not_hold(monkeypatch, capsys):
    """Whatever is trained reaches 50 %: nothing helps, and the exit status says so."""
    monkeypatch.setattr(standin_check, "measure", lambda setups: {setup: [50.0] * setup.seeds for setup in setups})
    assert standin_check.main(["--small"]) == 1
    rows = capsys.readouterr().out.splitlines()
    assert next(row for row in rows if row.startswith("tuning helps")).endswith("FAILS")
    assert next(row for row in rows if row.startswith("the untuned default")).endswith("holds")


def test_the_check_says_yes_when_all_claims_hold(monkeypatch, capsys):
    """Accuracies as they should be, made up: the judge accepts them, in every form of the check."""
    monkeypatch.setattr(standin_check, "measure", lambda setups: {s: [made_up_accuracy(s)] * s.seeds for s in setups})
    for form in (["--small"], [], ["--full"]):
        assert standin_check.main(form) == 0, capsys.readouterr().out


def made_up_accuracy(setup: standin_check.Setup) -> float:
    config = setup.config(seed=0)
    if config["lr"] in (1e-4, 1e-1):
        return 10.0
    if (config["lr"], config["batch_size"], config["l1"]) == (0.001, 4, 120):
        return 50.0
    gains = 10 * (config.get("model") == "wider") + 5 * config.get("augment", False)
    losses = 10 * ("wrong_labels" in config) + 30 * (config["l1"] == 4) + 3 * np.log2(8_000 / setup.pictures)
    return 65.0 + gains - losses


def test_both_sides_of_a_comparison_see_equally_many_pictures():
    """More pictures are not more updates in disguise; and nobody is trained on other pictures than stated."""
    for scale in (standin_check.SMALL, standin_check.ORDINARY, standin_check.FULL):
        for claim in standin_check.claims(scale):
            shown = {setup.config(0)["epochs"] * setup.config(0)["train_size"] for setup in claim.setups}
            assert len(shown) == 1, claim.text


@pytest.mark.slow
def test_the_pictures_behave_like_a_real_task():
    """Short trainings, one seed, generous margins; the ordinary form of the command is the real proof."""
    todo = standin_check.claims(standin_check.SMALL)
    todo = [claim for claim in todo if "units" not in claim.text]
    accuracies = standin_check.measure({setup: None for claim in todo for setup in claim.setups}, enabled=False)
    verdicts = {claim.text: claim.judge(accuracies) for claim in todo}
    assert all(holds for _, holds in verdicts.values()), verdicts
