"""`--forever`: the same run again and again, for those who have neither Task Scheduler nor cron."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import schedule

from ..errors import FieldlineError
from . import DONE
from .show import counted

log = logging.getLogger(__name__)


def repeat(once: Callable[[], int], minutes: Callable[[], int], *, sleep: Callable[[float], None] = time.sleep) -> int:
    """Do `once` now and every `minutes` until the person presses Ctrl-C; a run that fails never ends it.

    Raises: ConfigError, when the configuration is wrong at the start.
    """
    clock = schedule.Scheduler()
    clock.every(minutes()).minutes.do(_guarded, once)
    print(f"a run every {counted(minutes(), 'minute')}; Ctrl-C ends it", flush=True)
    once()
    try:
        while True:
            catch_up(clock, datetime.now())
            clock.run_pending()
            sleep(1)
    except KeyboardInterrupt:
        print("ended", flush=True)
        return DONE


def catch_up(clock: schedule.Scheduler, now: datetime) -> None:
    """Move a job that is further away than its own interval to now.

    `schedule` plans in local time: when summer time ends, or the clock is set back, the next run would wait for the
    hour to come round again.
    """
    for job in clock.get_jobs():
        if job.next_run is not None and job.next_run - now > timedelta(minutes=job.interval):
            job.next_run = now


def _guarded(once: Callable[[], int]) -> None:
    """Run; an error is told and the next run tries again (an exception would leave `schedule` with this job first)."""
    try:
        once()
    except FieldlineError as error:
        log.error("%s", error)
        print(error, file=sys.stderr, flush=True)
