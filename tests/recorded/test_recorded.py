"""Recorded tables: what is trained comes back as it was, whenever the builder is killed, and whatever lies about."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from helpers import tiny_table
from hpt_lessons import recorded
from hpt_lessons.cifar.config import UNTUNED
from hpt_lessons.cifar.data import test_openings as openings
from hpt_lessons.cifar.models import build_model
from hpt_lessons.cifar.population import read_configs
from hpt_lessons.cifar.training import train_cifar
from hpt_lessons.recorded import sizes, table
from hpt_lessons.recorded.making import build, card, check, cost, plans, pool
from hpt_lessons.recorded.objective import Recorded
from hpt_lessons.trials import Result, Trial, Trials

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with the tiny table, built without disturbance, and its pictures."""
    folder = tmp_path_factory.mktemp("whole")
    built(folder)
    return folder


def rows_of(folder: Path) -> dict[str, np.ndarray]:
    return table.read(folder / "tiny.npz")


def assert_equal_tables(one: Path, two: Path) -> None:
    """All columns but the measured seconds."""
    first, second = rows_of(one), rows_of(two)
    assert first.keys() == second.keys()
    for column in table.COLUMNS:
        np.testing.assert_array_equal(first[column], second[column], err_msg=column)


def built(folder: Path, plan: plans.Plan = tiny_table.PLAN, data: Path | None = None) -> Trials:
    """The table of a plan, built in a folder, with the pictures that lie there or in another folder."""
    build.build(plan, tiny_table.pictures(data or folder), device="cpu", folder=folder, progress=False)
    return recorded.load(plan.name, folder)


@pytest.fixture
def copy(whole, tmp_path):
    """A folder of one's own with the tiny table and its pictures."""
    return shutil.copytree(whole, tmp_path / "copy", symlinks=True)


# -- what comes out ----------------------------------------------------------------------------------------------------
def test_a_table_is_a_table_of_trials(whole):
    """One trial for each configuration, in the order of the plan, the chosen one last."""
    trials = recorded.load("tiny", whole)
    assert recorded.names(whole) == ["tiny"] and len(trials) == 6
    assert [trial.config["lr"] for trial in trials[:5]] == [0.001, 0.01, 100.0, 0.003, 0.01]
    assert [trial.status for trial in trials] == ["completed"] * 2 + ["diverged"] + ["completed"] * 3
    assert [trial.budget for trial in trials[3:]] == [6, 6, 4]
    assert [trial.seed for trial in trials] == [0] * 5 + [1] and trials[5].history[0].extra["split_seed"] == 1
    assert trials[5].config["lr"] == min(trials[:2], key=lambda trial: trial.best_loss).config["lr"]
    assert {frozenset(trial.config) for trial in trials} == {frozenset({"l1", "l2", "lr", "batch_size"})}
    for trial in trials:
        assert trial.data == "generated pictures (stand-in)" and all(value > 0 for value in trial.values("seconds"))
        tests = [result.extra.get("test_accuracy") for result in trial.history]
        assert tests[:-1] == [None] * (trial.budget - 1) and (tests[-1] is None) == trial.diverged


def test_rows_are_what_a_single_training_gives(whole):
    """A row's configuration, trained alone by `train_cifar`, gives its curve; rounding apart."""
    trials = recorded.load("tiny", whole)
    for name in ("0001", "0004", "0005"):
        trial = trials[name]
        config = {
            **tiny_table.PLAN.fixed,
            **trial.config,
            "epochs": trial.budget,
            "seed": trial.seed,
            "split_seed": trial.history[0].extra["split_seed"],
        }
        alone = train_cifar(config, data=tiny_table.pictures(whole), progress=False)
        assert trial.values() == pytest.approx([result["loss"] for result in alone], abs=1e-3)
        assert trial.values("train_loss") == pytest.approx([result["train_loss"] for result in alone], abs=1e-3)
        assert trial.values("accuracy") == pytest.approx([result["accuracy"] for result in alone], abs=0.021)


def test_nothing_is_left_but_table_and_card(whole):
    """The parts go when the table is there; building it again does nothing."""
    assert sorted(path.name for path in whole.iterdir()) == ["data", "parts", "tiny.md", "tiny.npz"]
    assert not list((whole / "parts").iterdir())
    before = (whole / "tiny.npz").stat().st_mtime_ns
    built(whole)
    assert (whole / "tiny.npz").stat().st_mtime_ns == before


def test_the_card_counts_what_is_in_the_table(whole):
    """Diverged and dead trials, counted here from the arrays; data, seeds and the command that builds it."""
    text, rows = (whole / "tiny.md").read_text(), rows_of(whole)
    sound = ~rows["diverged"]
    last = rows["correct"][np.arange(6), rows["epochs"] - 1]
    assert f"Diverged: {rows['diverged'].sum()} of 6" in text
    assert f"guessing): {sum((last < 12) & sound)} of 6" in text
    assert "generated pictures (stand-in); 400 to train on, 100 to validate" in text and "Seeds: 0, 1." in text
    assert "python -m hpt_lessons.recorded.making.build tiny" in text
    best = recorded.load("tiny", whole)[:2]
    assert f"| {min(best, key=lambda trial: trial.best_loss).config['lr']:g} | " in text
    assert card.card(tiny_table.PLAN, recorded.load("tiny", whole), json.loads(str(rows["about"]))) == text


def test_the_test_set_was_opened_once_and_it_was_written_down(whole):
    """For all groups together."""
    assert [entry["why"] for entry in openings(tiny_table.pictures(whole))] == ["recorded trials: tiny"]


# -- killed and gone on with -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("moment", ["in the first group", "between the groups"])
def test_a_killed_build_goes_on_to_the_same_table(whole, tmp_path, moment):
    """SIGKILL while a checkpoint or a part is there; the second start ends with the same arrays, bit for bit."""
    (tmp_path / "data").symlink_to(whole / "data")
    parts = tmp_path / "parts" / "tiny"
    command = [sys.executable, str(ROOT / "tests" / "helpers" / "tiny_table.py"), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    awaited = parts / ("eight.tmp" if moment == "in the first group" else "eight.npz")
    with subprocess.Popen(command, env=environment) as process:
        deadline = time.monotonic() + 120
        while not awaited.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL and not (tmp_path / "tiny.npz").exists()
    subprocess.run(command, env=environment, check=True)
    assert_equal_tables(tmp_path, whole)


def half_built(folder: Path, whole: Path) -> Path:
    """A folder in which only the first group is there; its part file."""
    (folder / "data").symlink_to(whole / "data")
    parts = folder / "parts" / "tiny"
    builder = build.Builder(tiny_table.PLAN, tiny_table.pictures(folder), build.choose_device("cpu"), parts)
    parts.mkdir(parents=True)
    builder.stage(tiny_table.PLAN.groups[:1], "first", progress=False)
    return parts / "eight.npz"


def test_half_a_table_can_be_read_if_asked_for(whole, tmp_path):
    """Not by mistake: the error says how."""
    half_built(tmp_path, whole)
    with pytest.raises(ValueError, match=r"not finished, 1 part.*partial=True"):
        recorded.load("tiny", tmp_path)
    assert len(recorded.load("tiny", tmp_path, partial=True)) == 3 and recorded.names(tmp_path) == []


@pytest.mark.parametrize("damage", ["cut", "flipped", "text", "plan", "epochs"])
def test_a_part_that_is_not_right_is_built_again(whole, tmp_path, damage):
    """Cut short, a bit flipped, something else, or from an earlier plan."""
    part = half_built(tmp_path, whole)
    content = bytearray(part.read_bytes())
    if damage == "cut":
        part.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        content[content.index(b"loss.npy") + 60] ^= 0xFF
        part.write_bytes(content)
    elif damage == "text":
        part.write_text("not a table")
    elif damage == "epochs":
        rows = table.read(part)
        rows["about"] = np.array(str(rows["about"]).replace('"epochs": 4', '"epochs": 3'))
        rows["loss"] += 1
        np.savez_compressed(part, **rows)
    else:
        rows = table.read(part)
        rows["configs"] = np.array([text.replace("0.001", "0.002") for text in rows["configs"]])
        np.savez_compressed(part, **rows)
    built(tmp_path)
    assert_equal_tables(tmp_path, whole)


def test_files_of_others_among_the_parts_stay(whole, tmp_path):
    """A build goes on beside them, and removes its own parts, drafts and lock only."""
    parts = half_built(tmp_path, whole).parent
    others = ["thesis.txt", "weights.npy", ".notes.tmp", "old/eight.npz"]
    for name in others:
        (parts / name).parent.mkdir(exist_ok=True)
        (parts / name).write_text("mine")
    built(tmp_path)
    assert_equal_tables(tmp_path, whole)
    assert sorted(str(path.relative_to(parts)) for path in parts.rglob("*") if path.is_file()) == sorted(others)


def test_parts_of_other_pictures_are_refused(whole, tmp_path):
    """They are not mixed, and nothing is thrown away."""
    part = half_built(tmp_path, whole)
    rows = table.read(part)
    rows["about"] = np.array(json.dumps(json.loads(str(rows["about"])) | {"data": "other pictures"}))
    np.savez_compressed(part, **rows)
    with pytest.raises(ValueError, match=r"'other pictures'.*'generated"):
        built(tmp_path)
    assert part.exists()


def never(*_):
    raise AssertionError("trained again")


def test_what_another_table_has_measured_is_not_trained_again(copy, monkeypatch):
    """The same configuration, length, seeds and pictures; of a group of which one trial is new, that one is trained."""
    pictures = tiny_table.pictures(copy)
    eight = tiny_table.PLAN.groups[0]
    same = plans.Group("same", tuple({**config, "seed": 0} for config in eight.configs[1:]))
    plan = replace(tiny_table.PLAN, name="other", groups=(same,), then=None)
    with monkeypatch.context() as patch:
        patch.setattr(build.Builder, "train", never)
        other = built(copy, plan)
    first = recorded.load("tiny", copy)
    assert [trial.history for trial in other] == [first["0001"].history, first["0002"].history]
    for change in ({"seed": 1}, {"split_seed": 3}, {"epochs": 3}, {"lr": 0.02}, {"momentum": 0.5}):
        builder = build.Builder(plan, pictures, build.choose_device("cpu"), copy / "parts" / "other")
        new = plans.Group("new", (same.configs[0], {**same.configs[1], **change}))
        assert builder.missing(new) == new.configs[1:] and not builder.missing(same)
    trained = []
    monkeypatch.setattr(build.Builder, "train", watched_train(trained, lambda group: group.configs))
    mixed = plans.Group("mixed", (same.configs[0], {**same.configs[1], "lr": 0.02}, same.configs[1]))
    rows = built(copy, replace(plan, name="mixed", groups=(mixed,)))
    assert trained == [mixed.configs[1:2]]
    assert [trial.config["lr"] for trial in rows] == [config["lr"] for config in mixed.configs]
    assert [rows[0].history, rows[2].history] == [first["0001"].history, first["0002"].history]


def test_another_plan_of_the_same_size_is_another_table(copy):
    """What was trained for it is in the table before its parts go."""
    first = plans.Group("other", tuple({**tiny_table.SAME, "lr": lr} for lr in (0.0002, 0.0004, 0.0006)))
    assert len(first.configs) == len(tiny_table.PLAN.groups[0].configs)
    plan = replace(tiny_table.PLAN, groups=(first, *tiny_table.PLAN.groups[1:]))
    assert [trial.config["lr"] for trial in built(copy, plan)[:3]] == [0.0002, 0.0004, 0.0006]


def watched_train(seen, what):
    """`Builder.train` that writes down `what` of each group that it trains."""
    train = build.Builder.train

    def watched(self, group, bar):
        seen.append(what(group))
        return train(self, group, bar)

    return watched


def test_a_larger_plan_trains_only_what_it_adds(whole, copy, monkeypatch):
    """The table that is there is a beginning."""
    trained = []
    monkeypatch.setattr(build.Builder, "train", watched_train(trained, lambda group: group.name))
    more = plans.Group("more", ({**tiny_table.SAME, "lr": 0.0005},))
    plan = replace(tiny_table.PLAN, groups=(*tiny_table.PLAN.groups, more))
    before, after = recorded.load("tiny", whole), built(copy, plan)
    assert trained == ["more"] and len(after) == 7
    spent = [json.loads(str(rows_of(folder)["about"]))["spent"] for folder in (whole, copy)]
    assert 0 < spent[0] <= spent[1]
    assert [trial.history for trial in after[:5]] == [trial.history for trial in before[:5]]
    assert after[5].config["lr"] == 0.0005


def test_a_dead_network_is_tested_and_ends(whole, tmp_path):
    """Its last hidden units are silent for every picture. The others go on as if it had never been there."""
    configs = [{**tiny_table.PLAN.fixed, **tiny_table.SAME, "weight_decay": 0.0, "lr": lr} for lr in (0.01, 0.003)]
    builder = build.Builder(tiny_table.PLAN, tiny_table.pictures(whole), build.choose_device("cpu"), tmp_path)
    population, alone = (
        build.Population(read_configs(some), builder.data, builder.device) for some in (configs, configs[1:])
    )
    with torch.no_grad():
        population.weights[7][0] -= 1e6  # the bias of the last hidden layer
    assert population.constant().tolist() == [True, False]
    buried = []
    for epoch in range(1, 5):
        population.run_epoch(epoch)
        alone.run_epoch(epoch)
        population.histories[0][-1]["accuracy"] = 0.1  # as with as many pictures of each class
        buried.append(builder.drop_dead(population))
    assert [list(one) for one in buried] == [[], [], [0], []] and population.networks == [1]
    labels = builder.test[1]
    assert buried[2][0] in {float((labels == label).mean()) for label in range(10)}
    assert [len(history) for history in population.histories] == [3, 4]
    assert [result["loss"] for result in population.histories[1]] == pytest.approx(
        [result["loss"] for result in alone.histories[0]], abs=1e-4
    )


# -- what an epoch costs -----------------------------------------------------------------------------------------------
def test_a_kind_of_trial_that_a_table_knows_is_not_measured_again(whole, copy, monkeypatch):
    """Rates, seeds and lengths share their seconds; another batch size or shape has its own."""
    monkeypatch.setattr(cost, "measure", lambda config, data: 77.0)
    data = tiny_table.pictures(whole)
    parts = copy / "parts" / "tiny"
    parts.mkdir(parents=True)
    builder = build.Builder(tiny_table.PLAN, data, build.choose_device("cpu"), parts)
    recorded_seconds = {
        trial.config["batch_size"]: trial.values("seconds")[0] for trial in recorded.load("tiny", whole)
    }
    assert builder.seconds({**tiny_table.SAME, "lr": 0.5, "seed": 9, "epochs": 2}) == recorded_seconds[8]
    assert builder.seconds({**tiny_table.SAME, "batch_size": 4, "lr": 0.5}) == recorded_seconds[4]
    assert builder.seconds({**tiny_table.SAME, "batch_size": 2, "lr": 0.5}) == 77.0
    assert cost.known([table.read(whole / "tiny.npz")], {}, "other pictures") == {}


def test_calibration_changes_the_seconds_alone(finetuned, tmp_path, monkeypatch):
    """One measurement a kind, whatever the learning rate, on the pictures of the table; the card says what is new."""
    folder, plan = finetuned
    shutil.copy(folder / "fine.npz", tmp_path)
    monkeypatch.setitem(plans.PLANS, "fine", lambda full=False: plan)
    data, measured_on = tiny_table.pictures(folder), []
    monkeypatch.setattr(cost, "measure", lambda config, data: measured_on.append(data.name) or 40.0)
    costs = cost.calibrate(["fine"], data, tmp_path, progress=False)
    assert list(costs.values()) == [40.0] and measured_on == ["generated pictures (stand-in), 4 of 10 classes"]
    before, after = (table.read(where / "fine.npz") for where in (folder, tmp_path))
    assert (after["seconds"] == 40).all() and before.keys() == after.keys()
    for name in before.keys() - {"seconds", "about"}:
        assert np.array_equal(before[name], after[name], equal_nan=name in ("loss", "train_loss"))
    about = [json.loads(str(rows["about"])) for rows in (before, after)]
    assert about[1] == about[0] | {"calibrated": True}
    cards = [(where / "fine.md").read_text(encoding="utf-8") for where in (folder, tmp_path)]
    assert "would take 4 min" in cards[1]  # two trials of three epochs
    assert [card.CALIBRATED in text for text in cards] == [card.BESIDE not in text for text in cards] == [False, True]


def test_calibration_refuses_other_pictures(finetuned, monkeypatch):
    folder, plan = finetuned
    monkeypatch.setitem(plans.PLANS, "fine", lambda full=False: plan)
    with pytest.raises(ValueError, match=r"fine was measured on .*4 of 10 classes.* Give the same pictures"):
        cost.calibrate(["fine"], replace(tiny_table.pictures(folder), name="others"), folder, progress=False)


def test_an_epoch_is_measured_without_the_rate_of_the_trial(whole, monkeypatch):
    """One that diverges would end the training at once. The shortest of three epochs counts."""
    clock, took = [0.0], iter([5.0, 2.0, 3.0])
    monkeypatch.setattr(cost.time, "process_time", lambda: clock[0])
    trained, train_epoch = [], cost.Training.train_epoch

    def watched(run, epoch):
        clock[0] += next(took)
        trained.append((epoch, run.settings.lr, train_epoch(run, epoch) < 100))

    monkeypatch.setattr(cost.Training, "train_epoch", watched)
    config = {**tiny_table.SAME, "lr": 1e6, "epochs": 50, "train_size": 100, "valid_size": 100}
    assert cost.measure(config, tiny_table.pictures(whole)) == 2.0
    assert trained == [(epoch, 0.001, True) for epoch in (1, 2, 3)]


# -- from a network that knows other classes ---------------------------------------------------------------------------
@pytest.fixture(scope="module")
def finetuned(tmp_path_factory):
    """A folder with a tiny table of fine-tuning, its pictures, and its plan."""
    folder = tmp_path_factory.mktemp("finetuned")
    same = {**tiny_table.SAME, "weight_decay": 0.0}
    schemes = (1.0, [0, 0, 0, 0, 1])
    group = plans.Group("both", tuple({**same, "lr": 0.003, "layer_factor": scheme} for scheme in schemes))
    plan = plans.Plan(
        "fine", "Fine", "Two schemes.", (group,), {"epochs": 3, "train_size": 60, "valid_size": 100}, known_classes=6
    )
    built(folder, plan)
    return folder, plan


def test_fine_tuning_learns_the_other_classes(finetuned):
    """Four of ten; a frozen network is another training than a free one; test pictures are those of the four."""
    folder, plan = finetuned
    free, frozen = recorded.load("fine", folder)
    assert free.data == "generated pictures (stand-in), 4 of 10 classes" and free.history != frozen.history
    about = json.loads(str(table.read(folder / "fine.npz")["about"]))
    labels = build.open_test_set(tiny_table.pictures(folder), "count the classes")[1]
    assert about["classes"] == 4 and about["test"] == (labels >= 6).sum()
    assert "--data-name 'generated pictures (stand-in)'" in (folder / "fine.md").read_text()
    assert check.compare_sample(plan, recorded.load("fine", folder), tiny_table.pictures(folder)) == [True, True]


def test_fine_tuning_starts_from_the_known_network(finetuned, tmp_path):
    """All layers but the last are those of a network that learned the first six classes; the last is drawn anew."""
    folder, plan = finetuned
    builder = build.FineTuner(plan, tiny_table.pictures(folder), build.choose_device("cpu"), tmp_path)
    population = builder.population([{**plan.fixed, **config} for config in plan.groups[0].configs])
    [known] = builder.known_networks.values()
    history = known.histories[0]
    assert known.data.classes == builder.all_data.classes[:6]
    assert len(history) == 12 and history[-1]["train_loss"] < history[0]["train_loss"]
    fresh = build.Population(population.settings, builder.data, builder.device)
    for place, (weight, learned, drawn) in enumerate(
        zip(population.weights, known.weights, fresh.weights, strict=True)
    ):
        expected = drawn if place >= len(fresh.weights) - 2 else learned.expand_as(weight)
        assert torch.equal(weight, expected)
        assert place >= len(fresh.weights) - 2 or not torch.equal(weight, drawn)


@pytest.mark.parametrize(
    "config",
    [
        {"depth": 1, "channels": 4, "kernel": 3, "l1": 8, "l2": 84},
        {"depth": 3, "channels": 8, "kernel": 5, "l1": 512, "l2": 7},
    ],
)
def test_sizes_are_those_of_the_network(config):
    """Parameters counted by PyTorch, multiply-adds from the shapes that come out of each layer."""
    model = build_model({"model": "plain", **config}, 10)
    assert sizes.parameters(config) == sum(weight.numel() for weight in model.parameters())
    counted = []
    for layer in model.modules():
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear)):
            layer.register_forward_hook(lambda layer, _, out: counted.append(layer.weight[0].numel() * out.numel()))
    model(torch.zeros(1, 3, 32, 32))
    assert sizes.multiply_adds(config) == sum(counted)


# -- files -------------------------------------------------------------------------------------------------------------
def test_damaged_tables_are_errors_that_name_the_file(tmp_path):
    """Never half a table, and never unpickled."""
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 nonsense")
    np.savez(tmp_path / "other.npz", a=np.arange(3))
    np.savez(tmp_path / "pickled.npz", configs=np.array([{}], dtype=object))
    for name in ("broken", "other", "pickled"):
        with pytest.raises(table.TableError, match=rf"{name}\.npz cannot be read"):
            recorded.load(name, tmp_path)
    with pytest.raises(ValueError, match="no table 'mine'; there are broken, other, pickled"):
        recorded.load("mine", tmp_path)


def test_the_command_says_what_is_wrong(capsys, tmp_path):
    """An unknown table, a folder that is none."""
    with pytest.raises(SystemExit):
        build.main(["nothing", "--data", "standin"])
    assert "cifar-lenet" in capsys.readouterr().err
    options = ["--data-dir", str(tmp_path / "data"), "--out", str(tmp_path)]
    assert build.main(["cifar-lenet", "--data", str(tmp_path / "none"), *options]) == 1
    assert "is missing" in capsys.readouterr().err


def test_a_sample_of_rows_is_trained_again(whole, monkeypatch, capsys):
    """Rows that were measured agree; one whose first training loss was changed by two per cent does not."""
    monkeypatch.setitem(plans.PLANS, "tiny", lambda: tiny_table.PLAN)
    data = ["--data", "standin", "--data-dir", str(whole / "data"), "--out", str(whole)]
    assert check.main(["tiny", *data, "--rows", "2", "--epochs", "1"]) == 0
    assert capsys.readouterr().out.endswith("2 of 2 rows agree.\n")
    trial, pictures = recorded.load("tiny", whole)["0001"], tiny_table.pictures(whole)
    first = trial.history[0]
    other = replace(first, extra={**first.extra, "train_loss": 1.02 * first.extra["train_loss"]})
    fixed, train = dict(tiny_table.PLAN.fixed), check.alone(pictures)
    assert check.compare(trial, fixed, train, 1)
    assert not check.compare(replace(trial, history=(other, *trial.history[1:])), fixed, train, 1)


# -- the plans ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("full", [False, True], ids=["shipped", "full"])
@pytest.mark.parametrize("name", sorted(plans.PLANS))
def test_plans_can_be_trained(name, full):
    """Each group is a population; names are different, no trial is planned twice, files can have these names."""
    plan = plans.PLANS[name](full)
    assert plan.name == name and re.fullmatch(r"[a-z0-9-]+", name)
    assert len({group.name for group in plan.groups}) == len(plan.groups)
    configs = [json.dumps(config, sort_keys=True) for group in plan.groups for config in group.configs]
    assert len(set(configs)) == len(configs)
    for group in plan.groups:
        assert re.fullmatch(r"[\w-]+", group.name)
        settings = read_configs([{**plan.fixed, **config} for config in group.configs])
        assert len({one.seed for one in settings}) == 1


def test_the_untuned_default_is_in_every_table():
    """Learning rate 0.001, batch size 4, 120 and 84 units; in the batch size table at its own batch sizes."""
    for name in ("cifar-lenet", "cifar-lenet-seeds"):
        configs = [config for group in plans.PLANS[name]().groups for config in group.configs]
        assert any(config.items() >= UNTUNED.items() for config in configs)
    assert len(trials_of(plans.lenet(full=True))) == 588
    seeds = trials_of(plans.seeds())
    assert len(seeds) == 8 * 25 and sum(config["split_seed"] > 0 for config in seeds) == len(seeds) // 2
    for config in seeds:
        assert {key: config[key] for key in UNTUNED} in trials_of(plans.lenet())


def trials_of(plan: plans.Plan) -> list[dict]:
    return [config for group in plan.groups for config in group.configs]


@pytest.mark.parametrize("name", ["cifar-lenet", "cifar-batch-size", "cifar-levers"])
def test_the_shipped_plan_is_a_part_of_the_full_one(name):
    """So that what is there is a beginning."""
    part, full = (trials_of(plans.PLANS[name](size)) for size in (False, True))
    assert all(config in full for config in part) and len(part) < len(full)
    assert plans.PLANS[name](False).fixed == plans.PLANS[name](True).fixed


def test_the_best_of_two_rankings_come_again(whole):
    """In turns, none twice, none that diverged; each with two new seeds, splits and orders."""
    trials = recorded.load("tiny", whole)
    for count in (1, 2, 3, 4):
        chosen = plans.best_of_both(trials, count)
        assert len({trial.name for trial in chosen}) == len(chosen) == count
        assert chosen[0].best_loss == min(trial.best_loss for trial in trials if not trial.diverged)
        assert not any(trial.diverged for trial in chosen)
    last = min((trial for trial in trials if not trial.diverged), key=lambda trial: trial.loss)
    assert last.name in {trial.name for trial in plans.best_of_both(trials, 2)}
    groups = plans.again(trials[:5])
    assert sum(len(group.configs) for group in groups) == 2 * 4
    assert {(config["seed"], config["split_seed"]) for group in groups for config in group.configs} == {(1, 1), (2, 2)}


def test_each_layerwise_scheme_gets_the_same_tuning_and_paired_seeds():
    """Its own best learning rate, by the best epoch, comes again with all others' in each of eight seeds."""
    plan, rng = plans.layerwise(), np.random.default_rng(0)
    configs = [config for group in plan.groups for config in group.configs]
    losses = rng.permutation(len(configs)) / 100 + 1
    trials = Trials(
        Trial(f"{number:04d}", config, 0, "", "completed", (Result(1, loss, 0.5), Result(2, 5.0, 0.4)))
        for number, (config, loss) in enumerate(zip(configs, losses, strict=True))
    )
    groups = plan.then(trials)
    assert [len(group.configs) for group in groups] == [len(plans.SCHEMES)] * 8
    for group in plan.groups:
        numbers = [configs.index(config) for config in group.configs]
        best = configs[min(numbers, key=lambda number: losses[number])]
        assert len(numbers) == 8 and all(
            any(config.items() >= best.items() for config in again.configs) for again in groups
        )
    assert [{(config["seed"], config["split_seed"]) for config in group.configs} for group in groups] == [
        {(seed, seed)} for seed in range(1, 9)
    ]


# -- what is shipped ---------------------------------------------------------------------------------------------------
class Shipped(NamedTuple):
    """A shipped table with its plan, or the parts of one that is being recorded, put together as far as they are."""

    trials: Trials
    plan: plans.Plan
    about: dict
    card: str


@pytest.fixture(scope="module", params=[*recorded.names(), *(path.name for path in (table.HOME / "parts").glob("*"))])
def shipped(request, tmp_path_factory):
    plan, folder = plans.PLANS[request.param](), table.HOME
    parts = folder / "parts" / plan.name
    if parts.is_dir():
        groups = tuple(group for group in plan.groups if (parts / f"{group.name}.npz").is_file())
        plan, folder = replace(plan, groups=groups), tmp_path_factory.mktemp("parts")
        build.write_table(folder / f"{plan.name}.npz", plan, [table.read(parts / f"{one.name}.npz") for one in groups])
    about = json.loads(str(table.read(folder / f"{plan.name}.npz")["about"]))
    text = (folder / f"{plan.name}.md").read_text(encoding="utf-8")
    return Shipped(recorded.load(plan.name, folder), plan, about, text)


def test_a_shipped_table_is_complete(shipped):
    """Every planned trial is there in its order, with as many epochs as planned unless it diverged or died."""
    trials, plan, planned = shipped.trials, shipped.plan, trials_of(shipped.plan)
    if plan.then is not None:
        planned += [config for group in plan.then(trials[: len(planned)]) for config in group.configs]
    classes = f", {10 - plan.known_classes} of 10 classes" if plan.known_classes else ""
    augmented = ", augmented" if plan.fixed.get("augment") else ""
    assert len(trials) == len(planned) and trials.data == f"CIFAR-10, JPEG copy{classes}{augmented}"
    for trial, config in zip(trials, planned, strict=True):
        assert config.items() >= trial.config.items() and trial.seed == config.get("seed", 0)
        ended = trial.diverged or trial.history[-1].extra["dead"]
        assert ended or trial.budget == config.get("epochs", plan.fixed["epochs"])
        assert all(0 < value < 100 for value in trial.values("seconds"))
        assert all(("score_loss" in result.extra) == ("score_size" in plan.fixed) for result in trial.history)


def test_a_shipped_card_is_that_of_its_table(shipped):
    """Written from the table, diverged and dead trials included, and never edited by hand."""
    assert card.card(shipped.plan, shipped.trials, shipped.about) == shipped.card
    assert len({line.count("|") for line in shipped.card.splitlines() if line.startswith("|")}) == 1


def test_repeated_seeds_of_a_shipped_table_differ(shipped):
    """The same configuration with another seed has another curve."""
    sound = [trial for trial in shipped.trials if not trial.diverged and not trial.history[-1].extra["dead"]]
    curves = {(json.dumps(trial.config, sort_keys=True), tuple(trial.values())) for trial in sound}
    assert len(curves) == len(sound)


def test_every_shipped_table_can_be_searched(shipped):
    """As an objective, in which a recorded trial is what it was."""
    names = shipped.trials[0].config.keys()
    objective = Recorded(shipped.trials.filter(lambda trial: trial.config.keys() == names), noise=None)
    known = next(trial for trial in objective.trials if not trial.diverged)
    seen = {objective.evaluate(known.config, 1, seed).loss for seed in range(20)}
    assert known.history[0].loss in seen and 0.5 < objective.best < 2


# Sweeps whose best rate is the lowest that was tried: their cards say so.
AT_THE_EDGE = {
    "cifar-lenet": [{"l1": l1, "l2": l2, "batch_size": 2} for l1, l2 in ((120, 84), (16, 128), (64, 16), (16, 16))]
}


def test_the_best_learning_rate_lies_inside_the_range(shipped):
    """Of every sweep of eight rates or more, by the best epoch; those where it does not are known and marked."""
    sweeps: dict[str, list[Trial]] = {}
    for trial in shipped.trials:
        if trial.seed == 0:
            own = {key: value for key, value in trial.config.items() if key != "lr"}
            sweeps.setdefault(json.dumps(own), []).append(trial)
    edges = []
    for config, trials in sweeps.items():
        rates = [trial.config["lr"] for trial in trials]
        if len(rates) >= card.SWEEP:  # in a pool each rate is alone
            best = min((trial for trial in trials if trial.sound), key=lambda trial: trial.best_loss).config["lr"]
            edges += [] if min(rates) < best < max(rates) else [json.loads(config)]
    known = AT_THE_EDGE.get(shipped.plan.name, [])
    assert len(edges) == len(known) and all(one.items() >= two.items() for one, two in zip(edges, known, strict=True))
    assert shipped.card.count("**at the edge**") == len(known)


@pytest.mark.parametrize("name", ["cifar-lenet", "cifar-batch-size", "cifar-layerwise", "cifar-finetuning"])
def test_the_best_trial_of_a_table_lies_inside_its_range(name):
    """By the best epoch and by the last one."""
    trials = recorded.load(name)
    rates = [trial.config["lr"] for trial in trials]
    for scope in ("all", "last"):
        assert min(rates) < trials.best(scope=scope).config["lr"] < max(rates)


def test_the_tables_are_small():
    """At most 6 MB together."""
    assert sum(path.stat().st_size for path in table.HOME.rglob("*.npz")) <= 6_000_000


# -- the pools ---------------------------------------------------------------------------------------------------------
def test_the_pool_is_drawn_once():
    """The file holds what was drawn: 576 different configurations inside the space; nothing overwrites it."""
    configs = [config for group in pool.groups() for config in group]
    assert len(configs) == 576 == len({json.dumps(config, sort_keys=True) for config in configs})
    for key, low, high in (("lr", 1e-4, 0.3), ("momentum", 0.5, 0.98), ("weight_decay", 1e-6, 1e-2)):
        values = [config[key] for config in configs]
        assert low <= min(values) and max(values) <= high and len(set(values)) > 500
    assert {config["schedule"] for config in configs} == set(pool.SCHEDULES)
    with pytest.raises(FileExistsError):
        pool.write()


def test_the_conditions_hold_the_same_configurations():
    """Trial for trial: pairs of tables can be compared."""
    augmented, plain, many = (trials_of(plans.PLANS[name]()) for name in ("pool-augmented", "pool-plain", "pool-40k"))
    assert augmented == plain and all(config in plain for config in many) and len(many) == 288


def test_a_table_keeps_both_scores(tmp_path):
    """Loss and accuracy of the score half stand beside those of the validation pictures, epoch by epoch."""
    plan = plans.Plan(
        "both", "Both", "One group.", tiny_table.PLAN.groups[:1], tiny_table.PLAN.fixed | {"score_size": 50}
    )
    trial = built(tmp_path, plan)[0]
    alone = train_cifar({**plan.fixed, **trial.config}, data=tiny_table.pictures(tmp_path), progress=False)
    for ours, theirs in zip(trial.history, alone, strict=True):
        assert ours.extra["score_loss"] == pytest.approx(theirs["score_loss"], rel=1e-4)
        assert ours.extra["score_accuracy"] == theirs["score_accuracy"]
    assert "50 others to score on" in (tmp_path / "both.md").read_text()
