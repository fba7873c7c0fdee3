"""What was added to the archive is found again, whole or not at all, whatever happened to the files since."""

import datetime as dt
import gzip
import json
import os
import random
import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldline import held as held_files
from fieldline.errors import InputError, Unreachable
from fieldline.readers import toa5
from fieldline.sources import members
from fieldline.sources.archive import Archive, safe_name

DAY = dt.date(2024, 6, 30)
HEAD = (
    b'"TOA5","Tower","CR1000","1","CR1000.Std.27","CPU:a.CR1","1234","Met"\r\n'
    b'"TIMESTAMP","RECORD","AirTC"\r\n"TS","RN","Deg C"\r\n"","","Avg"\r\n'
)
FOLDER = Path(__file__).parents[2] / "shared" / "data" / "loggers"


def row(number):
    return b'"2024-06-30 %02d:%02d:00",%d,%d.5\r\n' % (number // 60 % 24, number % 60, number, number % 30)


def add(archive, number, body=None, *, station="Tower", table="Met", file="Met.dat", day=DAY, head=HEAD, stamps=None):
    """Add one row, or `body`; return what must be read again."""
    body = row(number) if body is None else body
    first, last = stamps if stamps else (number, number)
    archive.add(station, table, Path("C:/Logger") / file, number, number + 5, head, body, first, last, day)
    return head + body


def only_file(folder):
    (path,) = folder.glob("*/*/*.dat.gz")
    return path


def contents(archive, problems=None):
    """What can be read, by number; what can't goes to `problems`."""
    problems = [] if problems is None else problems
    found = {}
    for entry in archive.entries(problems=problems):
        try:
            found[entry.number] = archive.read(entry)
        except InputError as error:
            problems.append(str(error))
    return found


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(max_size=9), st.text(max_size=9), st.text(), st.binary(max_size=200), st.binary(max_size=900)
        ),
        max_size=6,
    )
)
def test_whatever_was_added_is_read_again_as_it_was(tmp_path_factory, members_):
    folder = tmp_path_factory.mktemp("archive")
    archive = Archive(folder)
    for number, (station, table, name, head, body) in enumerate(members_):
        archive.add(station, table, Path("logger") / f"x{name}", number, 1, head, body, None, None, DAY)
    entries = list(archive.entries())
    assert [(entry.station, entry.table, entry.head) for entry in entries] == [
        (m[0], m[1], len(m[3])) for m in members_
    ]
    assert [archive.read(entry) for entry in entries] == [m[3] + m[4] for m in members_]
    assert archive.newest() == len(members_) - 1


def test_an_entry_says_where_the_rows_came_from(tmp_path):
    archive = Archive(tmp_path / "archive")
    archive.add("Tower", "Met", Path("data/Met.dat"), 7, 120, HEAD, row(1) + row(2), 10, 20, DAY)
    (entry,) = archive.entries()
    path = only_file(tmp_path / "archive")
    assert path.name == "2024-06-30.dat.gz"
    assert (entry.path, entry.offset, entry.length) == (path, 0, path.stat().st_size)
    assert (entry.station, entry.table, entry.file) == ("Tower", "Met", str(Path("data/Met.dat")))
    assert (entry.number, entry.line, entry.first, entry.last) == (7, 120, 10, 20)
    assert (entry.size, entry.head) == (len(HEAD + row(1) + row(2)), len(HEAD))


def test_bytes_are_kept_as_they_were_read(tmp_path):
    archive = Archive(tmp_path)
    odd = b'"2024-06-30 00:00:00",1,\0\0\0\0\r\nnonsense \xff\xfe\r\n\r\n' + bytes(range(256)) + b"\n"
    content = add(archive, 0, odd)
    assert contents(archive) == {0: content}


def test_a_day_is_a_file_that_gzip_programs_unpack_and_the_reader_reads(tmp_path):
    archive = Archive(tmp_path)
    whole = b"".join(add(archive, number) for number in range(50))
    path = only_file(tmp_path)
    assert gzip.decompress(path.read_bytes()) == whole
    assert sum(block.body.count(b"\n") for block in toa5.split(whole, None, path.name)) == 50
    if shutil.which("gzip"):
        assert subprocess.run(["gzip", "-dc", str(path)], capture_output=True, check=True).stdout == whole
        subprocess.run(["gzip", "-t", str(path)], check=True)


def test_the_header_is_one_of_rfc_1952(tmp_path):
    archive = Archive(tmp_path)
    add(archive, 3, file="Mét ☂.dat")
    data = only_file(tmp_path).read_bytes()
    assert data[:4] == b"\x1f\x8b\x08\x1c" and data[10:16] == b"\x10\0FL\x0c\0"
    name, comment, _ = data[28:].split(b"\0", 2)
    assert name == "Mét ?.dat".encode("latin-1")
    assert json.loads(comment.decode("ascii"))["file"] == str(Path("C:/Logger/Mét ☂.dat"))


def test_a_table_without_header_lines_and_without_rows_can_be_kept(tmp_path):
    archive = Archive(tmp_path)
    add(archive, 0, b"101,2024,182,30,5.1\r\n", head=b"")
    add(archive, 1, b"", head=b"")
    assert contents(archive) == {0: b"101,2024,182,30,5.1\r\n", 1: b""}


def test_nothing_is_kept_in_a_dry_run(tmp_path):
    archive = Archive(None)
    add(archive, 0)
    assert (list(archive.entries()), archive.newest(), archive.size(), archive.prune(DAY, 0, 0)) == ([], -1, 0, [])


def test_an_archive_that_was_never_written_to_is_empty(tmp_path):
    archive = Archive(tmp_path / "none")
    assert (list(archive.entries()), archive.newest(), archive.size(), archive.prune(DAY, 0, 0)) == ([], -1, 0, [])


# Choosing


def test_entries_come_in_order_of_their_numbers_over_all_files(tmp_path):
    archive = Archive(tmp_path)
    order = random.Random(1).sample(range(60), 60)
    for number in sorted(order, key=lambda n: (n % 3, n)):
        add(archive, number, table=f"T{number % 3}", day=DAY - dt.timedelta(days=number % 5))
    assert [entry.number for entry in archive.entries()] == list(range(60))
    assert [entry.number for entry in archive.entries(after=57)] == [58, 59]


def test_entries_are_chosen_by_overlap_and_those_without_stamps_always_come(tmp_path):
    archive = Archive(tmp_path)
    for number, stamps in enumerate([(0, 9), (10, 19), (20, 29), (None, None)]):
        add(archive, number, stamps=stamps)
    chosen = {
        (start, end): [entry.number for entry in archive.entries(start=start, end=end)]
        for start, end in [(None, None), (10, 20), (9, 10), (19, 21), (30, None), (None, 0), (None, 1)]
    }
    assert chosen == {
        (None, None): [0, 1, 2, 3],
        (10, 20): [1, 3],
        (9, 10): [0, 3],
        (19, 21): [1, 2, 3],
        (30, None): [3],
        (None, 0): [3],
        (None, 1): [0, 3],
    }


def test_the_newest_number_is_right_when_the_clock_went_back_and_when_members_are_long(tmp_path):
    archive = Archive(tmp_path)
    add(archive, 4, day=DAY)
    add(archive, 9, day=DAY - dt.timedelta(days=40))
    add(archive, 5, table="Other", day=DAY + dt.timedelta(days=1))
    assert archive.newest() == 9
    add(archive, 10, random.Random(1).randbytes(200_000))
    assert archive.newest() == 10


# Names

NAMES = [
    "Met",
    "met",
    "MET",
    "con",
    "CON",
    "nul",
    "com1",
    "con.txt",
    "a.b",
    "a_b",
    "a/b",
    "a\\b",
    "..",
    ".",
    "",
    " ",
    "a ",
]
NAMES += [
    "a.",
    "a",
    "-a",
    "_a",
    "ä",
    "Ä",
    "a\u0308",
    "x" * 40,
    "x" * 41,
    "x" * 300,
    "X" * 300,
    "a:b",
    "a*",
    "a\0",
    "a\n",
]
NAMES += [safe_name("Met"), "İ", "i", "ſ", "s", "K", "k", "\udcff", "com¹", "conin$"]


def harmless(path_name):
    return re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_~-]*", path_name) and len(path_name) <= 51


@given(st.lists(st.one_of(st.sampled_from(NAMES), st.text(alphabet="aA.:_-~ Ä", max_size=4)), unique=True, max_size=20))
def test_different_names_never_become_one_path_and_every_platform_takes_them(names):
    safe = [safe_name(name) for name in names]
    assert len({name.casefold() for name in safe}) == len(names)
    assert all(map(harmless, safe))
    reserved = {"con", "prn", "aux", "nul", *(f"{word}{n}" for word in ("com", "lpt") for n in range(10))}
    assert not reserved & {name.casefold() for name in safe}


def test_all_of_the_odd_names_differ():
    assert len({safe_name(name).casefold() for name in NAMES}) == len(set(NAMES))


def test_stations_and_tables_whose_names_no_file_can_have_are_kept_apart(tmp_path):
    archive = Archive(tmp_path)
    for number, name in enumerate(NAMES):
        add(archive, number, station=name, table=name)
    assert [entry.table for entry in archive.entries()] == NAMES
    assert len(list(tmp_path.glob("*/*/*"))) == len(set(NAMES))


# Damage


@pytest.fixture(scope="module")
def day_file(tmp_path_factory):
    """A file of a dozen members, what each holds, and where each begins."""
    folder = tmp_path_factory.mktemp("whole")
    archive = Archive(folder)
    wanted = {n: add(archive, n, b"".join(row(n * 20 + k) for k in range(1 + n % 4 * 20))) for n in range(12)}
    starts = [entry.offset for entry in archive.entries()]
    return folder, only_file(folder).read_bytes(), wanted, starts


def damaged(day_file, tmp_path, data):
    """An archive of the same file with other bytes."""
    folder = tmp_path / "archive"
    path = folder / only_file(day_file[0]).relative_to(day_file[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return Archive(folder)


def hit(starts, size, place):
    """The number of the member that has the byte at `place`."""
    return max(number for number, start in enumerate([*starts, size]) if start <= place)


def test_a_flipped_bit_costs_at_most_the_member_that_has_it(day_file, tmp_path):
    _, data, wanted, starts = day_file
    places = {*range(0, len(data), 100), *(s + k for s in starts for k in range(-9, 34) if 0 <= s + k < len(data))}
    for place in sorted(places):
        broken = bytearray(data)
        broken[place] ^= 1 << place % 8
        problems = []
        found = contents(damaged(day_file, tmp_path, bytes(broken)), problems)
        number = hit(starts, len(data), place)
        assert {n: c for n, c in wanted.items() if n != number}.items() <= found.items(), place
        assert found.items() <= wanted.items(), place
        assert problems or found == wanted, place  # a few bits mean nothing: those that fill up the last byte


def test_a_file_that_was_cut_off_has_all_members_before_the_cut_and_takes_new_ones(day_file, tmp_path):
    _, data, wanted, starts = day_file
    cuts = {*range(0, len(data), 100), *(s + k for s in starts for k in range(-9, 34) if 0 <= s + k < len(data))}
    for cut in sorted(cuts):
        archive = damaged(day_file, tmp_path, data[:cut])
        ends = [*starts[1:], len(data)]
        whole = {n for n, end in enumerate(ends) if end <= cut}
        problems = []
        found = contents(archive, problems)
        assert whole <= set(found), cut
        assert found.items() <= wanted.items(), cut
        assert (cut in (0, *ends)) == (not problems), cut
        new = add(archive, 99)
        again = contents(archive)
        assert {**found, 99: new}.items() <= again.items(), cut
        assert again.items() <= {**wanted, 99: new}.items(), cut  # its first byte may stand for the last one missing
        assert archive.newest() == 99


def test_bytes_missing_or_foreign_in_the_middle_cost_only_what_they_hit(day_file, tmp_path):
    _, data, wanted, starts = day_file
    chance = random.Random(5)
    for _ in range(150):
        start = chance.randrange(len(data))
        stop = min(start + chance.randrange(1, 3000), len(data))
        for filling in (b"", bytes(stop - start), chance.randbytes(50), data[:70]):
            if filling == data[start:stop]:
                continue
            problems = []
            found = contents(damaged(day_file, tmp_path, data[:start] + filling + data[stop:]), problems)
            spared = set(wanted) - set(range(hit(starts, len(data), start), hit(starts, len(data), stop - 1) + 1))
            assert spared <= set(found)
            assert found.items() <= wanted.items()


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.binary(max_size=400))
def test_no_foreign_bytes_hide_a_member_or_become_one(tmp_path_factory, before, after):
    folder = tmp_path_factory.mktemp("archive")
    archive = Archive(folder)
    wanted = {0: add(archive, 0)}
    path = only_file(folder)
    path.write_bytes(before + path.read_bytes() + after)
    problems = []
    assert contents(archive, problems) == wanted
    assert len(problems) == bool(before) + bool(after)


def test_a_problem_says_which_file_where_and_which_rows_are_lost(day_file, tmp_path):
    _, data, _, starts = day_file
    archive = damaged(day_file, tmp_path, data[:-20])
    problems = []
    assert len(list(archive.entries(problems=problems))) == 11
    assert problems == [
        f"{only_file(tmp_path / 'archive')} at byte {starts[-1]}: found a member without its last 20 bytes "
        f"({len(data) - 20 - starts[-1]} bytes), expected a whole member of the archive.\n"
        f"  Passed over: the rows of Met from line 16 of {Path('C:/Logger/Met.dat')} on (number 11, 1970-01-01 "
        "00:00:00 to 1970-01-01 00:00:00 UTC). If the logger's own file still has them, load that again."
    ]


def test_rows_that_hold_a_file_of_the_archive_are_not_taken_for_members(tmp_path):
    """Bytes that do not shrink stand in a member as they are; a search behind a damaged header must not find them."""
    inner = Archive(tmp_path / "inner")
    add(inner, 1, random.Random(2).randbytes(5000))
    archive = Archive(tmp_path / "outer")
    content = add(archive, 7, only_file(tmp_path / "inner").read_bytes(), head=b"")
    assert contents(archive) == {7: content}
    path = only_file(tmp_path / "outer")
    assert gzip.decompress(path.read_bytes()) == content
    path.write_bytes(b"\0" + path.read_bytes()[1:])
    problems = []
    assert contents(archive, problems) == {}
    assert len(problems) == 1


def test_no_more_is_unpacked_than_the_header_says(tmp_path, monkeypatch):
    """A member whose header speaks of 100 bytes and whose body holds 100 million."""
    bomb = members._deflate(b"", bytes(100_000_000), 3)
    monkeypatch.setattr(members, "_deflate", lambda head, body, level: bomb)
    archive = Archive(tmp_path)
    add(archive, 0, bytes(100))
    (entry,) = archive.entries()
    with pytest.raises(InputError, match="not those which were written"):
        archive.read(entry)


def test_a_header_that_speaks_of_more_than_any_member_has_is_no_header(tmp_path, monkeypatch):
    archive = Archive(tmp_path)
    with monkeypatch.context() as patch, pytest.raises(ValueError, match="at most"):
        patch.setattr(members, "LARGEST", 50)
        add(archive, 0)
    add(archive, 0)
    monkeypatch.setattr(members, "LARGEST", 50)
    assert list(archive.entries()) == []


def test_a_header_of_another_version_is_passed_over(tmp_path):
    path = tmp_path / "a" / "b" / "2024-06-30.dat.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(members.pack("x", {"station": "a", "table": 5}, b"", b"rows", 1))
    problems = []
    assert list(Archive(tmp_path).entries(problems=problems)) == []
    assert len(problems) == 1


def test_an_entry_whose_file_has_changed_or_gone_can_not_be_read(tmp_path):
    archive = Archive(tmp_path)
    add(archive, 0)
    (entry,) = archive.entries()
    only_file(tmp_path).unlink()
    with pytest.raises(InputError, match="number 0"):
        archive.read(entry)
    add(archive, 1)
    with pytest.raises(InputError, match="number 0"):
        archive.read(entry)


# Writing that fails


def test_what_can_not_be_written_is_unreachable(tmp_path):
    (tmp_path / "archive").write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(Unreachable, match="The next run reads the rows again"):
        add(Archive(tmp_path / "archive"), 0)


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
def test_a_full_disk_leaves_what_was_there_and_nothing_half_written(tmp_path):
    """A file that may not grow beyond a limit behaves as on a full disk: a part is written, the rest is refused."""
    script = f"""
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_archive as t
archive = t.Archive(Path({str(tmp_path)!r}))
t.add(archive, 0)
size = archive.size()
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, size + 100))
for _ in range(3):
    try:
        t.add(archive, 1)
        sys.exit("written?")
    except t.Unreachable:
        assert archive.size() == size
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    archive = Archive(tmp_path)
    new = add(archive, 2)
    assert contents(archive) == {0: HEAD + row(0), 2: new}


@pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL")
def test_a_process_that_is_killed_while_it_adds_loses_nothing_that_it_had_added(tmp_path):
    script = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_archive as t
archive = t.Archive(Path({str(tmp_path)!r}))
for number in range(archive.newest() + 1, 10**9):
    t.add(archive, number, t.row(number) * 200)
    print(number, flush=True)
"""
    done = []
    for _ in range(8):
        child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        for line in child.stdout:
            done.append(int(line))
            if len(done) % 13 == 12:
                child.kill()
                break
        child.wait()
        done += [int(line) for line in child.stdout]
        child.stdout.close()
    found = contents(Archive(tmp_path))
    assert set(done) <= set(found)
    assert all(content == HEAD + row(number) * 200 for number, content in found.items())


def held(path, times):
    """What another program on Windows does to those who open its file: `times` refusals."""
    left = [times]
    real = Path.open

    def refuse(self, *args, **kwargs):
        if self == path and left[0]:
            left[0] -= 1
            raise PermissionError(13, "held by another process")
        return real(self, *args, **kwargs)

    return refuse


def test_a_file_that_is_held_for_a_moment_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(held_files, "PAUSES", (0, 0))
    archive = Archive(tmp_path)
    first = add(archive, 0)
    path = only_file(tmp_path)
    monkeypatch.setattr(Path, "open", held(path, 2))
    second = add(archive, 1)
    monkeypatch.setattr(Path, "open", held(path, 2))
    assert contents(archive) == {0: first, 1: second}


def test_a_file_that_stays_held_is_unreachable(tmp_path, monkeypatch):
    monkeypatch.setattr(held_files, "PAUSES", (0, 0))
    archive = Archive(tmp_path)
    add(archive, 0)
    (entry,) = archive.entries()
    monkeypatch.setattr(Path, "open", held(entry.path, 10**6))
    for work in (
        lambda: add(archive, 1),
        lambda: list(archive.entries()),
        lambda: archive.read(entry),
        lambda: archive.newest(),
    ):
        with pytest.raises(Unreachable, match="held by another process"):
            work()


def test_a_file_that_can_not_be_read_is_said_and_the_others_are_read(tmp_path):
    archive = Archive(tmp_path)
    content = add(archive, 0)
    blocked = only_file(tmp_path).with_name("2024-06-29.dat.gz")
    try:
        blocked.symlink_to(tmp_path / "nowhere")
    except OSError:
        pytest.skip("this account may not make symbolic links")
    problems = []
    assert contents(archive, problems) == {0: content}
    assert len(problems) == 1 and str(blocked) in problems[0]
    assert archive.newest() == 0


# Pruning


def filled(folder, days):
    archive = Archive(folder)
    for number in range(days):
        add(archive, number, random.Random(number).randbytes(300_000), day=DAY - dt.timedelta(days=days - 1 - number))
    return archive


def left(archive):
    return [entry.number for entry in archive.entries()]


@pytest.mark.parametrize(
    ("keep_days", "megabytes", "kept"),
    [
        (None, None, [0, 1, 2, 3, 4]),
        (4, None, [0, 1, 2, 3, 4]),
        (1, None, [3, 4]),
        (0, None, [4]),
        (None, 2, [0, 1, 2, 3, 4]),
        (None, 1, [2, 3, 4]),
        (None, 0, [4]),
        (3, 1, [2, 3, 4]),
    ],
)
def test_the_oldest_days_are_pruned_and_never_the_current_one(tmp_path, keep_days, megabytes, kept):
    archive = filled(tmp_path, 5)
    size = archive.size()
    deleted = archive.prune(DAY, keep_days, megabytes)
    assert left(archive) == kept
    assert len(deleted) == 5 - len(kept)
    assert archive.size() == size - sum(bytes_ for _, bytes_ in deleted)
    assert [path for path, _ in deleted] == sorted(path for path, _ in deleted)


def test_days_to_come_are_kept_until_they_are_past(tmp_path):
    archive = filled(tmp_path, 3)
    archive.prune(DAY - dt.timedelta(days=1), 0, 0)
    assert left(archive) == [1, 2]


def test_folders_go_with_their_last_file_and_foreign_files_stay(tmp_path):
    archive = Archive(tmp_path)
    old = DAY - dt.timedelta(days=9)
    add(archive, 0, station="gone", table="a", day=old)
    add(archive, 1, station="kept", table="a", day=old)
    add(archive, 2, station="kept", table="b")
    add(archive, 3, station="foreign", table="a", day=old)
    foreign = [tmp_path / "foreign" / "a" / name for name in ("notes.txt", "2024-06-3x.dat.gz", "2024-02-30.dat.gz")]
    for path in foreign:
        path.write_bytes(b"mine")
    assert len(archive.prune(DAY, 1, 0)) == 3
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_dir()) == [
        *("foreign", "foreign/a", "kept", "kept/b")
    ]
    assert all(path.read_bytes() == b"mine" for path in foreign)


# Real files


@pytest.mark.skipif(not FOLDER.is_dir() and "CI" not in os.environ, reason="the collection of real files is not here")
def test_every_real_file_comes_back_byte_for_byte(tmp_path):
    archive = Archive(tmp_path)
    paths = sorted(path for path in FOLDER.glob("*/*.dat"))
    assert len(paths) > 20
    for number, path in enumerate(paths):
        archive.add("any", path.stem, path, number, 1, b"", path.read_bytes(), None, None, DAY)
    read = {entry.file: zlib.crc32(archive.read(entry)) for entry in archive.entries()}
    assert read == {str(path): zlib.crc32(path.read_bytes()) for path in paths}
