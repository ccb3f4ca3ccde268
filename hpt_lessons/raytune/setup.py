"""How is Ray started on a laptop: quietly, soon, and with nothing that a small search does not need?"""

import contextlib
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
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
    "PL_DISABLE_FORK": "1",  # Ray Tune wants it in all trials; see share_workers
    # Else ray.init waits for a first worker, for ever if none can start, and no thread of ours can say so: it holds the
    # interpreter's lock meanwhile. Workers are started when the first trials are.
    "RAY_prestart_worker_first_driver": "0",
    "RAY_worker_niceness": "5",  # Ray's own 15 leaves a worker nothing where others compute: no search begins
}


ATTEMPTS = 3
WITHOUT = Path(__file__).parent / "without"
_started_here: list[bool] = []  # not empty when this process has started Ray's workers


def prepare_ray() -> None:
    """Begin with what takes longest before Ray can start, the imports, while this thread prepares the data."""
    _set_quiet()
    threading.Thread(target=_import_tune, name="imports of a search", daemon=True).start()


def _import_tune() -> None:
    with _hidden():
        import ray
    import ray.tune  # noqa: F401


@contextlib.contextmanager
def _hidden() -> Iterator[None]:
    """While this lasts, what is in `without` cannot be imported here."""
    names = [path.stem for path in WITHOUT.glob("[!_]*.py") if path.stem not in sys.modules]
    sys.modules.update(dict.fromkeys(names))  # type: ignore[arg-type]  # None: not to be found
    try:
        yield
    finally:
        for name in names:
            sys.modules.pop(name, None)


@contextlib.contextmanager
def lean_processes() -> Iterator[None]:
    """The processes that are started while this lasts, and theirs, do not find what is in `without`."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(WITHOUT), *([before] if before else [])])
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("PYTHONPATH", None)
        else:
            os.environ["PYTHONPATH"] = before


def _set_quiet() -> None:
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"ray\.")


def start_ray(**options: Any) -> None:
    """Start Ray on this machine without dashboard and log lines, unless it is already running.

    `options` go to `ray.init`: `address="auto"` joins a running cluster, `num_cpus=2` uses two cores of a larger
    machine. RuntimeError if this environment lies in a folder from which Ray cannot start.
    """
    _set_quiet()
    with _hidden():
        import ray

    for name in ("ray", "ray.tune", "ray.data", "ray._private"):
        logging.getLogger(name).setLevel(logging.ERROR)
    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.ERROR}
    local = not ray.is_initialized() and "address" not in options and not os.environ.get("RAY_ADDRESS")
    if local:
        # Processes are started here, not joined somewhere else.
        check_package(os.path.dirname(ray.__file__))
        if folder := ray_folder():
            quiet["_temp_dir"] = folder
    for attempt in range(ATTEMPTS):
        if ray.is_initialized():
            return
        try:
            with plain_python(), lean_processes():
                _in_a_thread_that_stays(lambda: ray.init(**{**quiet, **options}))
            if local:
                _started_here.append(True)
        except Exception as error:
            # Ray gives its own processes 30 seconds to come up; on a machine that is busy once more helps.
            if "timed out during startup" not in str(error) or attempt == ATTEMPTS - 1:
                raise
            ray.shutdown()


def _in_a_thread_that_stays(call: Callable[[], Any]) -> None:
    """Make the call here, or from a thread other than the main one in a thread that outlives it.

    On Linux Ray asks the system to end its processes with the *thread* that has started them: when the thread of a
    search ended, Ray would be gone under the notebook, and the next call of it would wait for ever.
    """
    if threading.current_thread() is threading.main_thread():
        call()
        return
    errors: list[BaseException] = []
    made = threading.Event()

    def stay() -> None:
        try:
            call()
        except BaseException as error:
            errors.append(error)
        made.set()
        if not errors:
            threading.Event().wait()

    threading.Thread(target=stay, name="ray", daemon=True).start()
    made.wait()
    if errors:
        raise errors[0]


def share_workers() -> None:
    """Let trials run in the workers that Ray has started beforehand, if this process has started Ray.

    Ray Tune gives each trial variables of its own, and for these a worker that waits does not do: Ray starts another.
    Here all workers have inherited the variables already.
    """
    from ray.tune.execution import class_cache

    if _started_here:
        class_cache.DEFAULT_ENV_VARS.clear()
        class_cache.ENV_VARS_TO_PROPAGATE.clear()


def session_folder() -> Path | None:
    """Where Ray, which is running, keeps the logs of this session; None if that is on another machine."""
    import ray

    context: Any = ray.init(ignore_reinit_error=True, logging_level=logging.ERROR)
    folder = context.address_info.get("session_dir")
    return Path(folder) if folder and os.path.isdir(folder) else None
