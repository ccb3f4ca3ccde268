"""One Ray for all tests of a file."""

import pytest


@pytest.fixture(scope="module")
def ray_running():
    import ray

    from hpt_lessons.raytune.setup import start_ray

    start_ray(num_cpus=2)
    yield
    ray.shutdown()
