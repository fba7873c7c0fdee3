"""What docs/delivery.md says of other ways is so: they lose rows, and fieldline loses none in the same place."""

import pytest

from benchmarks import losses, original
from facade import ALL, Facade
from servers import Influxd

ROWS = 1_500  # one batch of the client, and half of one that waits for a second


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("losses")
    with Influxd(folder / "influxd") as influxd, Facade(influxd, "oss2", {original.TOKEN: ALL}) as facade:
        yield losses.Place(folder / "sites", facade)


def load(script):
    return losses.loaded(script, losses.rows(0, ROWS))


def test_batching_that_is_not_closed_loses_rows(place):
    tries = (place.arrive("", "unclosed", load) for _ in range(3))  # a machine that stands still may let one through
    assert any(one.lost for one in tries)


def test_what_is_closed_and_what_is_synchronous_lose_nothing_while_the_server_is_there(place):
    assert [place.arrive("", way, load).lost for way in ("closed", "synchronous")] == [0, 0]


def test_fieldline_loses_nothing_when_the_script_ends(place):
    assert place.arrive("", losses.FIELDLINE, load).lost == 0


@pytest.mark.parametrize("part", [losses.runs_without_server, losses.bad_cells, losses.whole_numbers])
def test_fieldline_loses_nothing_where_the_other_way_does(place, part):
    found = list(part(place, 20))
    assert {one.what for one in found if one.way == losses.FIELDLINE and one.lost} == set()
    assert all(one.lost for one in found if one.way != losses.FIELDLINE)
    assert {one.way for one in found} > {losses.FIELDLINE}


def test_the_page_shows_the_table():
    before, _, rest = losses.PAGE.read_text(encoding="utf-8").partition(losses.BEGIN)
    assert before
    lines = [
        line.split("|") for line in rest.partition(losses.END)[0].splitlines() if f"**{losses.FIELDLINE}**" in line
    ]
    assert lines
    assert {line[-2].strip() for line in lines} == {"0"}
