"""Wherever a file is cut, and into however many runs it falls: never a wrong value, and the same store at the end."""

import contextlib
import itertools
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fieldline.errors import InputError
from fieldline.sources.memory import Memory
from growing import Site, header, manager, row, rows, settled, stamp, temp, wanted

LAST = 200
WHOLE = header() + rows(0, 19)


class Kept:
    """A sink that keeps points as a store does: a field that is missing keeps its earlier value."""

    def __init__(self):
        self.points = {}

    def create(self, bucket, keep_days):
        pass

    def write(self, bucket, measurement, frame, tags=(), units=None):
        for time, values in zip(frame.index.tz_localize(None).to_pydatetime(), frame.to_dict("records"), strict=True):
            there = {name: value for name, value in values.items() if value is not None and value == value}
            self.points.setdefault(time, {}).update(there)
        return len(frame)

    def close(self):
        pass


def read_on(path, sink, memory):
    """One run over one file; a header that is not complete yet is no news."""
    with contextlib.suppress(InputError):
        manager(settled(path), sink, memory).update_db()


def in_runs(path, data, ends):
    """The store after the file has grown to each of `ends` and then to its full length; no state may be wrong."""
    sink, memory = Kept(), Memory(None)
    states = []
    for end in [*ends, len(data)]:
        path.write_bytes(data[:end])
        read_on(path, sink, memory)
        states.append({time: dict(values) for time, values in sink.points.items()})
    for state in states:
        for time, values in state.items():
            assert time in states[-1], "a row that is in no line"
            assert values.items() <= states[-1][time].items(), "a value that is in no line"
    return states[-1]


@pytest.mark.parametrize("first", range(0, LAST, 20))
def test_a_file_cut_at_every_byte_of_its_end_gives_no_wrong_value(tmp_path, first):
    path = tmp_path / "tower.dat"
    for cut in range(first, first + 20):
        end = len(WHOLE) - cut
        sink, memory = Kept(), Memory(None)
        path.write_bytes(WHOLE[:end])
        read_on(path, sink, memory)
        complete = WHOLE[:end].count(b"\n") - 4
        assert {time: values["Temp"] for time, values in sink.points.items()} == wanted(*range(complete)), cut
        path.write_bytes(WHOLE)
        read_on(path, sink, memory)
        assert {time: values["Temp"] for time, values in sink.points.items()} == wanted(*range(20)), cut


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 9, 17, 33, 65, 129, 199])
def test_a_file_cut_at_its_end_gives_no_wrong_value_in_the_store(tmp_path, cut):
    site = Site(tmp_path)
    site.put(WHOLE[:-cut])
    site.run()
    assert site.stored() == wanted(*range(WHOLE[:-cut].count(b"\n") - 4))
    site.put(WHOLE)
    assert site.run()[0] == 0
    assert site.stored() == wanted(*range(20))


def test_a_file_cut_at_every_byte_of_its_header_is_waited_for(tmp_path):
    path = tmp_path / "tower.dat"
    for end in range(len(header()) + 1):
        found = in_runs(path, WHOLE, [end])
        assert {time: values["Temp"] for time, values in found.items()} == wanted(*range(20)), end


NOTES = st.sampled_from(["fine", "wet, cold", 'the ""old"" one', "µ"])
VALUES = st.one_of(st.none(), st.floats(-1e6, 1e6).map(lambda value: round(value, 4)))


@st.composite
def grown(draw):
    """A file with what files hold: missing values, commas in text, another header, rows again, lines that are broken.

    Returns its bytes and what must be stored: stamp -> values.
    """
    data, points, names = [], {}, ("Temp", "Note")

    def begin(more):
        data.append(header(*more))

    begin(names[1:])
    for number in range(draw(st.integers(1, 30))):
        what = draw(st.sampled_from(["row"] * 8 + ["header", "again", "broken", "power", "empty"]))
        if what == "header":
            names = ("Temp", "Note", "RH") if names == ("Temp", "Note") else ("Temp", "Note")
            begin(names[1:])
        elif what == "again" and data[-1].startswith(b'"2026'):
            data.append(data[-1])
        elif what == "broken":
            data.append(b'"2026-06-25 00:00:00",77,6\r\n')
        elif what == "power":
            data.append(b'"2026-06-25 00:00:00",7' + bytes(50))
        elif what == "empty":
            data.append(b"\r\n")
        value, note, humid = draw(VALUES), draw(NOTES), draw(VALUES)
        words = [f'"{note}"', *(["NAN" if humid is None else humid] if "RH" in names else [])]
        data.append(row(number, *words, value='"NAN"' if value is None else value))
        points[stamp(number)] = {"RECORD": number, "Note": note.replace('""', '"')}
        points[stamp(number)] |= {"Temp": value} if value is not None else {}
        points[stamp(number)] |= {"RH": humid} if humid is not None and "RH" in names else {}
    return b"".join(data), points


def check(found, points):
    """Every value that stands in a line, and no other."""
    found = {
        time: {name: value for name, value in values.items() if name not in ("station", "serial")}
        for time, values in found.items()
    }
    assert found.keys() == points.keys()
    for time, values in points.items():
        assert found[time].keys() == values.keys(), time
        for name, value in values.items():
            assert found[time][name] == value or math.isclose(found[time][name], value, rel_tol=0), (time, name)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(grown(), st.data())
def test_any_split_into_runs_gives_the_same_store(tmp_path, file, draw):
    data, points = file
    ends = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=8)))
    check(in_runs(tmp_path / "tower.dat", data, ends), points)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(grown(), st.integers(50, 400))
def test_any_size_of_piece_gives_the_same_store(tmp_path_factory, file, size):
    from fieldline.sources import pieces

    data, points = file
    size = max(size, 2 * max(len(line) for line in data.splitlines(keepends=True)), data.count(b"TOA5") and 700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE", size)
        check(in_runs(tmp_path_factory.mktemp("pieces") / "tower.dat", data, []), points)


_sites = itertools.count()


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(5, 40), st.data())
def test_any_split_into_runs_of_the_driver_gives_the_same_store(tmp_path, count, draw):
    site = Site(tmp_path / str(next(_sites)))
    data = header() + rows(0, count - 1)
    for end in sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=5))):
        site.put(data[:end])
        site.run()
        if (site.home / "store.duckdb").exists():
            assert site.stored() == wanted(*range(max(0, data[:end].count(b"\n") - 4)))
    site.put(data)
    assert site.run()[0] == 0
    assert site.stored() == wanted(*range(count))


def test_the_values_above_tell_a_cut():
    """A row whose last digits are missing has another value: the proofs would see it."""
    texts = [str(temp(number)) for number in range(20)]
    assert all(float(text[:-1]) != float(text) for text in texts)
