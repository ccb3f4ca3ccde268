"""What we take from Ray that it has not promised to keep: it is there, and where it is not, this says what to do."""

import importlib
import inspect

import pytest
import ray

# Where a name is, and what of ours needs it.
NAMES = {
    "ray.tune.experiment.config_parser:_make_parser": "raytune/adapters.py (a study's trials have names of their own)",
    "ray.tune.experiment.config_parser:_create_trial_from_spec": "raytune/adapters.py (the same)",
    "ray.tune.trainable.trainable_fn_utils:_in_tune_session": "cifar/report.py (whether a training is a trial)",
    "ray.tune.schedulers:TrialScheduler._supports_buffered_results": "raytune/adapters.py (a decision for each result)",
    "ray.tune.experiment:Trial.init_local_path": "raytune/adapters.py (a trial that is stopped before it began)",
    "ray.tune.experiment:Trial.error_file": "raytune/results.py (what a trial died of)",
    "ray.tune.schedulers:ASHAScheduler.on_trial_result": "raytune/adapters.py (Ray's ASHA asked without a controller)",
}
ARGUMENTS = {
    "ray.tune.experiment.config_parser:_create_trial_from_spec": {"spec", "parser"},
    "ray:init": {"_temp_dir", "include_dashboard", "log_to_driver", "logging_level", "ignore_reinit_error"},
}


def found(address):
    module, _, path = address.partition(":")
    thing = importlib.import_module(module)
    for name in path.split("."):
        thing = getattr(thing, name)
    return thing


@pytest.mark.parametrize("address", [*NAMES, *ARGUMENTS])
def test_what_we_take_from_ray_is_there(address):
    remedy = f"Ray {ray.__version__} has no {address} as {NAMES.get(address, 'raytune/setup.py')} needs it. Mend that "
    remedy += "place, or keep the upper bound of ray in pyproject.toml below this version."
    try:
        thing = found(address)
    except (ImportError, AttributeError):
        pytest.fail(remedy)
    if address in ARGUMENTS:
        taken = inspect.signature(thing).parameters
        anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values())
        assert anything or ARGUMENTS[address] <= taken.keys(), f"{remedy} It takes {', '.join(taken)}."


def test_a_name_that_is_gone_is_noticed():
    with pytest.raises((ImportError, AttributeError)):
        found("ray.tune.experiment.config_parser:_nobody_has_this")
