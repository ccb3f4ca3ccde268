"""Every test sees the stand-in pictures, a data folder of its own, and one thread; nothing is left behind."""

import os

import hypothesis
import pytest

# Examples that failed are printed with their seed; a folder of them in the project would be left behind.
# How long a draw takes is an affair of the machine: no test is timed.
hypothesis.settings.register_profile(
    "course", database=None, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("course")

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HPT_LESSONS_DATASET"] = "standin"
os.environ["HPT_LESSONS_PREDICTIONS"] = "skip"
os.environ["MPLBACKEND"] = "Agg"


@pytest.fixture(scope="session", autouse=True)
def _data_folder(tmp_path_factory):
    """The default data folder is a temporary one, so that no test writes into the project."""
    os.environ["HPT_LESSONS_DATA"] = str(tmp_path_factory.mktemp("data"))
