"""What a training configuration may hold, and how one learns that it does not."""

import numpy as np
import pytest
from ray import tune

from hpt_lessons.cifar.config import REQUIRED, RULES, UNTUNED, Settings, defaults, read_config

# For each key: values that are allowed, then values that are not, of the wrong size and of the wrong kind.
WHOLE_FROM_1 = ([1, 7, 8.0], [0, -3, 2.5, "8", None, True, [8], float("nan"), float("inf")])
WHOLE_FROM_0 = ([0, 5, 2**63 - 1], [-1, 0.5, "1", None, False, 2**63, 1e300])
CASES = {
    "l1": WHOLE_FROM_1,
    "l2": WHOLE_FROM_1,
    "batch_size": WHOLE_FROM_1,
    "epochs": WHOLE_FROM_1,
    "threads": WHOLE_FROM_1,
    "seed": WHOLE_FROM_0,
    "split_seed": WHOLE_FROM_0,
    "lr": ([1e-4, 0.1, 100, 1], [0, -1e-3, 100.1, float("nan"), float("inf"), "1e-3", None, True, [0.1], 1j]),
    "momentum": ([0, 0.9], [-0.1, 1, 1.5, float("nan"), "0.9", None, True]),
    "weight_decay": ([0, 1e-4], [-1e-4, 11, float("nan"), "0", None]),
    "optimizer": (["sgd", "adam", "adamw"], ["SGD", "rmsprop", None, 1, ["sgd"]]),
    "schedule": (["constant", "cosine", "step"], ["linear", None, 0]),
    "wrong_labels": ([0, 0.2, 1], [-0.1, 1.1, "0.2", None, True]),
    "model": (["cifar", "wider", "pixels", "residual", "plain"], ["resnet", None, 1]),
    "depth": ([1, 4], [0, 5, 1.5, None]),
    "channels": ([1, 1024], [0, 1025, "8"]),
    "kernel": ([3, 5, 7], [1, 4, 3.0, "3"]),
    "activation": (["relu", "tanh"], ["gelu", None]),
    "layer_factor": ([1, 0.5, [1.0, 0.5], (0, 1)], [0, -1, [], [0, 0], [1, -1], [1, "2"], "1", None, float("nan")]),
    "train_size": ([None, 1, 1000], [0, -1, 2.5, "all", True]),
    "valid_size": ([None, 1, 1000], [0, -1, 2.5, "all", True]),
    "score_size": ([0, 1, 1000], [-1, 2.5, "all", None, True]),
    "augment": ([True, False], [1, 0, "yes", None]),
}


def test_every_key_has_its_cases():
    """A key that somebody adds without saying here what it refuses is noticed."""
    assert set(CASES) == set(RULES) == set(Settings.__dataclass_fields__)


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, (good, _) in CASES.items() for value in good])
def test_allowed_values_are_taken(key, value):
    """A value in range comes back as it is, a list as a tuple, a whole float as an int."""
    taken = getattr(read_config(UNTUNED | {key: value}), key)
    assert taken == (tuple(value) if isinstance(value, list) else value)


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, (_, bad) in CASES.items() for value in bad])
def test_other_values_are_refused_by_name(key, value):
    """The error names the key, the value and what is allowed."""
    with pytest.raises(ValueError) as error:
        read_config(UNTUNED | {key: value})
    for part in (repr(key), repr(value), RULES[key].allowed):
        assert part in str(error.value)


MEANT = {"learning_rate": "lr", "batchsize": "batch_size", "optimiser": "optimizer", "epoch": "epochs", "LR": "lr"}


@pytest.mark.parametrize(("wrong", "meant"), [*MEANT.items(), ("dropout", None), (3, None)])
def test_an_unknown_key_is_refused_and_the_close_one_suggested(wrong, meant):
    """A misspelt hyperparameter would otherwise be 'tuned' without any effect."""
    with pytest.raises(ValueError, match=f"no hyperparameter {wrong!r}") as error:
        read_config(UNTUNED | {wrong: 1})
    assert all(key in str(error.value) for key in RULES)
    if meant:
        assert f"Did you mean {meant!r}?" in str(error.value)


@pytest.mark.parametrize("key", REQUIRED)
def test_a_missing_key_is_named_with_what_it_may_be(key):
    """What has no sensible default must be given."""
    with pytest.raises(ValueError, match=f"{key!r} is missing") as error:
        read_config({name: value for name, value in UNTUNED.items() if name != key})
    assert RULES[key].allowed in str(error.value)


def test_what_optional_keys_default_to_is_allowed():
    """The documented defaults pass their own rules, and leaving them out means the same."""
    assert read_config(UNTUNED) == read_config(UNTUNED | defaults())


@pytest.mark.parametrize("config", [None, 3, [("l1", 1)], "l1=1"])
def test_what_is_no_dict_is_a_type_error(config):
    """The message shows what a configuration looks like."""
    with pytest.raises(TypeError, match="a dict was expected"):
        read_config(config)


def test_numpy_scalars_become_plain_values():
    """`2 ** np.random.randint(2, 9)` is a NumPy integer, and a journal or a checkpoint must not depend on NumPy."""
    settings = read_config(
        {
            "l1": np.int64(16),
            "l2": np.array(8),
            "lr": np.float32(0.5),
            "batch_size": np.uint8(4),
            "augment": np.bool_(True),
        }
    )
    values = (settings.l1, settings.l2, settings.lr, settings.batch_size, settings.augment)
    assert values == (16, 8, 0.5, 4, True)
    assert [type(value) for value in values] == [int, int, float, int, bool]


def test_a_search_space_is_not_a_configuration():
    """Whoever calls the training with Ray's domains instead of a sample of them is told so."""
    for domain in (tune.loguniform(1e-4, 1e-1), tune.choice([2, 4]), tune.sample_from(lambda _: 3)):
        with pytest.raises(ValueError, match=r"'lr' is .*search-space domain") as error:
            read_config(UNTUNED | {"lr": domain})
        assert repr(domain) in str(error.value)


def test_nothing_trains_and_no_data_is_touched_before_the_check(monkeypatch):
    """The error comes in milliseconds, not after a download."""
    from hpt_lessons.cifar import training

    monkeypatch.setattr(training, "load_data", lambda *_: pytest.fail("data was loaded"))
    monkeypatch.setattr(training, "Training", lambda *_: pytest.fail("a network was built"))
    with pytest.raises(ValueError, match="'lr' is 0"):
        training.train_cifar(UNTUNED | {"lr": 0})
