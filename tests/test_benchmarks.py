"""The benchmarks work; how long anything takes is for docs/benchmarks.md and not for a test."""

from pathlib import Path

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import common

TINY = common.Sizes(
    rows=300, slow_rows=100, small_bytes=10_000, large_bytes=100_000, files=3, stored=(100, 1_000), repeats=1
)
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


@pytest.mark.parametrize(
    "part",
    [part for parts in benchmarks.PARTS.values() for part in parts],
    ids=lambda part: f"{part.__module__.rpartition('.')[2]}-{part.__name__}",
)
def test_every_part_gives_figures(part, tmp_path):
    figures = part(tmp_path, TINY)
    assert figures
    assert all(figure.what and figure.value for figure in figures)


def test_a_file_made_up_has_the_rows_and_the_size_asked_for(tmp_path):
    path = tmp_path / "fast.dat"
    rows = common.write_bytes(path, 100_000)
    common.append(path, rows, 12)
    lines = path.read_bytes().splitlines()
    assert len(lines) == common.LINES_OF_HEADER + rows + 12
    assert 95_000 < path.stat().st_size < 105_000
    assert [int(line.split(b",")[1]) for line in lines[common.LINES_OF_HEADER :]] == list(range(rows + 12))


def test_stamps_go_on_after_midnight():
    *_, before, after = b"".join(common.lines(common.DAY - 3, 4)).splitlines()
    assert before.startswith(b'"2024-01-01 23:59:59",86399,')
    assert after.startswith(b'"2024-01-02 00:00:00",86400,')


def test_a_part_that_fails_is_no_figure():
    with pytest.raises(RuntimeError, match="exit status 3"):
        common.child("-c", "raise SystemExit(3)")


def test_the_page_keeps_its_words_around_a_new_table():
    page = PAGE.read_text(encoding="utf-8")
    for part in benchmarks.PARTS:
        again = benchmarks.with_table(page, part, "a table")
        begin, end = (mark.format(part=part) for mark in (benchmarks.BEGIN, benchmarks.END))
        assert f"{begin}\na table\n{end}" in again
        assert again.partition(begin)[0] == page.partition(begin)[0]
        assert again.partition(end)[2] == page.partition(end)[2]
