"""Where do a training's results go? Into a checkpoint file, to Ray Tune, or to a progress bar.

This is the one thin hook between a training and Ray Tune. Ray is looked at only when somebody else has already imported
it, so a plain training never pays for it.
"""

import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpt_lessons.cifar import checkpoint
from hpt_lessons.progress import Progress

if TYPE_CHECKING:
    from hpt_lessons.cifar.training import Training


class Reporter:
    """Where results go: into a checkpoint file, to Ray Tune if this is one of its trials, or to a progress bar."""

    def __init__(self, training: "Training", checkpoint: str | Path | None, progress: bool):
        self.training, self.file = training, None if checkpoint is None else Path(checkpoint)
        self.tune, self.progress = in_tune_trial(), progress
        self.bar: Progress | None = None

    def resume(self) -> int:
        """Continue from a checkpoint if there is one; the number of epochs already finished.

        Epochs from a file of ours are reported to Tune once more: a scheduler that starts afresh after a sudden death
        needs them. Those from Tune's own checkpoint it has already seen.
        """
        if self.file is not None:
            state = checkpoint.load(self.file)
        else:
            state = checkpoint_from_tune(checkpoint.load) if self.tune else None
        if state is not None:
            self.training.restore(state)
        if self.tune and self.file is not None:
            for result in self.training.history:
                report_to_tune(result)
        return len(self.training.history)

    def finished_epoch(self) -> None:
        """Save, then report: what anyone has heard of is on the disk."""
        if self.file is not None:
            checkpoint.save(self.file, self.training.state())
        if self.tune:
            save = None if self.file is not None else (lambda path: checkpoint.save(path, self.training.state()))
            report_to_tune(self.training.history[-1], save)
        elif self.progress:
            self._show()

    def history(self) -> list[dict[str, Any]] | None:
        if self.bar is not None:
            self.bar.close()
        # Ray would take a returned value for one more report.
        return None if self.tune else self.training.history

    def _show(self) -> None:
        if self.bar is None:
            self.bar = Progress(self.training.settings.epochs, "training", unit="epoch")
        last = self.training.history[-1]
        self.bar.note("diverged" if last["diverged"] else f"loss {last['loss']:.3f}, accuracy {last['accuracy']:.1%}")
        self.bar.set(last["epoch"])


def in_tune_trial() -> bool:
    """True inside a function that Ray Tune runs as a trial."""
    if "ray.tune" not in sys.modules:
        return False
    # Ray's public get_context() logs a warning outside a trial; asking the session itself is silent.
    from ray.tune.trainable.trainable_fn_utils import _in_tune_session

    return bool(_in_tune_session())


def trial_has_gpu() -> bool:
    """True if Ray gave this trial a GPU."""
    import ray

    return bool(ray.get_gpu_ids())


def report_to_tune(result: Mapping[str, Any], save: Callable[[Path], None] | None = None) -> None:
    """Hand one epoch's result to Ray Tune, with a checkpoint that `save(path)` writes if it is given."""
    from ray import tune

    if save is None:
        tune.report(dict(result))
        return
    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder) / "checkpoint.pt")
        tune.report(dict(result), checkpoint=tune.Checkpoint.from_directory(folder))


def checkpoint_from_tune(read: Callable[[Path], Any]) -> Any:
    """`read(path)` of the checkpoint that Ray Tune gives a resumed trial, or None for a new one."""
    from ray import tune

    kept = tune.get_checkpoint()
    if kept is None:
        return None
    with kept.as_directory() as folder:
        return read(Path(folder) / "checkpoint.pt")
