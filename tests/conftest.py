"""What all tests share."""

import contextlib
import uuid

import pytest
from hypothesis import HealthCheck, settings

from servers import Facade, Influxd

settings.register_profile("busy", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")  # as hypothesis has it on CI: how fast a machine is tells nothing of what must be true


def pytest_collection_modifyitems(items):
    """The longest test first, so that the other worker has something to do meanwhile."""
    items.sort(key=lambda item: "test_replay" not in item.nodeid)


@pytest.fixture(scope="session")
def influxd(tmp_path_factory):
    """A real influxd without logins: one for each worker, so a test keeps to its own `database`."""
    with Influxd(tmp_path_factory.mktemp("influxd")) as server:
        yield server


@pytest.fixture
def database(influxd):
    """The name of a new, empty database of `influxd`; dropped after the test."""
    name = f"db{uuid.uuid4().hex}"
    influxd.query(f"CREATE DATABASE {name}")
    yield name
    influxd.query(f"DROP DATABASE {name}")


@pytest.fixture
def facade(tmp_path):
    """A function that starts a facade.Facade of the product it is told, on an influxd of this test alone.

    Facades of one test share that influxd: a bucket made through one is there in the other.
    """
    with contextlib.ExitStack() as stack:
        made = []

        def start(product="oss2", **more):
            if not made:
                made.append(stack.enter_context(Influxd(tmp_path / "influxd")))
            return stack.enter_context(Facade(made[0], product, **more))

        yield start
