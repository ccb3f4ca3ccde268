"""What did a trial report, or die of? Ray's results and errors in the words of a study."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial as RayTrial

# What Ray adds to every result: the study keeps what the training itself reported.
RAYS_OWN = frozenset(
    [
        "training_iteration",
        "time_this_iter_s",
        "time_total_s",
        "timestamp",
        "date",
        "pid",
        "hostname",
        "node_ip",
        "trial_id",
        "done",
        "config",
        "experiment_tag",
        "experiment_id",
        "checkpoint_dir_name",
        "time_since_restore",
        "iterations_since_restore",
        "should_checkpoint",
        "__duplicate__",
    ]
)


def own_metrics(result: Mapping[str, Any]) -> dict[str, Any]:
    """What the training reported; with the seconds that Ray measured, if it did not report its own."""
    own = {key: value for key, value in result.items() if key not in RAYS_OWN and not key.startswith("config/")}
    if "time_this_iter_s" in result:
        own.setdefault("seconds", result["time_this_iter_s"])
    return own


def last_line(trial: RayTrial) -> str:
    """The last line of the error that a trial of Ray's died of, "unknown" if nobody knows."""
    try:
        lines = Path(trial.error_file).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except (OSError, TypeError):
        return "unknown"
    return lines[-1] if lines else "unknown"
