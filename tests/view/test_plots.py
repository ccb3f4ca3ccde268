"""The plots show what the table says: read back from their artists, not from pixels."""

import math
import subprocess
import sys
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from helpers.figures import _close, data_name, legend, luminance  # noqa: F401
from hpt_lessons.analysis import mean_interval
from hpt_lessons.trials import DIVERGED_LOSS, Result, Trial, Trials
from hpt_lessons.view.look import style
from hpt_lessons.view.look.style import COLOURS
from hpt_lessons.view.plots import learning_curves, show_pictures, slices


def make(name, losses, status="completed", seed=0, **config):
    history = tuple(
        Result(e, loss, 0.0 if loss == DIVERGED_LOSS else 1 / (1 + loss), 1.0) for e, loss in enumerate(losses, 1)
    )
    return Trial(name, {"lr": 0.1} | config, seed, "CIFAR-10", status, history)


@pytest.fixture
def search():
    """Six trials: two completed, one cut after one epoch, one after two, one diverged, one failed."""
    return Trials(
        [
            make("0001", [2.2, 1.9, 1.7, 1.6], lr=1e-3, l1=16, optimizer="sgd"),
            make("0002", [2.1, 1.6, 1.3, 1.2], lr=1e-2, l1=64, optimizer="adam"),
            make("0003", [2.3], "stopped", lr=1e-4, l1=4, optimizer="sgd"),
            make("0004", [2.2, 2.0], "stopped", lr=2e-4, l1=8, optimizer="sgd"),
            make("0005", [2.4, DIVERGED_LOSS], "diverged", lr=0.1, l1=256, optimizer="adam"),
            make("0006", [2.0, 1.8], "failed", lr=3e-2, l1=16, optimizer="adam"),
        ]
    )


def curve(ax, name):
    (line,) = [line for line in ax.lines if line.get_label() == name]
    return line


def marks(ax, status):
    """The places of the marks of this kind."""
    return [(line.get_xdata()[0], line.get_ydata()[0]) for line in ax.lines if line.get_gid() == status]


# -- learning curves -----------------------------------------------------------------------------------------------


def test_every_trial_has_its_curve(search):
    """Epochs and losses as in the table; of the diverged one what came before."""
    ax = learning_curves(search)
    for trial in search:
        line = curve(ax, trial.name)
        assert list(line.get_xdata()) == [result.epoch for result in trial.sound]
        assert list(line.get_ydata()) == [result.loss for result in trial.sound]


def test_the_ends_are_marked_where_they_are(search):
    ax = learning_curves(search)
    assert marks(ax, "stopped") == [(1, 2.3), (2, 2.0)], "also of a trial of one epoch, which has no line to see"
    assert marks(ax, "completed") == [(4, 1.6), (4, 1.2)]
    assert marks(ax, "failed") == [(2, 1.8)]
    assert marks(ax, "diverged") == [(2, ax.get_ylim()[1])], "at the top edge, at the epoch of the divergence"
    shapes = {line.get_gid(): line.get_marker() for line in ax.lines if line.get_gid()}
    assert len(set(shapes.values())) == len(shapes) == 4


def test_divergence_does_not_set_the_scale(search):
    """The other curves fill the plot as if the diverged trial were not there."""
    with_it = learning_curves(search).get_ylim()
    assert with_it[0] < 1.2
    assert 2.4 < with_it[1] < 3


def test_a_very_bad_start_does_not_flatten_the_others():
    """A loss of 400 in one epoch is cut off; its end mark, if it ends there, stands at the edge."""
    trials = Trials([make("a", [400.0], "stopped"), make("b", [2.0, 1.5, 1.2]), make("c", [2.1, 1.6, 1.1])])
    ax = learning_curves(trials)
    assert ax.get_ylim()[1] < 10
    assert marks(ax, "stopped") == [(1, ax.get_ylim()[1])]


@pytest.mark.parametrize("losses", [[-0.9, -0.7, -0.5], [-3.0, -2.0, 400.0], [-1.5, 0.0, 0.5], [0.0, 0.0]])
def test_losses_below_zero_are_drawn_the_right_way_up(losses):
    """Other losses than ours, such as that of a density, may be negative: the best end is lowest, inside the plot."""
    trials = Trials([make(str(index), [loss]) for index, loss in enumerate(losses)])
    ax = learning_curves(trials)
    low, high = ax.get_ylim()
    assert low < min(losses) <= np.median(losses) < high
    assert high < 100, "and a loss far off still does not set the scale"
    assert [y for _, y in marks(ax, "completed")] == [min(loss, high) for loss in losses]


def test_the_best_stands_out_in_colour_and_width(search):
    ax = learning_curves(search)
    best, other = curve(ax, "0002"), curve(ax, "0001")
    assert to_hex(best.get_color()).upper() == COLOURS["best"]
    assert best.get_linewidth() > 2 * other.get_linewidth()
    assert best.get_zorder() > other.get_zorder()
    assert legend(ax)[0] == "best last loss: 0002 (1.200)"


def test_the_best_is_the_one_with_the_best_end():
    """Not the one that was best on the way and overfitted: its weights of then are gone."""
    trials = Trials([make("overfits", [2.0, 0.5, 1.5]), make("steady", [2.0, 1.4, 1.0], lr=0.2)])
    assert legend(learning_curves(trials))[0] == legend(slices(trials)[0])[0] == "best last loss: steady (1.000)"


def test_another_trial_can_be_emphasised(search):
    """By name or as a trial; a diverged one shows its last sound loss."""
    for best in ("0005", search["0005"]):
        ax = learning_curves(search, best=best)
        assert curve(ax, "0005").get_linewidth() > curve(ax, "0002").get_linewidth()
        assert legend(ax)[0] == "0005 (2.400)"


def test_the_legend_counts(search):
    assert legend(learning_curves(search))[1:] == ["completed (2)", "stopped early (2)", "diverged (1)", "failed (1)"]


def test_the_axes_say_what_they_are(search):
    ax = learning_curves(search)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "validation loss per picture (nats)")
    assert data_name(ax) == "data: CIFAR-10"
    ticks = [tick for tick in ax.get_xticks() if ax.get_xlim()[0] <= tick <= ax.get_xlim()[1]]
    assert ticks == [1, 2, 3, 4]


def test_accuracy_is_in_percent_and_divergence_at_the_bottom(search):
    ax = learning_curves(search, metric="accuracy")
    assert ax.get_ylabel() == "validation accuracy (%)"
    assert list(curve(ax, "0002").get_ydata()) == pytest.approx([100 / (1 + loss) for loss in (2.1, 1.6, 1.3, 1.2)])
    assert marks(ax, "diverged") == [(2, ax.get_ylim()[0])]
    assert ax.get_ylim()[0] > 20, "the accuracy of 0 of the diverged trial does not set the scale"


def test_one_epoch_is_one_tick():
    ax = learning_curves(Trials([make("a", [2.0]), make("b", [2.1], "stopped")]))
    assert [tick for tick in ax.get_xticks() if ax.get_xlim()[0] <= tick <= ax.get_xlim()[1]] == [1]


def test_the_untuned_default_is_dashed():
    trials = Trials([make("0001", [2.0, 1.0]), make("default", [2.0, 1.5])])
    ax = learning_curves(trials)
    assert curve(ax, "default").get_linestyle() == "--"
    assert "untuned default" in legend(ax)


def test_repeats_have_the_interval_of_their_mean():
    """A band from Student's interval at each epoch that all seeds reached; none without repeats."""
    losses = {0: [2.0, 1.5, 1.2], 1: [2.1, 1.6], 2: [2.2, 1.4, 1.1]}
    trials = Trials([make(f"s{seed}", curve, seed=seed) for seed, curve in losses.items()] + [make("x", [3.0], lr=9)])
    ax = learning_curves(trials)
    (band,) = ax.collections
    vertices = band.get_paths()[0].vertices
    for epoch in (1, 2):
        low, high = mean_interval([losses[seed][epoch - 1] for seed in losses])
        ys = vertices[vertices[:, 0] == epoch][:, 1]
        assert (ys.min(), ys.max()) == pytest.approx((low, high))
    assert vertices[:, 0].max() == 2
    assert "95 % interval of the\nmean over seeds" in legend(ax)
    assert not learning_curves(trials[2:]).collections


def test_a_seed_in_the_configuration_makes_no_other_configuration():
    """Where the search passes the seed to the training as a setting, repeats are repeats all the same."""
    runs = [make(f"s{seed}", losses) for seed, losses in enumerate([[2.0, 1.5], [2.1, 1.6]])]
    trials = Trials(replace(trial, config={"lr": 0.1, "seed": seed}) for seed, trial in enumerate(runs))
    assert len(learning_curves(trials).collections) == 1
    assert "95 % interval of the\nmean over seeds" in legend(slices(trials)[0])


@pytest.mark.parametrize(
    "trials", [Trials(), Trials([make("a", [], "running")]), Trials([make("a", [DIVERGED_LOSS], "diverged")])]
)
def test_a_search_without_a_sound_result_still_has_a_plot(trials):
    """It may be looked at while it begins, or after everything went wrong."""
    ax = learning_curves(trials)
    assert all(map(math.isfinite, ax.get_ylim()))
    assert len(marks(ax, "diverged")) == sum(bool(trial.history) for trial in trials)


def test_axes_of_ones_own_are_used(search):
    figure, (left, right) = plt.subplots(1, 2)
    assert learning_curves(search, ax=left) is left
    assert list(slices(search, ["lr"], axes=right)) == [right]
    assert len(figure.axes) == 2
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("plot", [learning_curves, slices])
def test_what_cannot_be_plotted_is_an_error_that_says_why(search, plot):
    with pytest.raises(ValueError, match="metric='los' is not possible; choose 'loss' or 'accuracy'"):
        plot(search, metric="los")
    other = Trial("x", {"lr": 1.0}, 0, "stand-in", "completed", (Result(1, 2.0, 0.1),))
    with pytest.raises(ValueError, match="different data"):
        plot(Trials([*search, other]))


# -- slices --------------------------------------------------------------------------------------------------------


def dots(ax, search):
    """Place and look of each trial's dot."""
    names = {trial.name for trial in search}
    return {line.get_gid(): line for line in ax.lines if line.get_gid() in names}


def test_each_hyperparameter_that_differs_has_a_panel(search):
    axes = slices(search)
    assert [ax.get_xlabel() for ax in axes] == ["lr", "l1", "optimizer"]
    assert len({ax.get_ylim() for ax in axes}) == 1
    assert axes[0].get_ylabel() == "validation loss per picture (nats)"
    assert [data_name(ax) for ax in axes] == ["", "", "data: CIFAR-10"]


def test_each_trial_is_where_its_value_and_its_last_loss_are(search):
    lr, l1, optimizer = slices(search)
    for ax, key in ((lr, "lr"), (l1, "l1")):
        for name, dot in dots(ax, search).items():
            assert dot.get_xdata()[0] == search[name].config[key]
            assert dot.get_ydata()[0] == search[name].loss
    assert [text.get_text() for text in optimizer.get_xticklabels()] == ["adam", "sgd"]
    for name, dot in dots(optimizer, search).items():
        assert round(dot.get_xdata()[0]) == ["adam", "sgd"].index(search[name].config["optimizer"])


def test_an_accuracy_is_drawn_in_percent(search):
    """Dots, the default's line and the bar of repeats, on the scale that the axis names."""
    repeats = [make(f"s{seed}", [loss, loss], seed=seed, lr=0.5) for seed, loss in enumerate([1.0, 3.0])]
    trials = Trials([*search, make("default", [2.0, 1.5], lr=0.2), *repeats])
    (ax,) = slices(trials, ["lr"], metric="accuracy")
    assert ax.get_ylabel() == "validation accuracy (%)"
    drawn = {name: dot.get_ydata()[0] for name, dot in dots(ax, trials).items()}
    assert drawn == pytest.approx({trial.name: 100 / (1 + trial.loss) for trial in trials if trial.name in drawn})
    assert [line.get_ydata()[0] for line in ax.lines if line.get_linestyle() == "--"] == pytest.approx([40])
    assert [bar.lines[0].get_ydata()[0] for bar in ax.containers] == pytest.approx([(50 + 25) / 2])


def test_trials_that_were_cut_are_hollow_and_diverged_ones_at_the_edge(search):
    (ax,) = slices(search, ["lr"])
    faces = {name: to_hex(dot.get_markerfacecolor()) for name, dot in dots(ax, search).items()}
    assert {name for name, face in faces.items() if face == "#ffffff"} == {"0003", "0004", "0006"}
    assert marks(ax, "diverged") == [(0.1, ax.get_ylim()[1])]
    assert ax.get_ylim()[1] < 3
    assert "0005" not in faces
    assert legend(ax) == ["best last loss: 0002 (1.200)", "all its epochs (2)", "fewer epochs (3)", "diverged (1)"]


def test_the_best_is_larger_than_all_others(search):
    (ax,) = slices(search, ["lr"])
    sizes = {name: dot.get_markersize() for name, dot in dots(ax, search).items()}
    assert max(sizes, key=sizes.get) == "0002"
    assert to_hex(dots(ax, search)["0002"].get_markerfacecolor()).upper() == COLOURS["best"]


def scale_of(values, **options):
    trials = Trials([make(str(index), [1.0 + index], x=value) for index, value in enumerate(values)])
    return slices(trials, ["x"], **options)[0].get_xscale()


def test_the_scale_follows_the_values():
    """Two decades are logarithmic, less is linear unless the values crowd at the lower end; a zero cannot be."""
    assert scale_of([1e-4, 1e-3, 0.02, 0.05]) == "log"
    assert scale_of([0.1, 0.3, 0.5]) == "linear"
    assert scale_of([2, 4, 8, 16, 32, 64, 128, 256]) == "log"
    assert scale_of([0.0, 1e-4, 1e-2]) == "linear"
    assert scale_of(np.linspace(0.005, 1, 100)) == "linear", "many uniform draws come close to 0 by themselves"
    assert scale_of(10 ** np.random.default_rng(0).uniform(-4, -1, 100)) == "log"


def test_the_scale_can_be_chosen():
    assert scale_of([0.1, 0.3], log=True) == "log"
    assert scale_of([1e-4, 0.3], log=False) == "linear"
    assert scale_of([0.1, 0.3], log=["x"]) == scale_of([0.1, 0.3], log="x") == "log"
    assert scale_of([1e-4, 0.3], log=["y"]) == "linear"
    with pytest.raises(ValueError, match="'x' has the value 0, and a logarithmic scale has no place for it"):
        scale_of([0.0, 1.0], log=True)


def test_few_whole_numbers_are_their_own_ticks():
    """2, 4, 8, 16, not 2.5, 5, 7.5; where labels would run into each other some are left out."""
    trials = Trials([make(str(index), [1.0 + index], x=value) for index, value in enumerate([2, 4, 8, 16, 16])])
    (ax,) = slices(trials, ["x"])
    assert list(ax.get_xticks()) == [2, 4, 8, 16]
    ax.figure.canvas.draw()
    assert [text.get_text() for text in ax.get_xticklabels()] == ["2", "4", "8", "16"]
    close = Trials([make(str(index), [1.0 + index], x=value) for index, value in enumerate([1, 2, 100])])
    assert list(slices(close, ["x"], log=False)[0].get_xticks()) == [1, 100]


def test_values_of_any_kind_can_be_categories():
    """Booleans, None and lists, mixed with numbers; every trial has its place."""
    values = [True, None, "auto", 3, [1, 2], True]
    trials = Trials([make(str(index), [1.0 + index], x=value) for index, value in enumerate(values)])
    (ax,) = slices(trials, ["x"])
    labels = [text.get_text() for text in ax.get_xticklabels()]
    assert sorted(labels) == sorted(["True", "None", "auto", "3", "[1, 2]"])
    found = dots(ax, trials)
    assert {labels[round(found[str(index)].get_xdata()[0])] for index in (0, 5)} == {"True"}
    assert found["0"].get_xdata()[0] != found["5"].get_xdata()[0], "two trials of one category do not hide each other"


def test_the_untuned_default_is_a_star_and_a_line(search):
    trials = Trials([*search, make("default", [2.0, 1.8, 1.6, 1.5], lr=1e-3, l1=120, optimizer="sgd")])
    for ax in slices(trials):
        star = dots(ax, trials)["default"]
        assert star.get_marker() == "*"
        assert any(list(line.get_ydata()) == [1.5, 1.5] and line.get_linestyle() == "--" for line in ax.lines)


def test_repeats_have_a_bar_at_their_mean():
    losses = [1.0, 1.2, 1.1]
    repeats = [make(f"s{seed}", [loss], seed=seed, x=1) for seed, loss in enumerate(losses)]
    trials = Trials([*repeats, make("y", [2.0], x=2)])
    (ax,) = slices(trials, ["x"])
    (container,) = ax.containers
    (segment,) = container[2][0].get_segments()
    assert segment[:, 1] == pytest.approx(np.array(mean_interval(losses)))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_panels_take_more_room_than_their_legend(count):
    rng = np.random.default_rng(0)
    rows = [make(str(i), [1.0 + i], **{f"p{k}": float(rng.uniform()) for k in range(count)}) for i in range(3)]
    axes = slices(Trials([*rows, replace(rows[0], name="again", seed=1)]))
    axes[0].figure.canvas.draw()
    legend_of = axes[-1].get_legend().get_window_extent()
    assert all(ax.bbox.width > 0.9 * legend_of.width for ax in axes)


def test_many_hyperparameters_go_into_rows():
    rng = np.random.default_rng(0)
    trials = Trials([make(str(i), [1.0 + i], **{f"p{k}": float(rng.uniform()) for k in range(6)}) for i in range(3)])
    axes = slices(trials)
    assert len(axes) == 6
    assert len(axes[0].figure.axes) == 6, "no empty panel"
    assert [bool(ax.get_ylabel()) for ax in axes] == [True, False, False, False, True, False]


def test_a_hyperparameter_that_only_some_trials_have_shows_those():
    trials = Trials([make("a", [1.0], momentum=0.9), make("b", [2.0], momentum=0.5), make("c", [3.0])])
    assert set(dots(slices(trials)[0], trials)) == {"a", "b"}


def test_slices_without_anything_to_show_say_so(search):
    with pytest.raises(ValueError, match=r"no configuration has 'l2'; there are lr, l1, optimizer\."):
        slices(search, ["lr", "l2"])
    with pytest.raises(ValueError, match=r"the configurations do not differ; there are lr, l1, optimizer\."):
        slices(search[:1])
    with pytest.raises(ValueError, match="1 axes are given for 2 hyperparameters"):
        slices(search, ["lr", "l1"], axes=plt.subplots()[1])


# -- pictures ------------------------------------------------------------------------------------------------------


def test_a_sheet_shows_the_first_pictures_over_their_names():
    """In reading order, unscaled, named; the data set's name is there although the axes are off."""
    images = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(20) % 2
    classes = ["cat", "a very long name of a class that goes on"]
    ax = show_pictures(images, labels, classes, rows=2, columns=5, data="CIFAR-10")
    assert len(ax.images) == 10
    assert all(np.array_equal(shown.get_array(), image) for shown, image in zip(ax.images, images, strict=False))
    names = [text.get_text() for text in ax.texts]
    assert names[::2] == ["cat"] * 5
    assert names[1].count("\n") == 1
    assert max(map(len, names[1].split("\n"))) <= 13
    lefts = [shown.get_extent()[0] for shown in ax.images]
    tops = [shown.get_extent()[3] for shown in ax.images]
    assert lefts[:5] == sorted(lefts[:5]) == lefts[5:]
    assert tops[0] == tops[4] > tops[5]
    assert data_name(ax) == "data: CIFAR-10"


def test_grey_pictures_and_shares_can_be_shown():
    """Numbers in 0..1 and pictures of one channel have the full range, whatever the brightest pixel is."""
    ax = show_pictures(np.full((3, 8, 8), 0.5))
    assert len(ax.images) == 3
    assert all(shown.get_clim() == (0, 1) for shown in ax.images)


def test_a_sheet_of_the_wrong_things_is_an_error():
    with pytest.raises(ValueError, match=r"images of shape \(0, 32, 32, 3\)"):
        show_pictures(np.zeros((0, 32, 32, 3)))
    with pytest.raises(ValueError, match="2 labels for 3 pictures"):
        show_pictures(np.zeros((3, 8, 8, 3)), [0, 1])


# -- style ---------------------------------------------------------------------------------------------------------


def test_small_text_is_readable_and_the_best_is_darker_than_the_rest():
    """7 to 1 for text; and in grey the emphasised curve still differs from the others."""
    assert 1.05 / (luminance(COLOURS["text"]) + 0.05) >= 7
    assert luminance(COLOURS["best"]) < luminance(COLOURS["neutral"]) - 0.1


def test_methods_that_share_a_figure_have_colours_of_their_own():
    for methods in (["grid", "random", "random-then-grid"], ["random", "halving", "hyperband", "bohb", "default"]):
        assert len({COLOURS[method] for method in methods}) == len(methods)


def test_the_name_of_the_data_survives_a_title_and_is_written_once():
    ax = plt.subplots()[1]
    style.name_data(ax, "CIFAR-10")
    style.name_data(ax, "CIFAR-10")
    ax.set_title("a title")
    assert data_name(ax) == "data: CIFAR-10"
    assert ax.get_title() == "a title"
    assert not ax.texts
    assert data_name(style.name_data(ax, "")) == "data: not named"


def test_a_figure_is_drawn_on_white_paper_whatever_style_was_used_before():
    """A dark theme turns the finished picture, black of the untuned default and all; it is never drawn dark."""
    plt.style.use("dark_background")
    style.use()
    ax = learning_curves(Trials([make("default", [2.0, 1.5])]))
    assert to_hex(ax.figure.get_facecolor()) == to_hex(ax.get_facecolor()) == "#ffffff"
    for colour in (ax.xaxis.label.get_color(), ax.get_xticklabels()[0].get_color(), ax.spines["left"].get_edgecolor()):
        assert 1.05 / (luminance(colour) + 0.05) > 7
    assert 1.05 / (luminance(ax.get_legend().get_texts()[0].get_color()) + 0.05) > 7


def test_importing_changes_no_setting_and_use_does():
    """A user's own plots look as before until the lessons' look is asked for."""
    code = """
import matplotlib
before = dict(matplotlib.rcParams)
import hpt_lessons.view.plots, hpt_lessons.view.look.style as style
print(dict(matplotlib.rcParams) == before)
style.use()
print(matplotlib.rcParams["figure.figsize"] == list(style.NARROW), matplotlib.rcParams["axes.spines.top"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "False"]


def test_nothing_is_cut_off_or_covers_another(search):
    """Drawn, every label, legend and name lies inside the figure, and the legend beside the curves."""
    trials = Trials([*search, make("default", [2.0, 1.8, 1.6, 1.5], lr=1e-3, l1=120, optimizer="sgd")])
    for ax in (learning_curves(trials), slices(trials)[0], slices(trials, ["lr"])[0]):
        figure = ax.figure
        figure.canvas.draw()
        inside = figure.bbox.padded(1)
        legends = [each.get_legend() for each in figure.axes if each.get_legend()]
        names = [each._right_title for each in figure.axes]
        for artist in [*legends, *names, *(each.xaxis.label for each in figure.axes), ax.yaxis.label]:
            box = artist.get_window_extent()
            assert box.width == 0 or (inside.contains(box.x0, box.y0) and inside.contains(box.x1, box.y1)), artist
        assert not any(legends[0].get_window_extent().overlaps(each.bbox) for each in figure.axes)
