"""The outbox by itself: what waits, in which order it leaves, what is set aside, and what is remembered."""

import contextlib
import random
import shutil
import sqlite3
import threading
import time

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivering import Server
from fieldline.errors import Denied, Rejected, TooLarge, Unreachable
from fieldline.ledger import Damaged, Ledger
from fieldline.outbox import SCHEMA, Ballast, Cap, Courier, Outbox, Policy, Queue, Trouble, Waiting
from fieldline.outbox.age import Age
from fieldline.parcels import pack
from fieldline.ports import Field

BUCKET, NOW = "field", 1_800_000_000.0


def frame(first, last, add=0.0, step="s"):
    """Rows number `first` to `last`, a second apart, with the value number + add."""
    index = pd.DatetimeIndex(pd.to_datetime(range(first, last + 1), unit=step, utc=True), name="time").as_unit("ns")
    return pd.DataFrame({"x": [number + add for number in range(first, last + 1)]}, index=index)


def points(first, last, add=0.0):
    return {(BUCKET, "m", number * 10**9): f"x={number + add:g}" for number in range(first, last + 1)}


class Box:
    """An outbox in a folder, before a server in memory; `run` is one run of a driver."""

    def __init__(self, folder, server=None, policy=None, cap=None, to="here", ballast=None):
        self.path, self.server = folder / "state.db", server or Server()
        self.policy, self.cap, self.to, self.ballast = policy or Policy(seconds=5), cap or Cap(), to, ballast
        self.now, self.uptime = NOW, 1000.0

    def on(self, days):
        """Time passes, and the computer is on."""
        self.now, self.uptime = self.now + days * 86400, self.uptime + days * 86400

    def run(self, *frames, measurement="m", tags=(), background=False):
        ledger = Ledger(self.path, SCHEMA)
        box = Outbox(
            ledger,
            lambda: self.server,
            self.policy,
            self.cap,
            to=self.to,
            now=lambda: self.now,
            uptime=lambda: self.uptime,
            ballast=self.ballast,
            background=background,
        )
        box._fields[BUCKET, measurement] = {}  # the server in memory can't be asked
        for one in frames:
            box.write(BUCKET, measurement, one, tags)
        try:
            return box.finish()
        finally:
            box.close()
            self.queue = Queue(Ledger(self.path, SCHEMA))
            ledger.close()


def fails(times, error):
    """What a server does that fails so many times."""
    left = [times]

    def what(lines):
        if left[0]:
            left[0] -= 1
            raise error
        return lines

    return what


def refuses(bad, *, dropped=None, named=False, store=True):
    """What a server does that refuses lines of which `bad` says so, and stores the others or none."""

    def what(lines):
        found = {number: "no" for number, line in enumerate(lines, 1) if bad(line)}
        if not found:
            return lines
        error = Rejected("refused", len(found) if dropped else None, found if named else {})
        error.taken = [line for number, line in enumerate(lines, 1) if number not in found] if store else []
        raise error

    return what


@pytest.mark.parametrize("background", [False, True])
def test_rows_leave_in_the_order_in_which_they_came(tmp_path, background):
    box = Box(tmp_path)
    done = box.run(frame(0, 9), frame(5, 14, add=0.5), frame(7, 8, add=0.25), background=background)
    assert (done.rows, done.dead, done.stopped) == (22, 0, "")
    wanted = {**points(0, 4), **points(5, 14, 0.5), **points(7, 8, 0.25)}
    assert box.server.points == wanted
    assert box.queue.depth().rows == 0


def test_what_waits_survives_and_later_values_win(tmp_path):
    box = Box(tmp_path, Server(fails(1, Unreachable("away"))))
    assert box.run(frame(0, 9)).failed
    assert box.queue.depth().rows == 10
    box.now += 3600
    done = box.run(frame(0, 9, add=0.5))
    assert (done.rows, done.failed, done.stopped) == (20, False, "")
    assert box.server.points == points(0, 9, 0.5)


@pytest.mark.parametrize("store", [True, False])
@pytest.mark.parametrize("how", [{}, {"dropped": True}, {"named": True}])
def test_of_five_thousand_lines_the_bad_ones_alone_are_set_aside(tmp_path, how, store):
    bad = {1, 777, 2500, 2501, 4999}
    server = Server(refuses(lambda line: int(float(line.split(b"x=")[1].split()[0])) in bad, store=store, **how))
    box = Box(tmp_path, server, Policy(seconds=60))
    done = box.run(frame(0, 4999))
    assert (done.dead, done.stopped, box.queue.depth().rows) == (5, "", 0)
    assert server.points == {key: value for key, value in points(0, 4999).items() if key[2] // 10**9 not in bad}
    dead = [box.queue.get(number) for number in box.queue.numbers(dead=True)]
    assert sum(one.parcel.rows for one in dead) == 5
    assert {one.reason for one in dead} <= ({"no", "refused"} if how.get("named") else {"refused"})
    assert len(server.requests) < (5 if how.get("named") else 150)


def test_a_column_that_is_refused_as_a_whole_takes_few_requests(tmp_path):
    server = Server(refuses(lambda line: b"bad" in line, dropped=True))
    box = Box(tmp_path, server)
    both = pd.concat([frame(0, 4999)])
    box.run(both, both.rename(columns={"x": "bad"}), both + 0.5)
    assert len(server.requests) <= 6
    assert box.queue.depth(dead=True).rows == 5000
    assert server.points == points(0, 4999, 0.5)


def test_a_cut_in_the_middle_keeps_what_was_reached(tmp_path):
    bad = refuses(lambda line: b"x=4999" in line, store=False)
    count = [0]

    def what(lines):
        count[0] += 1
        if count[0] % 5 == 0:
            raise Unreachable("away again")
        return bad(lines)

    box = Box(tmp_path, Server(what), Policy(seconds=1))
    depths = []
    box.run(frame(0, 4999))
    while box.queue.depth().rows and len(depths) < 40:
        depths.append(box.queue.depth().rows)
        box.now += 3600
        box.run()
    assert depths == sorted(depths, reverse=True)
    assert box.server.points == points(0, 4998)
    assert box.queue.depth(dead=True).rows == 1


def test_full_parcels_go_two_at_once_unless_a_point_may_be_in_both(tmp_path):
    """The last value of each point stands, and a bad line costs only itself."""
    lock, under_way, most, met = threading.Lock(), 0, [], threading.Event()

    def slow(lines):
        nonlocal under_way
        with lock:
            under_way += 1
            most.append(under_way)
            if under_way == 2:
                met.set()
        assert met.wait(120), "the first was alone"
        time.sleep(0.02)
        with lock:
            under_way -= 1
        if any(b"x=12345" in line for line in lines):
            raise refusal([line for line in lines if b"x=12345" not in line])
        return lines

    def refusal(taken):
        error = Rejected("a bad line", 1)
        error.taken = taken
        return error

    box = Box(tmp_path, Server(slow))
    box.run(frame(0, 19_999), frame(0, 9_999, 0.5))
    assert max(most) == 2
    expected = {**points(0, 19_999), **points(0, 9_999, 0.5)}
    del expected[BUCKET, "m", 12_345 * 10**9]
    assert box.server.points == expected


def test_a_slow_request_does_not_keep_the_others_waiting(tmp_path):
    others = threading.Event()

    def what(lines):
        if b"x=0 " in lines[0]:
            assert others.wait(120), "nothing was sent while the first was on its way"
        elif b"x=25000 " in lines[0]:
            others.set()
        return lines

    box = Box(tmp_path, Server(what), Policy(seconds=60))
    done = box.run(*(frame(first, first + 4_998) for first in range(0, 30_000, 5_000)))
    assert (done.rows, done.stopped, box.queue.depth().rows) == (6 * 4_999, "", 0)
    assert len(box.server.points) == 6 * 4_999


@pytest.mark.parametrize("seed", range(12))
def test_in_whichever_order_answers_come_the_last_value_stands(tmp_path, seed):
    """Small and large parcels of two measurements, some over others, some of another precision, on an odd server."""
    dice = random.Random(seed)
    away, bad = dice.choice([0, 0.1]), dice.choice([None, dice.randrange(400)])

    def what(lines):
        time.sleep(dice.choice([0, 0, 0.001, 0.004]))
        if dice.random() < away:
            raise Unreachable("away")
        if any(b"x=%d " % bad in line for line in lines if bad is not None):
            raise Rejected("a bad line")
        return lines

    box = Box(tmp_path, Server(what), Policy(seconds=4, most_rows=50))
    came = []
    for _ in range(dice.randrange(20, 80)):
        measurement, first, many = dice.choice("ab"), dice.randrange(400), dice.choice([1, 5, 12, 49])
        rows = frame(first, first + many, dice.choice([0.0, dice.random()]), dice.choice(["s", "s", "ms"]))
        came += [((BUCKET, measurement, at.value), value) for at, value in rows["x"].items()]
        box.server.what = fails(1, Unreachable("away"))
        box.run(rows, measurement=measurement)
    box.server.what = what
    for _ in range(300):
        box.now += 3600
        box.run()
    assert box.queue.depth().rows == 0
    found = {key: float(text.removeprefix("x=")) for key, text in box.server.points.items()}
    assert found == {key: value for key, value in came if value != bad}
    assert box.queue.depth(dead=True).rows == sum(value == bad for _, value in came)


@pytest.mark.parametrize("most", [1, 7, 100])
def test_too_large_is_halved_until_it_is_taken(tmp_path, most):
    def what(lines):
        if len(lines) > most:
            raise TooLarge("413")
        return lines

    box = Box(tmp_path, Server(what), Policy(seconds=60))
    done = box.run(frame(0, 99), frame(100, 199))
    assert (done.rows, done.dead, box.queue.depth().rows) == (200, 0, 0)
    assert box.server.points == points(0, 199)


def test_a_line_that_is_too_large_alone_is_set_aside(tmp_path):
    def what(lines):
        if any(b"x=5 " in line for line in lines):
            raise TooLarge("413")
        return lines

    box = Box(tmp_path, Server(what))
    assert box.run(frame(0, 9)).dead == 1
    assert len(box.server.points) == 9


def test_two_precisions_share_no_request_and_no_point_changes_its_order(tmp_path):
    box = Box(tmp_path, Server(fails(1, Unreachable("away"))), Policy(seconds=60))
    finer = pd.concat([frame(0, 9, add=0.25), frame(100, 100).set_axis(pd.DatetimeIndex([1], tz="UTC"), axis=0)])
    finer.index = finer.index.rename("time")
    box.run(*[frame(0, 9)] * 20)
    for measurement in ("other", "m"):
        for one in (finer, frame(5, 9, add=0.75)):
            box.run(one, measurement=measurement)
    box.now += 3600
    assert box.run().stopped == ""
    last = {**points(0, 4, 0.25), **points(5, 9, 0.75), (BUCKET, "m", 1): "x=100"}
    assert {key: value for key, value in box.server.points.items() if key[1] == "m"} == last
    other = {(bucket, "other", time): value for (bucket, _, time), value in last.items()}
    assert {key: value for key, value in box.server.points.items() if key[1] == "other"} == other
    assert len(box.server.requests) <= 1 + 5, "what goes together is not cut by what does not"


@pytest.mark.parametrize("background", [False, True])
def test_the_newest_first_means_once_ahead_and_once_in_turn(tmp_path, background):
    box = Box(tmp_path, Server(fails(1, Unreachable("away"))), Policy(seconds=60, newest_first=True))
    box.run(frame(0, 9), frame(5, 9, add=0.25))
    box.now += 3600
    box.server.requests.clear()
    done = box.run(frame(8, 12, add=0.5), frame(12, 12, add=0.75), background=background)
    assert b"x=8.5" in box.server.requests[0][0]
    assert not done.stopped
    assert box.queue.depth().rows == 0
    wanted = {**points(0, 4), **points(5, 7, 0.25), **points(8, 11, 0.5), **points(12, 12, 0.75)}
    assert box.server.points == wanted
    box.server.requests.clear()
    box.run(frame(20, 29), frame(30, 39))
    assert sum(len(lines) for lines in box.server.requests) == 20, "without a backlog nothing is sent twice"


def test_the_oldest_goes_when_the_cap_is_reached_and_it_is_said_before(tmp_path):
    box = Box(tmp_path, Server(fails(10**9, Unreachable("away"))), cap=Cap(bytes=20_000))
    said, lost = [], 0
    dice = random.Random(1)
    for number in range(60):
        rows = frame(number * 100, number * 100 + 99)
        rows["x"] = [dice.random() for _ in range(100)]
        done = box.run(rows)
        said += done.notes
        box.now += 300
        assert box.queue.depth().bytes <= 20_000
    assert any("50 % is passed" in text for text in said)
    assert any("80 % is passed" in text for text in said)
    lost = [text for text in said if "were deleted from it" in text]
    assert lost
    assert said.index(lost[0]) > next(at for at, text in enumerate(said) if "80 %" in text)
    first = box.queue.oldest()
    assert first.first > 0
    assert box.queue.newest_number() == 60


def test_what_waits_too_long_goes(tmp_path):
    box = Box(tmp_path, Server(fails(10**9, Unreachable("away"))), cap=Cap(days=10))
    box.run(frame(0, 9))
    box.on(days=6)
    assert any("60 % full" in text for text in box.run(frame(10, 19)).notes)
    box.on(days=5)
    assert any("10 rows that waited" in text for text in box.run(frame(20, 29)).notes)
    assert box.queue.depth().rows == 20


def test_a_clock_that_is_wrong_throws_nothing_away(tmp_path):
    """Neither for a run nor for a hundred, ahead or back; and what came meanwhile goes in its time."""
    box = Box(tmp_path, Server(fails(10**9, Unreachable("away"))), cap=Cap(days=10))
    box.run(frame(0, 9))
    for wrong in (365, -2 * 365, 10_000):
        box.now += wrong * 86400
        for number in range(30):
            box.on(days=0.01)
            said = box.run(frame(number, number)).notes
            assert not any("were deleted" in text for text in said)
        box.now -= wrong * 86400
    assert box.queue.depth().rows == 100
    box.on(days=9.05)
    box.run(frame(0, 0))
    assert box.queue.depth().rows == 101
    box.on(days=0.3)
    assert any(text for text in box.run(frame(0, 0)).notes if "were deleted" in text)
    assert 60 <= box.queue.depth().rows < 92


def test_a_computer_that_is_started_anew_ages_rows_by_no_more_than_the_truth(tmp_path):
    box = Box(tmp_path, Server(fails(10**9, Unreachable("away"))), cap=Cap(days=10))
    box.run(frame(0, 9))
    for _ in range(10):  # on for half a day, off for two
        for _ in range(5):
            box.on(days=0.1)
            box.run(frame(0, 0))
        box.now, box.uptime = box.now + 2 * 86400, 0.0
    assert box.queue.depth().rows == 60
    for _ in range(53):
        box.on(days=0.1)
        box.run(frame(0, 0))
    assert box.queue.depth().rows < 110


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 3), st.booleans(), st.booleans()), max_size=300))
def test_age_is_never_more_than_has_passed_and_little_less(steps):
    """Days on, then days off if it is started anew; between them a parcel may come."""
    age, true, uptime, came, start, off = Age(), 0.0, 50.0, {}, 0.0, 0.0
    longest, day = 10 * 86400.0, 86400.0
    for on, away, anew, new in steps:
        true, uptime = true + on * day, uptime + on * day
        if anew:  # what passed since the last look and before the end is not seen
            true, uptime, off = true + away * day, 0.0, off + (on + away) * day
        if new or not came:
            came[len(came) + 1] = true
        age.look(uptime)
        age.mark(len(came), longest)
        for number, start in came.items():
            waited = age.waited(number)
            assert waited <= true - start + 1e-3
            assert waited >= min(true - start, longest) - off - longest / 50 - 1e-3
        old = age.older(longest)
        assert all(true - came[number] >= longest - 1e-3 for number in range(1, old + 1))
    assert len(age.marks) < 300


def test_what_is_older_than_the_bucket_keeps_is_set_aside_with_the_reason(tmp_path):
    server = Server(keep_days=10)
    box = Box(tmp_path, server)
    limit = int(NOW) - 10 * 86400
    done = box.run(frame(limit - 5, limit + 4))
    assert (done.rows, done.dead, box.queue.depth().rows) == (5, 5, 0)
    [dead] = [box.queue.get(number) for number in box.queue.numbers(dead=True)]
    assert dead.reason == "older than the 10 days that the bucket field keeps"
    assert {key[2] for key in server.points} == {(limit + number) * 10**9 for number in range(5)}
    server.days = 20
    assert box.queue.revive([dead.number]) == 5
    assert box.run().rows == 5
    assert len(server.points) == 10


@pytest.mark.parametrize(
    ("ours", "theirs", "dead"), [(0, None, 5), (365, None, 10), (365, 0, 5), (0, -20, 0), (0, 365, 10)]
)
def test_what_is_too_old_is_so_by_the_servers_clock_if_it_tells(tmp_path, ours, theirs, dead):
    """Days by which the clocks are ahead of the truth."""
    box = Box(tmp_path, Server(keep_days=10, now=None if theirs is None else NOW + theirs * 86400))
    limit = int(NOW) - 10 * 86400
    box.now += ours * 86400
    assert box.run(frame(limit - 5, limit + 4)).dead == dead
    assert len(box.server.points) == 10 - dead


def test_the_window_of_a_plan_is_kept_to_over_runs(tmp_path):
    box = Box(tmp_path, policy=Policy(seconds=0.001, window_bytes=2000))
    taken = []
    box.run(frame(0, 299))
    for _ in range(60):
        before = sum(len(b"".join(lines)) for lines in box.server.requests)
        box.now += 300
        done = box.run()
        taken.append(sum(len(b"".join(lines)) for lines in box.server.requests) - before)
        if not box.queue.depth().rows:
            break
        assert "the plan's 2,000 bytes in 5 min are used up" in done.stopped or "time for deliveries" in done.stopped
    assert max(taken) <= 2000
    assert box.server.points == points(0, 299)


def test_a_clock_that_was_set_back_does_not_use_up_a_plan(tmp_path):
    box = Box(tmp_path, policy=Policy(seconds=0.5, window_bytes=2000))
    box.run(frame(0, 70))
    box.now -= 6 * 3600
    box.run(frame(100, 110))
    box.run()
    assert box.queue.depth().rows == 0


def test_back_off_grows_from_run_to_run_and_never_gives_up(tmp_path):
    box = Box(tmp_path, Server(fails(50, Unreachable("away"))), Policy(seconds=0.5))
    box.run(frame(0, 9))
    waits = []
    while box.queue.depth().rows:
        trouble = Trouble.of(box.queue)
        waits.append(trouble.not_before - box.now)
        assert trouble.since == NOW
        assert box.run().stopped.startswith("the next try is in")
        box.now = trouble.not_before + 0.001
        box.run()
    assert len(waits) == 50
    assert waits[0] <= 10 < waits[3]
    assert max(waits) <= 600
    assert all(wait >= 300 for wait in waits[10:])
    assert box.server.points == points(0, 9)


@pytest.mark.parametrize(("asked", "wait"), [(5.0, 5.0), (300.0, 300.0), (1e9, 3600.0)])
def test_a_server_that_says_how_long_is_obeyed(tmp_path, asked, wait):
    box = Box(tmp_path, Server(fails(1, Unreachable("busy", asked))), Policy(seconds=1))
    box.run(frame(0, 9))
    assert Trouble.of(box.queue).not_before == NOW + wait
    assert not box.server.points
    box.now += wait + 1
    assert box.run().rows == 10


def test_denied_waits_for_a_person_and_not_for_the_clock(tmp_path):
    box = Box(tmp_path, Server(fails(3, Denied("no token"))))
    for _ in range(3):
        assert box.run().failed or box.run(frame(0, 9)).failed
    assert not box.run().failed
    assert box.server.points == points(0, 9)


def test_why_a_bucket_could_not_be_made_is_said(tmp_path):
    class NoBuckets(Server):
        def create(self, bucket, keep_days):
            raise Denied("the free plan has two buckets")

    box = Box(tmp_path, NoBuckets(fails(1, Denied("no such bucket", no_bucket=True))))
    ledger = Ledger(box.path, SCHEMA)
    Queue(ledger).want(BUCKET, None)
    ledger.close()
    assert box.run(frame(0, 9)).stopped.startswith("the free plan has two buckets")
    assert box.run().rows == 10


def test_a_try_of_a_person_does_not_wait_and_keeps_since_when_deliveries_fail(tmp_path):
    box = Box(tmp_path, Server(fails(2, Unreachable("away"))))
    box.run(frame(0, 9))
    for minutes, rows in ((10, 0), (20, 10)):
        box.now = NOW + 60 * minutes
        ledger = Ledger(box.path, SCHEMA)
        Outbox(ledger, lambda: box.server, box.policy, to=box.to).try_now()
        ledger.close()
        assert box.run().rows == rows
        trouble = Trouble.of(box.queue)
        assert trouble.since == (0 if rows else NOW)


def test_a_new_destination_does_not_wait(tmp_path):
    box = Box(tmp_path, Server(fails(1, Unreachable("away"))))
    box.run(frame(0, 9))
    assert box.run().stopped.startswith("the next try is in")
    box.to = "there"
    assert box.run().rows == 10


def test_a_parcel_that_a_disk_changed_is_never_sent(tmp_path):
    box = Box(tmp_path, Server(fails(1, Unreachable("away"))))
    box.run(frame(0, 9))
    box.queue.ledger.close()
    shutil.copy(box.path, tmp_path / "kept")
    for change in (
        "id = 7",
        "body = x'00'",
        "body = 'text'",
        "body = NULL",
        "bucket = 'other'",
        "first = 7",
        "rows = 1",
    ):
        shutil.copy(tmp_path / "kept", box.path)
        ledger = Ledger(box.path, SCHEMA)
        with ledger.transaction() as db:
            db.execute(f"UPDATE outbox SET {change}")  # noqa: S608
        ledger.close()
        box.now += 3600
        with pytest.raises(Damaged):
            box.run()
        box.queue.ledger.close()
    assert not box.server.points


@pytest.mark.parametrize("column", ["rows", "size", "measurement", "precision", "first", "kept"])
@pytest.mark.parametrize("value", ["x'ff'", "NULL", "'text'", "1.5"])
def test_a_parcel_behind_the_first_that_a_disk_changed_is_damage_too(tmp_path, column, value):
    """What is looked at before a parcel itself, to see how many go together, may be of any kind then."""
    box = Box(tmp_path, Server(fails(1, Unreachable("away"))))
    box.run(frame(0, 9), frame(10, 19), frame(20, 29))
    with box.queue.ledger.transaction() as db:
        db.execute(f"UPDATE outbox SET {column} = {value} WHERE id = 2")  # noqa: S608
    box.now += 3600
    try:
        told = box.run().stopped
    except Damaged as error:
        told = str(error)
    assert "a damaged parcel (number 2 of the outbox)" in told
    assert box.server.points.items() <= points(0, 9).items()


def test_totals_follow_whatever_happens(tmp_path):
    ledger, dice = Ledger(tmp_path / "state.db", SCHEMA), random.Random(3)
    queue = Queue(ledger)
    for _ in range(60):
        box = Outbox(ledger, Server, now=lambda: NOW, background=False)
        box._fields[BUCKET, "m"] = {}
        act = dice.randrange(4)
        numbers = queue.numbers(dead=False)
        if act < 2 or not numbers:
            box.write(BUCKET, "m", frame(0, dice.randrange(20)))
        elif act == 2:
            queue.done([dice.choice(numbers)])
        else:
            one = queue.get(dice.choice(numbers))
            queue.shrink(one.number, None, [type(one)(one.parcel, one.measurement, one.first, one.last, NOW, 0, "no")])
        if dice.random() < 0.2:
            queue.revive(queue.numbers(dead=True)[:1])
        for dead in (False, True):
            found = [queue.get(number) for number in queue.numbers(dead)]
            depth = queue.depth(dead)
            assert depth.parcels == len(found)
            assert depth.rows == sum(one.parcel.rows for one in found)
            assert depth.bytes == sum(len(one.parcel.body) for one in found)
    ledger.close()


def test_a_transaction_that_fails_changes_nothing(tmp_path):
    ledger = Ledger(tmp_path / "state.db", SCHEMA)
    with pytest.raises(ValueError, match="stop"), ledger.together():
        ledger.keep_notes(one="1")
        with ledger.transaction() as db:
            db.execute("INSERT INTO sent VALUES (1, 1, 1)")
        raise ValueError("stop")
    assert ledger.note("one") is None
    with ledger.reading() as db:
        assert db.execute("SELECT count(*) FROM sent").fetchone() == (0,)
    ledger.keep_notes(one="1")
    assert ledger.note("one") == "1"
    ledger.close()


def test_a_new_file_counts_as_new_until_all_is_there(tmp_path):
    for _ in range(2):
        ledger = Ledger(tmp_path / "state.db", SCHEMA)
        assert ledger.fresh
        ledger.close()
    ledger = Ledger(tmp_path / "state.db", SCHEMA)
    ledger.begun()
    ledger.close()
    ledger = Ledger(tmp_path / "state.db", SCHEMA)
    assert not ledger.fresh
    ledger.close()


@pytest.mark.parametrize("name", ["outbox", "totals", "outbox_came", "outbox_reason", "notes"])
def test_a_table_that_is_described_otherwise_is_damage(tmp_path, name):
    ledger = Ledger(tmp_path / "state.db", SCHEMA)
    with ledger.transaction() as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET sql = replace(sql, 'a', 'e') WHERE name = ?", (name,))
    ledger.close()
    with pytest.raises(Damaged):
        Ledger(tmp_path / "state.db", SCHEMA)


def test_ballast_gives_way_when_the_disk_is_full(tmp_path):
    ballast = Ballast(tmp_path / "ballast")
    assert ballast.take()
    assert not ballast.is_tight()
    assert ballast.release()
    assert not ballast.release()
    assert not Ballast(None).is_tight()
    assert not Ballast(None).take()


def test_a_courier_without_anything_to_do_makes_no_carrier(tmp_path):
    def never():
        raise AssertionError("nothing was to be sent")

    queue = Queue(Ledger(tmp_path / "state.db", SCHEMA))
    done = Courier(queue, never, Policy()).work()
    assert (done.rows, done.requests, done.stopped, done.failed) == (0, 0, "", False)


def deep(folder, waiting, closed):
    """A queue in which so many parcels wait for each of the `closed` buckets, and a few behind them for another."""
    queue = Queue(Ledger(folder / "state.db", SCHEMA))
    with queue.ledger.together():
        for number in range(waiting):
            for bucket in closed:
                queue.add([Waiting(pack(bucket, "s", b"m x=1 %d\n" % number, 1), "m", number, number, NOW)])
        for number in range(3):
            queue.add([Waiting(pack("open", "s", b"m x=2 %d\n" % number, 1), "m", number, number, NOW)])
    return queue


def steps(queue, question):
    """How many steps SQLite takes for a question, in tens; and its answer."""
    taken = [0]

    def step():
        taken[0] += 1

    with queue.ledger.reading() as db:
        db.set_progress_handler(step, 10)
        answer = question()
        db.set_progress_handler(None, 0)
    return taken[0], answer


def test_what_waits_for_a_closed_bucket_is_not_looked_through(tmp_path):
    """Ten thousand parcels of it cost as many steps as ten."""
    found = {}
    for waiting in (10, 5000):
        (tmp_path / str(waiting)).mkdir()
        queue = deep(tmp_path / str(waiting), waiting, ("closed", "shut"))
        found[waiting], first = steps(queue, lambda queue=queue: queue.oldest(("closed", "shut")))
        assert first.parcel.bucket == "open"
        assert queue.oldest(("closed",)).parcel.bucket == "shut"
        assert queue.oldest(("closed", "shut", "open")) is None
        queue.ledger.close()
    assert found[5000] <= 2 * found[10] + 10, found


def test_a_bucket_that_is_refused_holds_up_no_other(tmp_path):
    queue, asked = deep(tmp_path, 300, ("closed", "shut")), []

    class Choosy(Server):
        def deliver(self, parcel):
            asked.append(parcel.bucket)
            if parcel.bucket != "open":
                raise Denied(f"bucket {parcel.bucket!r}: found 403, expected the right to use it")
            super().deliver(parcel)

    server = Choosy()
    done = Courier(queue, lambda: server, Policy(seconds=60), now=lambda: NOW).work()
    assert (done.rows, done.failed) == (3, True)
    assert sorted(asked) == ["closed", "open", "shut"], "each is asked once, and what waits for it goes together"
    assert "'closed', 'shut'" in done.stopped
    assert queue.depth().rows == 600, "nothing of the closed ones is given up"
    queue.ledger.close()


def test_refused_rows_take_a_tenth_of_the_cap_and_the_oldest_go(tmp_path):
    box, said, dice = Box(tmp_path, Server(refuses(lambda line: True)), cap=Cap(bytes=40_000)), [], random.Random(1)
    for number in range(30):
        rows = frame(number * 100, number * 100 + 19)
        rows["x"] = [dice.random() for _ in range(20)]
        said += box.run(rows).notes
        box.now += 300
    assert box.queue.depth(dead=True).bytes <= 4000 + 2000, "those of the last run are looked at by the next"
    box.now += 300
    box.server.what = lambda lines: lines
    said += box.run(frame(10_000, 10_000)).notes
    assert 2000 < box.queue.depth(dead=True).bytes <= 4000
    told = [int(text.split()[0]) for text in said if "refused rows, the oldest, were deleted" in text]
    assert told
    assert all("a tenth of outbox.megabytes" in text for text in said if "refused rows, the oldest" in text)
    kept = [box.queue.get(number) for number in box.queue.numbers(dead=True)]
    assert sum(told) + sum(one.parcel.rows for one in kept) == 600, "each row that went was told"
    assert max(one.last for one in kept) == (29 * 100 + 19) * 10**9
    assert box.queue.depth().rows == 0, "what waits is not touched by it"


def test_what_was_refused_together_counts_when_its_parts_are_tried(tmp_path):
    """A request as large as the plan allows is refused as a whole: its first part waits for the next five minutes."""
    away = [True]

    def what(lines):
        if away:
            raise Unreachable("away")
        return refuses(lambda line: b"x=7 " in line, store=False)(lines)

    box = Box(tmp_path, Server(what), Policy(seconds=5, window_bytes=4000))
    box.run(*[frame(number * 10, number * 10 + 9) for number in range(40)])
    away.clear()
    taken = []
    while box.queue.depth().rows and len(taken) < 40:
        box.now += 3600
        before = sum(len(b"".join(lines)) for lines in box.server.requests)
        box.run()
        taken.append(sum(len(b"".join(lines)) for lines in box.server.requests) - before)
    assert max(taken) <= 4000, taken
    assert max(taken) > 3500
    assert box.server.points == {key: value for key, value in points(0, 399).items() if value != "x=7"}


def known(folder):
    """A ledger in which every table of the outbox has a row."""
    ledger = Ledger(folder / "state.db", SCHEMA)
    queue = Queue(ledger)
    queue.add([Waiting(pack(BUCKET, "s", b"m x=1 7\n", 1), "m", 7, 7, NOW)])
    queue.want(BUCKET, 30)
    queue.sent(NOW, 100, 300.0)
    queue.judge_later(BUCKET, "m", 5, 9)
    queue.add_fields(BUCKET, "m", [Field("x", "number"), Field("y", "text", "", True)])
    queue.add_series(BUCKET, [b"a"])
    return ledger


def oldest(queue):
    found = queue.oldest()
    if found is None:
        Courier(queue, Server, Policy()).work()
    return found


READ = {
    "outbox": oldest,
    "totals": lambda queue: (queue.depth(), queue.depth(dead=True)),
    "buckets": lambda queue: queue.wanted(BUCKET),
    "sent": lambda queue: queue.sent_since(NOW - 300),
    "unjudged": lambda queue: queue.unjudged(),
    "fields": lambda queue: queue.fields(BUCKET, "m"),
}
# As if it was not known yet: then it is found out again.
ABSENT = {"buckets": (None,), "fields": ({"y": Field("y", "text", "", True)},)}


@pytest.mark.parametrize("table", sorted(READ))
def test_no_value_of_the_state_changes_unnoticed(tmp_path, table):
    ledger = known(tmp_path)
    with ledger.reading() as db:
        columns = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")]
        (before,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
    assert before
    ledger.close()
    shutil.copy(tmp_path / "state.db", tmp_path / "kept")
    for column in columns:
        for value in ("NULL", "'text'", "0", "31", "8589934592.0"):
            shutil.copy(tmp_path / "kept", tmp_path / "state.db")
            ledger = Ledger(tmp_path / "state.db", SCHEMA)
            right = READ[table](Queue(ledger))
            with contextlib.suppress(sqlite3.IntegrityError), contextlib.closing(sqlite3.connect(ledger.path)) as db:
                db.execute("DROP TRIGGER outbox_came")  # only the value itself is changed
                (first,) = db.execute(f"SELECT min(rowid) FROM {table}").fetchone()  # noqa: S608
                db.execute(f"UPDATE {table} SET {column} = {value} WHERE rowid = {first}")  # noqa: S608
                db.commit()
            try:
                found = READ[table](Queue(ledger))
            except Damaged:
                assert ledger.damaged
            else:
                assert found in (right, *ABSENT.get(table, ())), (column, value)
            ledger.close()


def test_every_table_of_the_state_is_among_those_looked_at(tmp_path):
    """`series` is counted only, for a warning."""
    ledger = known(tmp_path)
    with ledger.reading() as db:
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert names == {*READ, "series", "notes", "sqlite_sequence"}
    ledger.close()


@pytest.mark.parametrize("flip", [1, 2**20, 2**40])
@pytest.mark.parametrize("column", ["parcels", "rows", "bytes", "sum"])
def test_totals_that_a_disk_changed_delete_and_hide_nothing(tmp_path, column, flip):
    """A total of bytes that is too large would empty the outbox; one of rows that is 0 would call it delivered."""
    box = Box(tmp_path, Server(fails(1, Unreachable("away"))))
    box.run(frame(0, 9))
    with box.queue.ledger.transaction() as db:
        db.execute(f"UPDATE totals SET {column} = ({column} | {flip}) - ({column} & {flip}) WHERE dead = 0")  # noqa: S608
    for do in (lambda: box.run(frame(10, 19)), box.run, lambda: box.queue.depth(), lambda: box.queue.trim(10**9, 0)):
        with pytest.raises(Damaged):
            do()
    assert len(box.queue.numbers(dead=False)) >= 1


def test_a_parcel_to_which_an_index_does_not_lead_is_noticed(tmp_path):
    box = Box(tmp_path, Server(fails(1, Unreachable("away"))))
    box.run(frame(0, 9))
    with box.queue.ledger.transaction() as db:
        (sql,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'outbox_reason'").fetchone()
        db.execute("DROP INDEX outbox_reason")
        db.execute(f"{sql} WHERE reason = 'nothing'")
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'outbox_reason'", (sql,))
    box.queue.ledger.close()
    box.now += 3600
    with pytest.raises(Damaged, match="rows that wait, and no way to them"):
        box.run()


def test_a_parcel_that_comes_while_the_courier_asks_is_not_left_behind(tmp_path):
    """The last rows are written, and the end is told, in the moment between the courier's two questions."""
    queue, server, told = Queue(Ledger(tmp_path / "state.db", SCHEMA)), Server(), []

    class Late(Queue):
        def oldest(self, closed=()):
            found = super().oldest(closed)
            if not told:
                self.add([Waiting(pack(BUCKET, "s", b"m x=1 7\n", 1), "m", 7, 7, NOW)])
                told.append(True)
            return found

    done = Courier(Late(queue.ledger), lambda: server, Policy(), now=lambda: NOW, ended=lambda: bool(told)).work()
    assert (done.rows, queue.depth().rows) == (1, 0)
    queue.ledger.close()


def test_a_damaged_note_of_what_was_to_be_made_again_counts_as_not_made(tmp_path):
    ledger = Ledger(tmp_path / "state.db", SCHEMA)
    assert ledger.fresh
    with ledger.transaction() as db:
        db.execute("UPDATE notes SET value = '!' WHERE name = 'fresh'")
    ledger.close()
    ledger = Ledger(tmp_path / "state.db", SCHEMA)
    assert ledger.fresh
    ledger.close()
