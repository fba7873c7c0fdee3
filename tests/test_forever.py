"""`--forever` goes on: after a failure, when the clock is set back, when summer time ends."""

from datetime import datetime, timedelta

import schedule

from fieldline.cli.forever import catch_up, repeat
from fieldline.errors import ConfigError


def test_a_run_planned_further_away_than_its_interval_is_done_now():
    clock = schedule.Scheduler()
    job = clock.every(5).minutes.do(lambda: None)
    now = datetime(2026, 10, 25, 2, 59)
    job.next_run = now + timedelta(minutes=65)
    catch_up(clock, now)
    assert job.next_run == now


def test_a_run_planned_in_time_is_left_alone():
    clock = schedule.Scheduler()
    job = clock.every(5).minutes.do(lambda: None)
    planned = job.next_run
    catch_up(clock, datetime.now())
    assert job.next_run == planned


def test_it_runs_at_once_and_ctrl_c_ends_it_with_0(capsys):
    runs = []

    def sleep(seconds):
        raise KeyboardInterrupt

    assert repeat(lambda: runs.append(1) or 0, lambda: 5, sleep=sleep) == 0
    assert runs == [1]
    assert "every 5 minutes" in capsys.readouterr().out


def test_a_run_that_fails_does_not_end_it(capsys, monkeypatch):
    runs = []

    def once():
        runs.append(1)
        if len(runs) == 2:
            raise ConfigError(["config/site.yaml:1: something is wrong now"])
        return 0

    def sleep(seconds):
        if len(runs) >= 3:
            raise KeyboardInterrupt
        for job in made[0].get_jobs():
            job.next_run = datetime.now() - timedelta(seconds=1)

    made = []
    original = schedule.Scheduler
    monkeypatch.setattr(schedule, "Scheduler", lambda: made.append(original()) or made[0])
    assert repeat(once, lambda: 5, sleep=sleep) == 0
    assert len(runs) == 3
    assert "something is wrong now" in capsys.readouterr().err
