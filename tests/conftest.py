"""What all tests share."""

import uuid

import pytest

from servers import Influxd


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
