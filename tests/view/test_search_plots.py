"""The plots of searches and comparisons say what the table says: read back from their artists, not from pixels."""

import itertools
import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text
from scipy import stats as reference

from helpers.figures import _close, data_name, legend, luminance  # noqa: F401
from hpt_lessons.trials import DIVERGED_LOSS, Result, Trial, Trials
from hpt_lessons.view import plots
from hpt_lessons.view.look.style import COLOURS


def make(name, losses, status="completed", seed=0, data="CIFAR-10", seconds=1.0, extra=None, **config):
    history = tuple(Result(e, loss, 1 / (1 + loss), seconds, extra or {}) for e, loss in enumerate(losses, 1))
    return Trial(name, config or {"lr": 0.1}, seed, data, status, history)


@pytest.fixture
def search():
    """Five trials, one of them diverged, one the untuned default."""
    return Trials(
        [
            make("0001", [2.2, 1.9], lr=1e-3, l1=16, optimizer="sgd"),
            make("0002", [2.1, 1.2], lr=1e-2, l1=64, optimizer="adam"),
            make("0003", [2.3], "stopped", lr=1e-4, l1=4, optimizer="sgd"),
            make("0004", [2.4, DIVERGED_LOSS], "diverged", lr=0.1, l1=256, optimizer="adam"),
            make("default", [2.0, 1.5], lr=2e-3, l1=128, optimizer="sgd"),
        ]
    )


def by_gid(ax, gid):
    """The lines of this name."""
    return [line for line in ax.lines if line.get_gid() == gid]


def points(ax, gid):
    return [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in by_gid(ax, gid)]


def inside_the_figure(ax):
    """Whether every label, legend and text lies inside the drawn figure."""
    figure = ax.figure
    figure.canvas.draw()
    box = figure.bbox.padded(1)
    artists = [ax.xaxis.label, ax.yaxis.label, ax._right_title, ax._left_title, ax.get_legend(), *ax.texts]
    extents = [artist.get_window_extent() for artist in artists if artist is not None]
    return all(box.contains(e.x0, e.y0) and box.contains(e.x1, e.y1) for e in extents if e.width)


# -- incumbents ----------------------------------------------------------------------------------------------------


def mean_line(ax, name):
    (line,) = [line for line in ax.lines if line.get_label() == name]
    return line


def test_the_mean_of_the_best_so_far_is_drawn_over_trials():
    """Against numpy's running minimum."""
    rng = np.random.default_rng(0)
    losses = rng.uniform(1, 3, (6, 8))
    tables = [
        Trials([make(f"{i}", [3.5, loss], lr=float(rng.uniform())) for i, loss in enumerate(row)]) for row in losses
    ]
    ax = plots.incumbents({"random": tables})
    line = mean_line(ax, "random")
    assert list(line.get_xdata()) == list(range(1, 9))
    assert line.get_ydata() == pytest.approx(np.minimum.accumulate(losses, axis=1).mean(axis=0))
    assert line.get_drawstyle() == "steps-post"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("trials", "validation loss per picture (nats),\nbest so far")
    assert legend(ax) == ["random (6 searches)", "95 % interval of the mean\ncovers the draw of the search"]
    assert data_name(ax) == "data: CIFAR-10"
    assert inside_the_figure(ax)


def test_the_band_of_arrays_is_students_interval():
    """Against scipy; in percent for an accuracy; where a search has no result yet nothing is drawn."""
    curves = np.array([[np.nan, 0.4, 0.5], [0.3, 0.5, 0.6], [0.2, 0.45, 0.7]])
    ax = plots.incumbents({"grid": ([10, 20, 30], curves)}, over="seconds", metric="accuracy", data="CIFAR-10")
    line, (lower, upper) = mean_line(ax, "grid"), [line for line in ax.lines if line.get_linewidth() < 1]
    assert list(line.get_xdata()) == [20, 30]
    assert line.get_ydata() == pytest.approx(100 * curves[:, 1:].mean(axis=0))
    low, high = reference.t.interval(0.95, 2, 60, reference.sem([50, 60, 70]))
    assert (lower.get_ydata()[-1], upper.get_ydata()[-1]) == pytest.approx((low, high))
    assert len(ax.collections) == 1
    assert ax.get_xlabel() == "time (s)"


def test_each_method_has_a_colour_a_line_and_a_marker_of_its_own():
    """Those of the course keep their colours in all lessons; a new one gets a colour that is left."""
    curves = ([1, 2], [[2.0, 1.0], [3.0, 1.5]])
    ax = plots.incumbents({"random": curves, "ASHA": curves, "bohb": curves}, default=1.2)
    lines = [mean_line(ax, name) for name in ("random", "ASHA", "bohb")]
    colours = [to_hex(line.get_color()).upper() for line in lines]
    assert (colours[0], colours[2]) == (COLOURS["random"], COLOURS["bohb"])
    for looks in (colours, [line.get_linestyle() for line in lines], [line.get_marker() for line in lines]):
        assert len(set(looks)) == 3
    assert by_gid(ax, "default")[0].get_ydata()[0] == 1.2
    assert "untuned default" in legend(ax)


def test_a_band_that_was_computed_before_is_drawn_as_it_is():
    from hpt_lessons import analysis

    tables = [Trials([make("0", [loss], lr=loss)]) for loss in (1.0, 2.0, 4.0)]
    band = analysis.band(tables, "trials")
    ax = plots.incumbents({"random": band}, data="CIFAR-10")
    assert mean_line(ax, "random").get_ydata() == pytest.approx(band.mean)
    ax = plots.incumbents({"random": tables}, band="searches")
    vertices = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (vertices.min(), vertices.max()) == pytest.approx(tuple(np.quantile([1, 2, 4], [0.1, 0.9])))


def test_one_search_has_no_band(search):
    ax = plots.incumbents({"random": search}, over="epochs")
    assert not ax.collections
    assert legend(ax) == ["random (1 search)"]


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ({}, "there is no method to draw"),
        ({"random": ([1, 2, 3], [[1.0, 2.0]])}, r"'random': places of shape \(3,\) and curves of shape \(1, 2\)"),
        ({"random": "no curves"}, "'random': expected a list of tables of trials, or"),
        ({"random": ([1], [[np.nan]])}, "'random': at no place do all 1 searches have a result"),
        ({"a": Trials([make("0", [1.0])]), "b": Trials([make("0", [1.0], data="digits")])}, "used different data"),
    ],
)
def test_what_is_no_incumbent_is_an_error(methods, message):
    with pytest.raises(ValueError, match=message):
        plots.incumbents(methods)
    with pytest.raises(ValueError, match="over='minutes' is not possible; choose 'trials' or 'epochs' or 'seconds'"):
        plots.incumbents(methods, over="minutes")


# -- shadows -------------------------------------------------------------------------------------------------------


def test_a_grid_casts_three_shadows_and_random_nine():
    """Figure 1 of Bergstra & Bengio, with nine trials each."""
    rng = np.random.default_rng(0)
    grid = [{"lr": lr, "l1": l1} for lr in (1e-4, 1e-3, 1e-2) for l1 in (8, 32, 128)]
    drawn = [{"lr": float(10 ** rng.uniform(-4, -2)), "l1": float(rng.uniform(8, 128))} for _ in range(9)]
    for configs, count in ((grid, 3), (drawn, 9)):
        ax = plots.shadows(configs, "lr", "l1", title="grid" if count == 3 else "random")
        (across,), (up,) = by_gid(ax, "shadows x"), by_gid(ax, "shadows y")
        assert list(across.get_xdata()) == pytest.approx(sorted({config["lr"] for config in configs}))
        assert len(up.get_ydata()) == count
        assert (ax.get_xlabel(), ax.get_ylabel()) == (f"lr ({count} values)", f"l1 ({count} values)")
        dots = ax.lines[0]
        assert list(zip(dots.get_xdata(), dots.get_ydata(), strict=True)) == [(c["lr"], c["l1"]) for c in configs]
        assert ax.get_xlim()[0] < min(across.get_xdata())
    assert to_hex(ax.lines[0].get_color()).upper() == COLOURS["random"]


def test_layouts_side_by_side_have_the_same_limits():
    left, right = plt.subplots(1, 2, sharex=True, sharey=True)[1]
    plots.shadows([{"lr": 1e-4, "l1": 4}, {"lr": 1e-1, "l1": 8}], "lr", "l1", log=True, ax=left)
    plots.shadows([{"lr": 1e-3, "l1": 6}, {"lr": 1e-2, "l1": 64}], "lr", "l1", log=True, ax=right)
    assert left.get_xlim() == right.get_xlim()
    assert left.get_xlim()[0] < 1e-4 < 1e-1 < left.get_xlim()[1]
    assert left.get_ylim()[0] < 4 < 64 < left.get_ylim()[1]


def test_shadows_of_a_table_name_the_data_and_errors_say_what_there_is(search):
    assert data_name(plots.shadows(search, "lr", "optimizer")) == "data: CIFAR-10"
    with pytest.raises(ValueError, match=r"shadows: no configuration has 'l2'; there are lr, l1, optimizer\."):
        plots.shadows(search, "lr", "l2")


# -- parallel coordinates ------------------------------------------------------------------------------------------


def test_each_trial_is_a_line_from_its_values_to_its_loss(search):
    ax = plots.parallel_coordinates(search)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["lr", "l1", "optimizer", "validation loss\n(nats)"]
    lines = {trial.name: by_gid(ax, trial.name)[0].get_ydata() for trial in search}
    decades = {name: math.log10(search[name].config["lr"]) for name in lines}
    assert {name: ys[0] for name, ys in lines.items()} == pytest.approx(
        {name: (decade + 4) / 3 for name, decade in decades.items()}
    )
    assert min(lines, key=lambda name: lines[name][-1]) == "0002"
    assert lines["0004"][-1] == 1, "the diverged one ends at the edge"
    assert (lines["0002"][2] < 0.5) != (lines["0001"][2] < 0.5), "categories have places of their own"
    assert data_name(ax) == "data: CIFAR-10"
    assert inside_the_figure(ax)


def test_the_best_share_the_default_and_the_diverged_differ_without_colour(search):
    ax = plots.parallel_coordinates(search, ["lr", "l1"], share=0.2)
    looks = {
        name: (by_gid(ax, name)[0].get_linewidth(), by_gid(ax, name)[0].get_linestyle())
        for name in ("0002", "0001", "default", "0004")
    }
    assert len(set(looks.values())) == 4
    assert max(looks, key=lambda name: looks[name][0]) == "0002"
    assert legend(ax) == ["best 20\u00a0% (1)", "others (2)", "untuned default", "diverged (1)"]
    (up,) = by_gid(plots.parallel_coordinates(search, ["lr"], metric="accuracy"), "0004")
    assert up.get_ydata()[-1] == 0, "an accuracy is worst at the bottom"


def test_what_has_no_coordinates_is_an_error(search):
    with pytest.raises(ValueError, match="parallel_coordinates: no configuration has 'l2'"):
        plots.parallel_coordinates(search, ["l2"])
    with pytest.raises(ValueError, match="parallel_coordinates: share=2 is not possible"):
        plots.parallel_coordinates(search, share=2)


# -- contours ------------------------------------------------------------------------------------------------------


def plane(lr, l1):
    """A loss that is linear on the scales of the axes, so that any interpolation must reproduce it."""
    return 1.5 + 0.2 * (math.log10(lr) + 3) + 0.1 * math.log2(l1 / 4)


def surface(ax):
    """Levels and the places on each contour line."""
    lines = [found for found in ax.collections if hasattr(found, "levels")][1]  # the first one is filled
    return [
        (level, path.vertices)
        for level, path in zip(lines.levels, lines.get_paths(), strict=True)
        if len(path.vertices)
    ]


@pytest.mark.parametrize("scattered", [False, True])
def test_contours_of_a_plane_lie_where_the_plane_says(scattered):
    """On a full grid and between scattered trials, on logarithmic axes."""
    rng = np.random.default_rng(1)
    places = [(lr, l1) for lr in (1e-4, 1e-3, 1e-2, 1e-1) for l1 in (4, 16, 64, 256)]
    if scattered:
        places = [(10 ** rng.uniform(-4, -1), 4 * 2 ** rng.uniform(0, 6)) for _ in range(40)]
    trials = Trials([make(f"{i}", [2.5, plane(*place)], lr=place[0], l1=place[1]) for i, place in enumerate(places)])
    ax = plots.contour(trials, "lr", "l1", log=True)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    found = surface(ax)
    assert len(found) >= 3
    for level, vertices in found:
        assert [plane(*vertex) for vertex in vertices] == pytest.approx(np.full(len(vertices), level), abs=0.01)
    bar = ax.figure.axes[-1]
    assert bar.get_ylabel() == "validation loss per picture (nats)"
    assert data_name(ax) == "data: CIFAR-10"
    assert inside_the_figure(ax)


def test_trials_at_one_place_count_with_their_mean_or_their_best():
    cells = {(lr, l1): plane(lr, l1) for lr in (1e-3, 1e-2) for l1 in (4, 8)}
    trials = Trials(
        [
            make(f"{place}-{seed}", [loss + seed], seed=seed, lr=place[0], l1=place[1])
            for place, loss in cells.items()
            for seed in (0, 1)
        ]
    )
    for reduce, add in (("mean", 0.5), ("best", 0.0)):
        ax = plots.contour(trials, "lr", "l1", reduce=reduce)
        assert legend(ax) == ["measured (4)", f"best ({min(cells.values()) + add:.3f})"]


def test_where_everything_diverged_the_surface_is_white_and_marked():
    places = [(lr, l1) for lr in (1e-4, 1e-3, 1e-2, 1e-1) for l1 in (4, 16, 64, 256)]
    lost = (1e-1, 256)
    trials = Trials(
        [
            make(f"{i}", [DIVERGED_LOSS if place == lost else plane(*place)], lr=place[0], l1=place[1])
            for i, place in enumerate(places)
        ]
    )
    ax = plots.contour(trials, "lr", "l1", log=True)
    assert "diverged (1)" in legend(ax)
    assert [line.get_marker() for line in ax.lines if line.get_label() == "diverged (1)"] == ["^"]
    for _, vertices in surface(ax):
        assert not any(x > 1.1e-2 and y > 70 for x, y in vertices)


def test_what_has_no_plane_is_an_error(search):
    with pytest.raises(ValueError, match="contour: no configuration has 'l2'"):
        plots.contour(search, "lr", "l2")
    with pytest.raises(ValueError, match="contour: 'optimizer' has values that are no numbers"):
        plots.contour(search, "lr", "optimizer")
    with pytest.raises(ValueError, match="three of them must lie off one line"):
        plots.contour(search[:2], "lr", "l1")
    with pytest.raises(ValueError, match="reduce='median' is not possible; choose 'mean' or 'best'"):
        plots.contour(search, "lr", "l1", reduce="median")


# -- importance ----------------------------------------------------------------------------------------------------


def test_the_most_important_is_at_the_top_with_its_interval():
    ax = plots.importance({"l1": 0.05, "lr": (0.6, 0.5, 0.8), "batch_size": (0.2, 0.1, 0.25)}, data="CIFAR-10")
    assert [text.get_text() for text in ax.get_yticklabels()] == ["lr", "batch_size", "l1"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first row is at the top"
    (container,) = ax.containers
    assert list(container.lines[0].get_xdata()) == [0.05, 0.6, 0.2]
    ends = [segment[:, 0] for segment in container.lines[2][0].get_segments()]
    assert np.array(ends) == pytest.approx(np.array([[0.05, 0.05], [0.5, 0.8], [0.1, 0.25]]))
    assert (ax.get_xlabel(), data_name(ax)) == ("share of the variance (not normalised)", "data: CIFAR-10")


def test_one_line_stands_at_nothing(search):
    """That of the number 0: the axis has none of its own."""
    for numbers in ({"lr": 0.5, "l1": 0.1}, {"lr": 0.5, "l1": -0.1}):
        ax = plots.importance(numbers)
        assert not ax.spines["left"].get_visible()
        assert [list(line.get_xdata()) for line in ax.lines if line.get_color() == "black"] == [[0, 0]]


def test_two_regions_stand_side_by_side_and_have_a_legend():
    ax = plots.importance({"all trials": {"lr": 0.6, "l1": 0.1}, "best quarter": {"lr": 0.2, "l1": 0.15}})
    assert legend(ax) == ["all trials", "best quarter"]
    first, second = (container.lines[0] for container in ax.containers)
    assert first.get_marker() != second.get_marker()
    rows = list(zip(first.get_ydata(), second.get_ydata(), strict=True))
    assert all(round(one) == round(other) and one != other for one, other in rows)
    assert inside_the_figure(ax)


@pytest.mark.parametrize("wrong", [(0.5, 0.6, 0.7), (0.5, 0.1), math.nan])
def test_an_importance_outside_its_interval_is_an_error(wrong):
    with pytest.raises(ValueError, match=r"importance, 'lr': .* is no number with its interval"):
        plots.importance({"lr": wrong})
    with pytest.raises(ValueError, match="importance: there is no hyperparameter to draw"):
        plots.importance({})


# -- differences of pairs ------------------------------------------------------------------------------------------


def seeds(losses, **config):
    return Trials([make(f"{i}", [loss], seed=seed, **config) for i, (seed, loss) in enumerate(losses.items())])


def test_pairs_are_matched_by_seed_and_their_mean_has_students_interval():
    """In any order of the tables; against scipy's paired t test."""
    first, second = {3: 1.5, 1: 1.2, 2: 1.4, 7: 1.1}, {1: 1.0, 2: 1.5, 7: 1.0, 3: 1.2}
    ax = plots.paired_differences(seeds(first, factor=1.0), seeds(second, factor=2.6), names=("same", "layer-wise"))
    expected = {seed: second[seed] - first[seed] for seed in sorted(first)}
    assert list(by_gid(ax, "pairs")[0].get_ydata()) == pytest.approx(list(expected.values()))
    assert [text.get_text() for text in ax.get_xticklabels()][:4] == ["1", "2", "3", "7"]
    (mean,) = ax.containers
    low, high = reference.ttest_1samp(list(expected.values()), 0).confidence_interval(0.95)
    assert mean.lines[2][0].get_segments()[0][:, 1] == pytest.approx([low, high])
    assert ax.get_ylabel() == "validation loss per picture (nats),\nlayer-wise minus same"
    assert ax.get_title(loc="left") == "below 0: layer-wise is better"
    assert data_name(ax) == "data: CIFAR-10"
    assert inside_the_figure(ax)


def test_hyperparameters_that_both_sides_share_belong_to_the_pair():
    """Three learning rates with each batch size: a pair has the same learning rate, and only the batch size differs."""
    table = {
        size: Trials([make(f"{lr}", [lr + size], lr=lr, batch_size=size) for lr in (0.1, 0.2, 0.4)]) for size in (2, 8)
    }
    ax = plots.paired_differences(table[2], table[8])
    assert by_gid(ax, "pairs")[0].get_ydata() == pytest.approx([6, 6, 6])


def test_a_pair_with_a_diverged_run_is_left_out_and_counted():
    first, second = seeds({0: 1.0, 1: 1.1, 2: 1.2}, f=1), seeds({0: 1.1, 1: DIVERGED_LOSS, 2: 1.1}, f=2)
    ax = plots.paired_differences(first, second, metric="accuracy")
    assert len(by_gid(ax, "pairs")[0].get_ydata()) == 2
    assert ax.get_xlabel() == "seed of the pair; 1 pair diverged"
    assert "percentage points" in ax.get_ylabel()
    assert ax.get_title(loc="left").startswith("above 0")


def test_runs_without_a_partner_are_an_error():
    with pytest.raises(ValueError, match=r"2 run\(s\) have no partner, .* \(0, None\)"):
        plots.paired_differences(seeds({0: 1.0, 1: 1.0}, f=1), seeds({1: 1.0, 2: 1.0}, f=2))
    twice = Trials([make("a", [1.0], f=1, lr=1), make("b", [1.2], f=1, lr=2)])
    with pytest.raises(ValueError, match="'a' and 'b' have the same seed"):
        plots.paired_differences(twice, seeds({0: 1.0}, f=2, lr=1))
    with pytest.raises(ValueError, match="1 of 1 pairs have a sound loss on both sides"):
        plots.paired_differences(seeds({0: 1.0}, f=1), seeds({0: 1.0}, f=2))
    with pytest.raises(ValueError, match="used different data"):
        plots.paired_differences(seeds({0: 1.0}), Trials([make("0", [1.0], data="digits")]))


# -- Gantt chart ---------------------------------------------------------------------------------------------------


def timed(name, stretches, status="completed", loss=1.0, **config):
    """A trial whose epochs ran at these (worker, start, end)."""
    history = tuple(Result(e, loss, 0.5, end - start, {"worker": worker, "start": start, "end": end})
                    for e, (worker, start, end) in enumerate(stretches, 1))  # fmt: skip
    return Trial(name, config or {"lr": 0.1}, 0, "CIFAR-10", status, history)


@pytest.fixture
def clock():
    """Two workers: one trial to the end, one cut after an epoch, one paused and gone on elsewhere."""
    return Trials([
        timed("0001", [(0, 0, 10), (0, 10, 20)], loss=1.2),
        timed("0002", [(1, 0, 8)], "stopped", loss=2.0),
        timed("0003", [(1, 8, 18), (0, 30, 40)], loss=1.0),
    ])  # fmt: skip


def bars(ax, name):
    found = [patch for patch in ax.patches if patch.get_gid() == name]
    return [(round(bar.get_y() + bar.get_height() / 2), bar.get_x(), bar.get_x() + bar.get_width()) for bar in found]


def test_each_stretch_of_work_is_a_bar_on_its_worker(clock):
    """Epochs that follow each other are one bar; a trial that was paused has two."""
    ax = plots.gantt(clock)
    assert bars(ax, "0001") == [(0, 0, 20)]
    assert bars(ax, "0002") == [(1, 0, 8)]
    assert bars(ax, "0003") == [(1, 8, 18), (0, 30, 40)]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["worker 0", "worker 1"]
    assert ax.get_xlabel() == "time (s)"
    assert data_name(ax) == "data: CIFAR-10"
    assert inside_the_figure(ax)


def test_who_was_cut_is_marked_where_it_was_cut(clock):
    ax = plots.gantt(clock)
    ((x, y),) = points(ax, "stopped")
    assert (x, round(y)) == (8, 1)
    assert legend(ax) == ["best last loss: 0003 (1.000)", "all its epochs (2)", "stopped early (1)"]
    faces = {patch.get_gid(): to_hex(patch.get_facecolor()).upper() for patch in ax.patches}
    assert (faces["0003"], faces["0002"]) == (COLOURS["best"], "#FFFFFF")


def test_long_searches_are_in_minutes_or_hours():
    for seconds, label, end in ((600, "time (min)", 10), (36000, "time (h)", 10)):
        ax = plots.gantt(Trials([timed("a", [(0, 0, seconds)])]))
        assert ax.get_xlabel() == label
        assert bars(ax, "a") == [(0, 0, end)]


def test_without_a_clock_there_is_no_gantt_chart(search, clock):
    with pytest.raises(ValueError, match=r"gantt: trial '0001', epoch 1, has no 'start' in its extra\. Replay"):
        plots.gantt(search)
    with pytest.raises(ValueError, match="gantt: no trial has a result"):
        plots.gantt(Trials([make("a", [], "running")]))


# -- Pareto front --------------------------------------------------------------------------------------------------


def test_the_front_is_drawn_as_stairs_over_the_costs():
    trials = Trials(
        [
            make(name, [loss], seconds=seconds, lr=0.1)
            for name, loss, seconds in (("cheap", 2.0, 1.0), ("bad", 2.5, 2.0), ("good", 1.0, 3.0), ("dear", 1.5, 9.0))
        ]
    )
    ax = plots.pareto(trials, metric="loss")
    (stairs,) = by_gid(ax, "front")
    assert list(zip(stairs.get_xdata(), stairs.get_ydata(), strict=True)) == [(1, 2.0), (3, 1.0), (9, 1.0)]
    assert points(ax, "dear") == [(9, 1.5)]
    assert by_gid(ax, "good")[0].get_marker() != by_gid(ax, "dear")[0].get_marker()
    assert [text.get_text() for text in ax.texts] == ["cheap", "good"]
    assert legend(ax) == ["Pareto front (2)", "others (2)"]
    assert ax.get_xlabel() == "training time of one worker (s)"
    assert inside_the_figure(ax)


@pytest.mark.parametrize("metric", ["loss", "accuracy"])
def test_names_on_the_front_are_all_there_and_do_not_run_into_each_other(metric):
    """Of three points almost at one place, at the left edge, and of a dear one."""
    costs = {"cheap": (0.5, 5.0), "hardly dearer": (0.6, 4.98), "and this": (0.7, 4.97), "dear": (9.0, 1.0)}
    ax = plots.pareto(
        Trials([make(name, [loss], seconds=cost) for name, (cost, loss) in costs.items()]), metric=metric, log=False
    )
    assert [text.get_text() for text in ax.texts] == list(costs)
    ax.figure.canvas.draw()
    boxes = [Text.get_window_extent(text) for text in ax.texts]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    assert all(box.x0 >= ax.bbox.x0 - 5 for box in boxes)
    assert ax.get_xlim()[0] == 0, "nothing costs less"
    assert inside_the_figure(ax)


def test_a_long_front_has_no_names():
    many = Trials([make(f"{i}", [9.0 - i], seconds=float(i + 1)) for i in range(9)])
    assert not plots.pareto(many, metric="loss").texts


def test_a_cost_may_be_what_the_trials_say(search):
    """An accuracy is better when higher; the default is a star, a diverged trial stands at the edge."""
    sizes = {"small": (100, 1.0), "large": (200, 0.5), "default": (150, 1.5)}
    trials = Trials(
        [make(name, [loss], extra={"parameters": size}) for name, (size, loss) in sizes.items()]
        + [make("lost", [DIVERGED_LOSS], "diverged", extra={"parameters": 120})]
    )
    ax = plots.pareto(trials, cost="parameters", names=lambda trial: trial.name.upper())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("parameters", "validation accuracy (%)")
    assert points(ax, "large") == [(200, pytest.approx(100 / 1.5))]
    assert [text.get_text() for text in ax.texts] == ["SMALL", "LARGE"]
    assert by_gid(ax, "default")[0].get_marker() == "*"
    assert points(ax, "diverged") == [(120, ax.get_ylim()[0])]
    assert plots.pareto(search, cost="l1").get_xlabel() == "l1"


def test_a_cost_that_nobody_has_is_an_error(search):
    with pytest.raises(ValueError, match="no trial says its 'flops'; choose 'seconds', 'epochs' or one of lr, l1"):
        plots.pareto(search, cost="flops")


# -- levers --------------------------------------------------------------------------------------------------------


def runs(model, tuned, untuned):
    return [
        make(f"{kind}{model}{seed}", [loss], seed=seed, model=model)
        for kind, losses in (("", tuned), ("default-", untuned))
        for seed, loss in enumerate(losses)
    ]


def test_every_run_is_a_dot_and_each_side_has_its_mean_with_its_interval():
    trials = Trials(runs("MLP", [1.0, 1.2, 1.1], [1.5, 1.7, 1.6]) + runs("LeNet", [0.5, 0.7], [0.9]))
    ax = plots.lever_dots(trials, "model", metric="loss")
    assert [text.get_text() for text in ax.get_xticklabels()] == ["MLP", "LeNet"]
    for trial in trials:
        ((x, y),) = points(ax, trial.name)
        assert (round(x), y) == (["MLP", "LeNet"].index(trial.config["model"]), trial.loss)
        assert by_gid(ax, trial.name)[0].get_marker() == ("*" if trial.name.startswith("default") else "o")
    low, high = reference.t.interval(0.95, 2, 1.1, reference.sem([1.0, 1.2, 1.1]))
    ends = [container.lines[2][0].get_segments()[0][:, 1] for container in ax.containers]
    assert any(end == pytest.approx([low, high]) for end in ends)
    assert len(ax.containers) == 4, "a single run has a mean without an interval"
    assert legend(ax)[:2] == ["untuned default (4 runs)", "tuned (5 runs)"]
    assert data_name(ax) == "data: CIFAR-10"
    assert inside_the_figure(ax)


def test_without_a_default_nothing_is_called_tuned():
    ax = plots.lever_dots(Trials([make(f"{seed}", [loss], seed=seed, lr=0.00316228) for seed, loss in enumerate([1, 2])]
                                 + [make("x", [1.0], lr=1e-4)]), "lr")  # fmt: skip
    assert legend(ax)[0] == "all (3 runs)"
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0.00316", "1e-4"]
    assert points(ax, "x")[0][0] == pytest.approx(1, abs=0.1), "in the middle of its group"


def test_groups_may_be_computed_chosen_and_sorted():
    trials = Trials(runs("MLP", [1.0], [1.5]) + runs("LeNet", [0.5, DIVERGED_LOSS], [0.9]))
    ax = plots.lever_dots(
        trials,
        lambda trial: trial.config["model"].lower(),
        order=["lenet", "mlp"],
        untuned=lambda trial: trial.seed == 0,
    )
    assert [text.get_text() for text in ax.get_xticklabels()] == ["lenet", "mlp"]
    assert legend(ax)[0] == "untuned default (4 runs)"
    assert "diverged (1)" in legend(ax)
    assert [y for _, y in points(ax, "diverged")] == [ax.get_ylim()[0]]
    with pytest.raises(ValueError, match="there is no group 'vgg'; there are 'MLP', 'LeNet'"):
        plots.lever_dots(trials, "model", order=["vgg"])
    with pytest.raises(ValueError, match="lever_dots: no configuration has 'modell'"):
        plots.lever_dots(trials, "modell")


# -- all of them ---------------------------------------------------------------------------------------------------


def all_plots(search, clock):
    pairs = seeds({0: 1.0, 1: 1.1}, f=1), seeds({0: 1.1, 1: 1.1}, f=2)
    return {
        "contour": lambda ax: plots.contour(search, "lr", "l1", ax=ax),
        "gantt": lambda ax: plots.gantt(clock, ax=ax),
        "importance": lambda ax: plots.importance({"lr": 0.5}, ax=ax),
        "incumbents": lambda ax: plots.incumbents({"random": search}, ax=ax),
        "learning_curves": lambda ax: plots.learning_curves(search, ax=ax),
        "lever_dots": lambda ax: plots.lever_dots(search, "optimizer", ax=ax),
        "paired_differences": lambda ax: plots.paired_differences(*pairs, ax=ax),
        "parallel_coordinates": lambda ax: plots.parallel_coordinates(search, ax=ax),
        "pareto": lambda ax: plots.pareto(search, ax=ax),
        "shadows": lambda ax: plots.shadows(search, "lr", "l1", ax=ax),
        "show_pictures": lambda ax: plots.show_pictures(np.zeros((2, 8, 8)), ax=ax),
        "slices": lambda ax: plots.slices(search, ["lr"], axes=ax)[0],
    }


def test_each_plot_draws_on_the_axes_given_and_names_the_data(search, clock):
    made = all_plots(search, clock)
    assert sorted(made) == sorted(plots.__all__)
    for name, draw in made.items():
        figure, ax = plt.subplots()
        assert draw(ax) is ax, name
        assert data_name(ax).startswith("data: "), name
        assert plt.get_fignums() == [figure.number], f"{name} opened another figure"
        plt.close(figure)


@pytest.mark.parametrize(
    ("plot", "arguments"),
    {"shadows": ["lr", "l1"], "parallel_coordinates": [], "contour": ["lr", "l1"], "gantt": [], "pareto": [],
     "paired_differences": [Trials()], "lever_dots": ["lr"]}.items(),
)  # fmt: skip
def test_a_table_without_trials_is_an_error(plot, arguments):
    with pytest.raises(ValueError, match=f"{plot}: the table has no trials"):
        getattr(plots, plot)(Trials(), *arguments)


def looks(ax):
    """Everything that is drawn, by how it looks: colour, and what is seen of it also in grey."""

    def lines():
        for line in ax.lines:
            hollow = line.get_markerfacecolor() in ("white", "#ffffff")
            only_marks = line.get_linestyle() == "None"
            face = line.get_markeredgecolor() if hollow else line.get_markerfacecolor()
            size = line.get_markersize() if line.get_marker() != "None" else 0
            yield (
                face if only_marks else line.get_color(),
                (line.get_marker(), line.get_linestyle(), line.get_linewidth(), size, hollow),
            )

    def bars():
        for bar in ax.patches:
            yield bar.get_facecolor(), (bar.get_hatch(), bar.get_linewidth())

    return {(to_hex(colour), look) for colour, look in [*lines(), *bars()]}


def brightness(colour):
    """As the eye has it: L* of CIELAB, 0 to 100."""
    relative = luminance(colour)
    return 116 * relative ** (1 / 3) - 16 if relative > 0.0089 else 903.3 * relative


def test_in_grey_everything_is_still_told_apart(search, clock):
    """What differs in its colour differs in its brightness, or in marker, line style, width, size or filling."""
    for name, draw in all_plots(search, clock).items():
        for (one, look), (other, same) in itertools.combinations(looks(draw(plt.subplots()[1])), 2):
            if look == same and one != other:
                assert abs(brightness(one) - brightness(other)) > 10, f"{name}: {one} and {other}"


def test_numbers_on_logarithmic_axes_are_as_one_types_them(search):
    """The same in each plot, and as in the widgets: no powers with raised exponents."""
    drawn = [plots.slices(search, ["lr"])[0], plots.contour(search, "lr", "l1"), plots.shadows(search, "lr", "l1")]
    for ax in drawn:
        ax.figure.canvas.draw()
        words = [text.get_text() for text in ax.get_xticklabels()]
        assert words and "1e-4" in words and not any("$" in word for word in words)
    texts = [text.get_text() for text in plots.parallel_coordinates(search, ["lr", "l1"]).texts]
    assert "1e-4" in texts and not any("$" in text for text in texts)


def test_the_source_of_each_plot_can_be_shown(capsys):
    from hpt_lessons.view import show_source

    for name in plots.__all__:
        show_source(getattr(plots, name))
        assert f"def {name}(" in capsys.readouterr().out
