"""Kill a real search with SIGKILL again and again, and look: `python tests/programs/kill_study.py [--kills N]`.

Half of the kills hit the process that runs the search, as a crash of the notebook's kernel would; the others hit it and
all its workers at once, as a power cut would, some of them inside the writing of a checkpoint.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

HERE = Path(__file__).resolve().parent
# Moments at which the kill comes, besides 'after so many epochs': a number stands for seconds after the start.
EARLY, WRITING = "before the first result", "inside a checkpoint write"


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--kills", type=int, default=20)
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument("--kind", choices=CHECKS, default="toy", help="ASHA or BOHB on a toy, or train_cifar")
    options = ask.parse_args()
    kills, problems, seed = 0, [], options.seed
    while kills < options.kills and not problems:
        # A study that comes to its end before all kills is followed by another.
        with tempfile.TemporaryDirectory(prefix="killed-") as folder:
            moments = kill_and_resume(Path(folder), options.kills - kills, seed, options.kind)
            problems = CHECKS[options.kind](Path(folder))
        print("\n".join(moments), flush=True)
        kills += sum(moment.startswith("kill") and "ended" not in moment for moment in moments)
        seed += 1
    fine = "nothing trained twice, nothing lost, every decision as if there had been none"
    print(f"{kills} kills;", "; ".join(problems) or fine)
    return 1 if problems else 0


def kill_and_resume(folder: Path, kills: int, seed: int, kind: str = "toy") -> list[str]:
    """Start, kill, resume, kill, ...; at last let it end. What happened when, in words."""
    rng, moments = random.Random(seed), []
    for number in range(kills):
        moment = (EARLY, WRITING, "after some epochs", "after some epochs")[number % 4]
        search = start(folder, kind)
        wait_for(moment, folder, search, rng)
        if search.poll() is not None:
            moments.append(f"kill {number}: the search had ended before (exit status {search.returncode})")
            break
        everything = moment == WRITING or rng.random() < 0.5
        kill(search, everything)
        moments.append(
            f"kill {number}: {moment}, {'search and workers' if everything else 'the search alone'}, "
            f"{epochs(folder)} epochs in the journal"
        )
    status = start(folder, kind).wait()
    moments.append(f"resumed to the end: exit status {status}, {epochs(folder)} epochs in the journal")
    return moments


def start(folder: Path, kind: str = "toy") -> subprocess.Popen:
    resume = ["--resume"] if journal(folder).exists() else []
    command = [sys.executable, str(HERE / "toy_study.py"), str(folder), *resume, "--kind", kind]
    with open(folder / "output.txt", "ab") as output:
        # Whoever runs the tests in the background has Ctrl-C ignored, and children inherit that.
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            env={**os.environ, "OMP_NUM_THREADS": "1", "KILL_STUDY": str(folder)},
        )


def wait_for(moment: str, folder: Path, search: subprocess.Popen, rng: random.Random) -> None:
    begun, until = epochs(folder), epochs(folder) + rng.randint(1, 5)
    deadline = time.monotonic() + 240
    pause = rng.uniform(0.5, 6) if moment == EARLY else rng.uniform(0, 0.2)
    while search.poll() is None and time.monotonic() < deadline:
        if moment == EARLY:
            break
        if epochs(folder) > begun and moment == WRITING and any((folder / "study" / "trials").glob("*.tmp")):
            return
        if moment == "after some epochs" and epochs(folder) >= until:
            break
        time.sleep(0.002)
    time.sleep(pause)


def kill(search: subprocess.Popen, everything: bool) -> None:
    victims = [psutil.Process(search.pid)]
    if everything:
        victims += psutil.Process(search.pid).children(recursive=True)
    for victim in victims:
        try:
            victim.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
    search.wait()


def journal(folder: Path) -> Path:
    return folder / "study" / "journal.jsonl"


def epochs(folder: Path) -> int:
    return journal(folder).read_text().count('"event": "result"') if journal(folder).exists() else 0


def strays(folder: Path) -> list[str]:
    """Processes of this study that still live: the environment of every one of them names its folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("KILL_STUDY") == str(folder):
                found.append(" ".join(process.cmdline())[:80])
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def check_common(folder: Path) -> list[str]:
    from hpt_lessons.trials import Trials

    problems = []
    deadline = time.monotonic() + 30
    while strays(folder) and time.monotonic() < deadline:
        time.sleep(0.5)
    if strays(folder):
        problems.append(f"stray processes: {strays(folder)}")
    for trial in Trials.read(journal(folder)):
        if trial.status not in ("completed", "stopped", "diverged"):
            problems.append(f"{trial.name} is {trial.status}")
        if [result.epoch for result in trial.history] != list(range(1, trial.budget + 1)):
            problems.append(f"{trial.name} has gaps in its epochs")
    return problems


def check_toy(folder: Path) -> list[str]:
    """What is wrong with the toy study in this folder; nothing, one hopes."""
    sys.path.insert(0, str(HERE.parent))
    from helpers.machine import decisions_of_ray
    from hpt_lessons.trials import Trials
    from programs.toy_study import EPOCHS, TRIALS, curve

    problems, trials = check_common(folder), Trials.read(journal(folder))
    lines = (folder / "log.txt").read_text().split("\n")[:-1]
    problems += [f"trained twice: {line}" for line in sorted({line for line in lines if lines.count(line) > 1})]
    if len(trials) != TRIALS:
        problems.append(f"{len(trials)} trials instead of {TRIALS}")
    stopped, recorded = decisions_of_ray(journal(folder))
    if json.loads(json.dumps(recorded)) != json.loads((folder / "rungs.json").read_text()):
        problems.append("the rungs are not those of a search without kills")
    for trial in trials:
        if trial.budget != (1 if trial.diverged else stopped.get(trial.name, EPOCHS)):
            problems.append(f"{trial.name} ended after {trial.budget} epochs")
        if any(result.loss != curve(trial.config, result.epoch) for result in trial.history):
            problems.append(f"{trial.name} has losses of another trial")
    return problems


def check_bohb(folder: Path) -> list[str]:
    """What is wrong with the toy study with BOHB: its model must know what the trials reported where they were sent."""
    sys.path.insert(0, str(HERE.parent))
    from hpt_lessons.journal import Journal
    from hpt_lessons.trials import Trials
    from programs.toy_study import TRIALS

    problems, trials = check_common(folder), {trial.name: trial for trial in Trials.read(journal(folder))}
    lines = (folder / "log.txt").read_text().split("\n")[:-1]
    problems += [f"trained twice: {line}" for line in sorted({line for line in lines if lines.count(line) > 1})]
    events = Journal(journal(folder)).read()
    sent = {(event["trial"], event["to"]) for event in events if event["event"] in ("trial", "goes on")}
    told = {tuple(result) for result in json.loads((folder / "told.json").read_text())}
    # The checkpoints, not the log: a kill may have come between the two.
    reached = {name: len(json.loads((folder / "study" / "trials" / f"{name}.pt").read_text())) for name in trials}
    if len(trials) != TRIALS or told != {
        (name, to) for name, to in sent if trials[name].diverged or reached[name] >= to
    }:
        problems.append(f"{len(trials)} trials; the model was told {sorted(told)}, trials were sent to {sorted(sent)}")
    # Twenty trials: 9, 3, 1 then 3, 1 then 3, and of the next round 5 of 9 with 1 and 1, or fewer where some diverged.
    counts = [sum(budget == rung for _, budget in told) for rung in (1, 3, 9)]
    if counts[0] != 9 + 5 or not 3 <= counts[2] <= 1 + 1 + 3 + 1:
        problems.append(f"the rungs hold {counts} trials")
    return problems


def check_cifar(folder: Path) -> list[str]:
    """What is wrong with the study of train_cifar in this folder: its epochs must be those of undisturbed trainings."""
    sys.path.insert(0, str(HERE.parent))
    from hpt_lessons.cifar import checkpoint
    from hpt_lessons.cifar.data import open_data
    from hpt_lessons.cifar.training import train_cifar
    from hpt_lessons.trials import Trials
    from programs.toy_study import CIFAR_OPTIONS

    problems, trials = check_common(folder), Trials.read(journal(folder))
    data = open_data(folder / "data")
    if len(trials) != 7:
        problems.append(f"{len(trials)} trials instead of 6 and the untuned default")
    for trial in trials:
        kept = checkpoint.load(folder / "study" / "trials" / f"{trial.name}.pt")["history"]
        # An epoch that had been trained a second time would have taken other seconds than the journal says.
        if [entry["seconds"] for entry in kept[: trial.budget]] != [result.seconds for result in trial.history]:
            problems.append(f"{trial.name}: an epoch was trained twice")
        whole = train_cifar({**CIFAR_OPTIONS, "epochs": trial.budget, **trial.config}, data=data, progress=False)
        if [entry["loss"] for entry in whole] != [result.loss for result in trial.history]:
            problems.append(f"{trial.name}: not the losses of a training without kills")
    return problems


CHECKS = {"toy": check_toy, "bohb": check_bohb, "cifar": check_cifar}

if __name__ == "__main__":
    sys.exit(main())
