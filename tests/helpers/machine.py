"""A search on a machine of our own that can be killed after any number of steps, and Ray's scheduler as the oracle."""

import math
import random
from types import SimpleNamespace

from ray.tune.schedulers import ASHAScheduler, TrialScheduler

from hpt_lessons.journal import Journal
from hpt_lessons.raytune.adapters import as_ours
from hpt_lessons.search import domains
from hpt_lessons.search.asha import PromotionASHA, StoppingASHA
from hpt_lessons.search.halving import Hyperband, SuccessiveHalving
from hpt_lessons.search.rungs import halving_plan
from hpt_lessons.search.searchers import Listed
from hpt_lessons.study.state import StudyState
from programs.toy_study import EPOCHS, curve

WORKERS = 2
CONFIGS = [{"x": random.Random(n).random(), "y": random.Random(-n).random()} for n in range(1, 11)]
SPACE = {"x": domains.uniform(0, 0.9), "y": domains.uniform(0, 1)}


class Killed(Exception):
    """The process ends here."""


class Machine:
    """Workers, and a disk that outlives them: a search on it can be killed after any number of steps."""

    def __init__(self, folder, make_searcher=lambda: Listed(CONFIGS), make_scheduler=lambda: asha(), num_trials=None):
        self.path, self.make_searcher, self.make_scheduler = folder / "journal.jsonl", make_searcher, make_scheduler
        self.num_trials = num_trials
        self.checkpoints: dict[str, int] = {}
        self.trained: list[tuple[str, int]] = []

    def search(self, seed: int, steps: float = math.inf) -> StudyState:
        """Run until everything has ended or, after so many steps, the kill."""
        order, state = random.Random(seed), self.state()
        state.replay()
        workers = dict.fromkeys(state.running, 0)
        while True:
            while len(workers) < WORKERS and (name := state.next_trial()):
                workers[name] = 0
            if not workers:
                assert state.finished
                return state
            name = order.choice(sorted(workers))
            workers[name] += 1
            if workers[name] > self.checkpoints.get(name, 0):
                self.trained.append((name, workers[name]))
                self.checkpoints[name] = workers[name]
            steps -= 1
            if steps <= 0:
                raise Killed
            if self.report(state, name, workers[name]) != "continue":
                del workers[name]

    def state(self) -> StudyState:
        return StudyState(
            Journal(self.path),
            self.make_searcher(),
            as_ours(self.make_scheduler()),
            EPOCHS,
            fixed={"default": {"x": 0.9, "y": 0.9}},
            num_trials=self.num_trials,
        )

    @staticmethod
    def report(state: StudyState, name: str, epoch: int) -> str:
        loss = curve(state.configs[name], epoch)
        return state.result(name, epoch, {"loss": loss, "diverged": loss >= 1e6})


def asha() -> ASHAScheduler:
    return ASHAScheduler(max_t=EPOCHS, grace_period=1, reduction_factor=3)


def rungs(scheduler) -> list:
    return [(milestone, dict(recorded)) for milestone, recorded in scheduler._brackets[0]._rungs]


def decisions_of_ray(journal) -> tuple[dict, list]:
    """The oracle: Ray's own ASHA, never interrupted, fed with the results in the order of the journal."""
    scheduler, stopped = asha(), {}
    scheduler.set_search_properties("loss", "min")
    for event in Journal(journal).read():
        trial = SimpleNamespace(trial_id=event.get("trial"))
        if event.get("trial") == "default":
            continue
        if event["event"] == "trial":
            scheduler.on_trial_add(None, trial)
        elif event["event"] == "result" and trial.trial_id not in stopped:
            result = {"training_iteration": event["epoch"], "loss": event["loss"]}
            if scheduler.on_trial_result(None, trial, result) == TrialScheduler.STOP:
                stopped[trial.trial_id] = event["epoch"]
    return stopped, rungs(scheduler)


def run_with_kills(machine: Machine, kills: list[int], cuts: list[int]) -> StudyState:
    for number, (steps, cut) in enumerate(zip(kills, cuts, strict=True)):
        try:
            return machine.search(seed=number, steps=steps)
        except Killed:
            # The kill may have hit a write: the end of the last line is missing.
            text = machine.path.read_bytes()
            last = text.rstrip(b"\n").rfind(b"\n") + 1
            machine.path.write_bytes(text[: max(last, len(text) - cut)])
    return machine.search(seed=99)


SCHEDULERS = {
    "Hyperband": lambda: Hyperband(1, EPOCHS, 3),
    "Hyperband in step": lambda: Hyperband(1, EPOCHS, 3, overlap=False),
    "halving": lambda: SuccessiveHalving(halving_plan(15, 1, EPOCHS, 3)),
    "promotion": lambda: PromotionASHA(1, EPOCHS, 3),
    "stopping": lambda: StoppingASHA(1, EPOCHS, 3),
    "no stopping": lambda: None,
}
