"""How is Ray started on a laptop: quietly, and with nothing that a small search does not need?"""

import logging
import os
import warnings
from pathlib import Path
from typing import Any

from hpt_lessons.raytune.paths import check_package, plain_python, ray_folder

# Set before Ray is imported or started; what a user has set already stays.
QUIET = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_DEDUP_LOGS": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}


ATTEMPTS = 3


def start_ray(**options: Any) -> None:
    """Start Ray on this machine without dashboard and log lines, unless it is already running.

    `options` go to `ray.init`: `address="auto"` joins a running cluster, `num_cpus=2` uses two cores of a larger
    machine. RuntimeError if this environment lies in a folder from which Ray cannot start.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"ray\.")
    import ray

    for name in ("ray", "ray.tune", "ray.data", "ray._private"):
        logging.getLogger(name).setLevel(logging.ERROR)
    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.ERROR}
    if not ray.is_initialized() and "address" not in options and not os.environ.get("RAY_ADDRESS"):
        # Processes are started here, not joined somewhere else.
        check_package(os.path.dirname(ray.__file__))
        if folder := ray_folder():
            quiet["_temp_dir"] = folder
    for attempt in range(ATTEMPTS):
        if ray.is_initialized():
            return
        try:
            with plain_python():
                ray.init(**{**quiet, **options})
        except Exception as error:
            # Ray gives its own processes 30 seconds to come up; on a machine that is busy once more helps.
            if "timed out during startup" not in str(error) or attempt == ATTEMPTS - 1:
                raise
            ray.shutdown()


def session_folder() -> Path | None:
    """Where Ray, which is running, keeps the logs of this session; None if that is on another machine."""
    import ray

    context: Any = ray.init(ignore_reinit_error=True, logging_level=logging.ERROR)
    folder = context.address_info.get("session_dir")
    return Path(folder) if folder and os.path.isdir(folder) else None
