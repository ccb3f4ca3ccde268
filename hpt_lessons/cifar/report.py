"""The one thin hook between a training and Ray Tune: is this process a trial, and if so, where does it report?

Ray is looked at only when somebody else has already imported it, so a plain training never pays for it.
"""

import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


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
