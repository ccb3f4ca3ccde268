"""Architectures: mutation and tournament do what they say, the oldest dies, evolution finds what random does not."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ray import tune
from scipy import stats

from hpt_lessons.search import domains as light
from hpt_lessons.search import nas

SPACE = {"depth": [1, 2, 3], "width": (16, 32), "act": ["relu", "tanh"], "norm": [True, 1, None], "fixed": ["x"]}


def changes(first, second):
    """Names whose choices differ, with True and 1 told apart."""
    return [name for name in first if repr(first[name]) != repr(second[name])]


def test_every_architecture_is_listed_once():
    """3 x 2 x 2 x 3 x 1, constants and Ray's lists included."""
    listed = nas.every(SPACE)
    assert len(listed) == nas.size(SPACE) == 36 == len({repr(architecture) for architecture in listed})
    mixed = {"depth": tune.choice([1, 2, 3]), "width": light.grid_search([16, 32]), "fixed": "relu"}
    assert nas.choices_of(mixed) == {"depth": [1, 2, 3], "width": [16, 32], "fixed": ["relu"]}


def test_random_architectures_are_equally_likely():
    """A chi-square test over all 36."""
    search = nas.RandomArchitectures(SPACE, seed=0)
    counts = Counter(repr(search.ask()) for _ in range(7200))
    assert len(counts) == 36 and stats.chisquare(list(counts.values())).pvalue > 1e-3


@given(seed=st.integers(0, 10**6), start=st.integers(0, 35))
def test_a_mutation_changes_exactly_one_choice(seed, start):
    """To another choice of the same name; the parent stays as it was."""
    parent = nas.every(SPACE)[start]
    copy = dict(parent)
    child = nas.mutate(parent, SPACE, np.random.default_rng(seed))
    assert parent == copy and len(changes(parent, child)) == 1
    assert repr(child) in {repr(architecture) for architecture in nas.every(SPACE)}


def test_every_neighbour_can_be_reached():
    """Of depth 1 two, of width one, of activation one, of norm two: six, the names equally likely."""
    rng, parent = np.random.default_rng(0), nas.every(SPACE)[0]
    children = [nas.mutate(parent, SPACE, rng) for _ in range(4000)]
    assert len({repr(child) for child in children}) == 6
    names = Counter(changes(parent, child)[0] for child in children)
    assert stats.chisquare(list(names.values())).pvalue > 1e-3 and len(names) == 4


def test_a_space_without_a_choice_cannot_mutate():
    """It gives the architecture back, as a copy."""
    only = {"a": "x"}
    child = nas.mutate(only, {"a": ["x"]}, np.random.default_rng(0))
    assert child == only and child is not only


@pytest.mark.parametrize("sample_size", [1, 3, 10])
def test_a_tournament_is_won_with_the_known_probability(sample_size):
    """The k-th best of n wins with ((n - k + 1)^s - (n - k)^s) / n^s, drawn with replacement."""
    losses = [0.5, 0.1, 0.9, 0.3, math.nan]  # ranks 3, 1, 4, 2, 5
    rng = np.random.default_rng(0)
    wins = Counter(nas.tournament(losses, sample_size, rng) for _ in range(6000))
    for index, rank in enumerate([3, 1, 4, 2, 5]):
        chance = ((6 - rank) ** sample_size - (5 - rank) ** sample_size) / 5**sample_size
        assert wins[index] / 6000 == pytest.approx(chance, abs=0.025)


def test_the_oldest_dies_however_good_it_is():
    """Ageing, the one rule of the paper: the best member is gone after as many children as the population has."""
    for dies, kept in (("oldest", [0.9, 0.8, 0.7]), ("worst", [0.0, 0.8, 0.7])):
        search = nas.Evolution(SPACE, population=3, sample_size=2, dies=dies, seed=0)
        for loss in (0.0, 1.0, math.nan, 0.9, 0.8, 0.7):
            search.tell(search.ask(), 1, loss)
        assert [loss for _, loss in search.members] == kept


def test_children_descend_from_the_population():
    """Once it is complete every proposal is one change away from a member, and from the best when all are asked."""
    search = nas.Evolution(SPACE, population=4, sample_size=200, seed=0)
    for loss in (0.3, 0.1, 0.4, 0.2):
        search.tell(search.ask(), 1, loss)
    best = search.members[1][0]
    assert all(len(changes(best, search.ask())) == 1 for _ in range(50))


def test_the_same_seed_gives_the_same_search_and_many_may_ask_at_once():
    """Twelve workers ask before the first result: random ones come."""

    def search(seed):
        found = nas.Evolution(SPACE, population=5, sample_size=2, seed=seed)
        first = [found.ask() for _ in range(12)]
        for number, architecture in enumerate(first):
            found.tell(architecture, 1, float(number % 7))
        return [*first, *(found.ask() for _ in range(5))]

    assert [repr(a) for a in search(1)] == [repr(a) for a in search(1)] != [repr(a) for a in search(2)]


def test_evolution_beats_random_search_where_neighbours_are_alike():
    """Ten choices of four that add up: the best of 200 proposals, mean over 20 seeds."""
    space = {f"layer{i}": [0, 1, 2, 3] for i in range(10)}
    best = {}
    for name, make in (("random", nas.RandomArchitectures), ("evolution", nas.Evolution)):
        found = []
        for seed in range(20):
            search, losses = make(space, seed=seed), []
            for _ in range(200):
                architecture = search.ask()
                losses.append(30 - sum(architecture.values()))
                search.tell(architecture, 1, losses[-1])
            found.append(min(losses))
        best[name] = np.mean(found)
    assert best["evolution"] < 0.6 * best["random"]


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.3, math.nan]), st.sampled_from([1.0, 2.0, 3.0, math.nan]))))
def test_the_front_is_what_nobody_beats(pairs):
    """Against the definition, pair by pair, with ties and gaps."""
    accuracies, costs = [list(column) for column in zip(*pairs, strict=True)] if pairs else ([], [])

    def beaten(i):
        return any(a >= pairs[i][0] and c <= pairs[i][1] and (a, c) != pairs[i] for a, c in pairs)

    sound = [i for i, pair in enumerate(pairs) if not any(map(math.isnan, pair))]
    front = nas.pareto_front(accuracies, costs)
    assert sorted(front) == [i for i in sound if not beaten(i)]
    assert [costs[i] for i in front] == sorted(costs[i] for i in front)


def test_mistakes_are_named():
    """An infinite domain, an empty list, an empty space, unequal lists, numbers that make no sense."""
    for wrong, says in [
        ({"width": tune.uniform(0, 1)}, "'width'.*no finite list"),
        ({"width": []}, "'width'.*empty"),
        ({}, "dictionary of names"),
    ]:
        with pytest.raises(ValueError, match=rf"(?s){says}"):
            nas.Evolution(wrong)
    for options in ({"population": 0}, {"sample_size": 0}, {"dies": "best"}):
        with pytest.raises(ValueError, match="expected"):
            nas.Evolution(SPACE, **options)
    with pytest.raises(ValueError, match="one of each"):
        nas.pareto_front([0.1], [1, 2])
