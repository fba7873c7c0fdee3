"""What `quickstart.py` gives to others."""

import importlib.util
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]


@pytest.fixture
def quickstart():
    spec = importlib.util.spec_from_file_location("quickstart", PROJECT / "quickstart.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("words", "given"),
    [
        ([], ["-n", "2"]),
        (["-k", "reader"], ["-n", "2", "-k", "reader"]),
        (["-n", "4"], ["-n", "4"]),
        (["-n4", "-x"], ["-n4", "-x"]),
        (["--numprocesses=1"], ["--numprocesses=1"]),
    ],
)
def test_a_word_behind_test_leaves_it_at_two_at_a_time(quickstart, words, given):
    assert quickstart.two_at_a_time(words) == given


def test_live_goes_on_until_something_fails_or_a_person_ends_it(quickstart, monkeypatch):
    done = []

    def run(*words):
        done.append(words[:3])
        return {2: 75, 5: 1}.get(len(done), 0)

    monkeypatch.setattr(quickstart, "run", run)
    monkeypatch.setattr(quickstart.time, "sleep", lambda seconds: done.append(seconds))
    assert quickstart.live() == 1
    tower, driver = ("-m", "fieldline", "simulate"), ("driver.py", "--config", "config/demo.yaml")
    assert done == [tower, driver, 60, tower, driver]

    def interrupted(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(quickstart.time, "sleep", interrupted)
    assert quickstart.live() == 0
