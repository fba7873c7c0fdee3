"""InfluxQL on the embedded store: what is read and refused, where it differs from influxd, what can't be injected."""

# ruff: noqa: S608  (questions are made of pieces here)

import itertools
import math

import numpy as np
import pandas as pd
import pytest

import influxql_cases as cases
from fieldline import influxql
from fieldline.influxql import QueryError, Refused, Select, Show, SyntaxFault, parse
from fieldline.influxql.grammar import statements
from fieldline.influxql.tree import Binary, Call, Duration, Fill, Item, Ref, Regex, Source, Text
from fieldline.sinks import _select_windows as windows
from fieldline.sinks.embedded import Embedded

T0 = pd.Timestamp("2024-06-01T12:00:00Z")
NOW = (T0 + pd.Timedelta("1h")).value
MINUTE, WEEK = 60 * 10**9, 7 * 86_400 * 10**9


@pytest.fixture
def store(tmp_path):
    made = Embedded(tmp_path / "store.duckdb")
    made.create("field", None)
    return made


def write(store, measurement="m", tags=(), since=T0, every="1min", **columns):
    count = len(next(iter(columns.values())))
    store.write(
        "field", measurement, pd.DataFrame(columns, index=pd.date_range(since, periods=count, freq=every)), tags
    )


def ask(store, question, now=NOW):
    """The series that answer, as influxd would send them."""
    return [cases.rows(series) for statement in parse(question) for series in store.answer("field", statement, now)]


def values(store, question):
    """The rows of the only series that answers; no rows when there is none."""
    found = ask(store, question)
    assert len(found) <= 1
    return found[0]["values"] if found else []


# reading


def test_a_panel_of_grafana_is_read():
    (statement,) = parse(
        'SELECT mean("Temp") AS "t" FROM "autogen"."tower" WHERE ("station"::tag =~ /^(46m|34m)$/) AND time >= 5ms and'
        ' time <= 10ms GROUP BY time(10s), "station"::tag fill(null) ORDER BY time DESC LIMIT 7'
    )
    assert statement == Select(
        items=(Item(Call("mean", (Ref("Temp"),)), "t"),),
        sources=(Source("tower", "autogen"),),
        where=statement.where,
        groups=(Ref("station", "tag"),),
        every=10 * 10**9,
        fill=Fill("null"),
        descending=True,
        limit=7,
    )
    assert Binary("=~", Ref("station", "tag"), Regex("^(46m|34m)$")) in list(influxql.tree.walk(statement.where))
    assert Binary(">=", Ref("time"), Duration(5 * 10**6)) in list(influxql.tree.walk(statement.where))


def test_several_statements_are_read_and_empty_ones_left_out():
    assert parse(";; show measurements ;\nSHOW DATABASES -- and no more\n;") == [
        Show("measurements"),
        Show("databases"),
    ]
    assert parse("") == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('"a b"', "a b"),
        (r'"say \"hi\""', 'say "hi"'),
        (r'"back\\slash"', "back\\slash"),
        ('"Größe"', "Größe"),
        ("_x9", "_x9"),
    ],
)
def test_names_are_read_as_influxd_reads_them(text, name):
    (statement,) = parse(f"SELECT {text} FROM {text}")
    assert (statement.items[0].expr, statement.sources[0].name) == (Ref(name), name)


def test_and_binds_more_than_or_and_arithmetic_more_than_comparisons():
    (statement,) = parse("SELECT a FROM m WHERE a = 'x' OR b = 'y' AND c = 'z'")
    assert statement.where.op == "OR" and statement.where.right.op == "AND"
    assert statement.where.left == Binary("=", Ref("a"), Text("x"))


def test_a_text_is_parsed_once():
    assert parse("SELECT a FROM m")[0] is parse("SELECT a FROM m")[0]


def test_a_statement_names_the_databases_that_it_reads():
    (statement,) = parse('SELECT a FROM m, "other"."autogen"."m", third..m')
    assert influxql.databases(statement, "mine") == {"mine", "other", "third"}
    (shown,) = parse("SHOW TAG KEYS ON other")
    assert influxql.databases(shown, "mine") == {"other"}
    assert influxql.databases(parse("SHOW DATABASES")[0], "mine") == set()


GRAMMAR_REFUSES = {
    "SELECT DISTINCT x FROM m": "distinct()",
    "SELECT count(distinct(x)) FROM m": "distinct()",
    "SELECT x INTO y FROM m": "SELECT INTO",
    "SELECT x FROM (SELECT y FROM m)": "a subquery in FROM",
    "SHOW SERIES": "SHOW SERIES",
    "SHOW USERS": "SHOW USERS",
    "SHOW TAG VALUES CARDINALITY WITH KEY = x": "SHOW ... CARDINALITY",
    "DROP MEASUREMENT m": "DROP",
    "DELETE FROM m": "DELETE",
    "CREATE DATABASE d": "CREATE",
    "EXPLAIN SELECT x FROM m": "EXPLAIN",
    "SELECT x::float FROM m": "a cast to another type",
}
CHECKS_REFUSE = {
    "SELECT mode(x) FROM m": "mode()",
    "SELECT integral(x) FROM m": "integral()",
    "SELECT top(x, 3) FROM m": "top()",
    "SELECT bottom(x, 3) FROM m": "bottom()",
    "SELECT sample(x, 3) FROM m": "sample()",
    "SELECT abs(x) FROM m": "abs()",
    "SELECT holt_winters(mean(x), 1, 1) FROM m GROUP BY time(1h)": "holt_winters()",
    "SELECT last(x), y FROM m": "a tag or field beside a selector function",
    "SELECT x % 2 FROM m": "% in SELECT",
    "SELECT mean(x) FROM m GROUP BY time(1h, now())": "an offset in time() that is not a duration",
}


@pytest.mark.parametrize(("text", "what"), GRAMMAR_REFUSES.items())
def test_what_the_grammar_lacks_is_refused_by_name(text, what):
    with pytest.raises(SyntaxFault, match="unsupported: ") as error:
        parse(text)
    assert what in str(error.value)


@pytest.mark.parametrize(("text", "what"), CHECKS_REFUSE.items())
def test_what_is_not_answered_is_refused_by_name_and_the_others_are_answered(text, what):
    refused, other = parse(f"{text}; SHOW DATABASES")
    assert isinstance(refused, Refused) and refused.message == f"unsupported: {what}"
    assert other == Show("databases")


@pytest.mark.parametrize("text", ["SELECT x FROM m WHERE x > 10m", "SELECT x FROM m WHERE x + 1 > 2"])
def test_comparisons_that_are_not_answered_are_refused(store, text):
    write(store, x=[1.0])
    with pytest.raises(QueryError, match="unsupported: "):
        ask(store, text)


# what influxd does, case by case; tests/test_influxql_differential.py does it at random


def test_windows_without_a_value_are_filled_as_asked(store):
    write(store, x=[1.0, 3.0], every="2min")
    span = f"WHERE time >= {T0.value} AND time < {T0.value}+4m GROUP BY time(1m)"
    rows = {
        how: [row[1] for row in values(store, f"SELECT mean(x) FROM m {span} fill({how})")]
        for how in ("null", "none", "7")
    }
    assert rows == {"null": [1, None, 3, None], "none": [1, 3], "7": [1, 7, 3, 7]}
    assert [row[1] for row in values(store, f"SELECT mean(x) FROM m {span} fill(previous)")] == [1, 1, 3, 3]
    assert [row[1] for row in values(store, f"SELECT mean(x) FROM m {span} fill(linear)")] == [1, 2, 3, None]
    assert [row[1] for row in values(store, f"SELECT count(x) FROM m {span}")] == [1, 0, 1, 0]


def test_the_upper_bound_of_windows_is_now(store):
    write(store, x=[1.0])
    assert len(values(store, f"SELECT mean(x) FROM m WHERE time >= {T0.value} GROUP BY time(10m)")) == 7


def test_days_of_a_zone_have_23_24_or_25_hours(store):
    write(store, since=pd.Timestamp("2024-11-02T00:00Z"), every="1h", x=np.ones(72))
    days = "WHERE time >= '2024-11-02' AND time < '2024-11-04' GROUP BY time(1d) tz('America/Detroit')"
    assert [row[1] for row in values(store, f"SELECT count(x) FROM m {days}")] == [24, 25]


def test_columns_are_named_as_influxd_names_them(store):
    write(store, x=[1.0], y=[2.0])
    (series,) = ask(store, 'SELECT mean(x), mean(y), mean(x) AS "mean_1" FROM m')
    assert series["columns"] == ["time", "mean", "mean_2", "mean_1"]
    assert ask(store, "SELECT mean(*) FROM m")[0]["columns"] == ["time", "mean_x", "mean_y"]
    assert ask(store, 'SELECT time AS "when", mean(x) + mean(y) FROM m')[0]["columns"] == ["when", "mean_mean"]


def test_an_empty_tag_is_none(store):
    write(store, tags=("station",), x=[1.0, 2.0], station=["", "a"])
    assert values(store, "SELECT x, station FROM m WHERE station = ''") == [[T0.value, 1.0, None]]
    assert ask(store, "SHOW TAG VALUES WITH KEY = station")[0]["values"] == [["station", "a"]]


def test_a_bucket_or_measurement_that_is_not_there(store, tmp_path):
    assert ask(store, "SELECT x FROM nothing") == []
    with pytest.raises(QueryError, match="database not found: nowhere"):
        ask(store, "SELECT x FROM nowhere..m")
    with pytest.raises(QueryError, match="database not found: field"):
        ask(Embedded(tmp_path / "none.duckdb"), "SELECT x FROM m")


def test_policies_and_databases_are_shown(store):
    store.create("short", 30)
    assert ask(store, "SHOW DATABASES") == [
        {"name": "databases", "columns": ["name"], "values": [["field"], ["short"]]}
    ]
    (policies,) = ask(store, "SHOW RETENTION POLICIES ON short")
    assert policies["values"] == [["autogen", "720h0m0s", "168h0m0s", 1, True]]


@pytest.mark.parametrize(
    ("names", "matching"),
    [
        ([""], []),
        (["a" * 5_000], []),
        (["", "station number 1"], ["station number 1"]),
        (["station number 2", "station number 1"], ["station number 1"]),
        (["☂1", "é", ""], ["☂1"]),
    ],
)
def test_values_of_a_tag_are_all_that_rows_have(store, names, matching):
    for number, name in enumerate(names):
        write(store, tags=("t",), since=T0 + pd.Timedelta(number, "h"), f=[1.0, 2.0], t=[name] * 2)
    there = sorted(filter(None, names))
    shown = [[["t", name] for name in some] for some in (there, matching)]
    for question, rows in zip(("", "WHERE t =~ /1/"), shown, strict=True):
        answer = ask(store, f"SHOW TAG VALUES FROM m WITH KEY = t {question}")
        assert [row for series in answer for row in series["values"]] == rows
    keys = ask(store, "SHOW TAG KEYS FROM m")
    assert [row for series in keys for row in series["values"]] == ([["t"]] if there else [])


@pytest.mark.parametrize("way", ["", "DESC"])
def test_one_row_is_the_first_or_last_that_the_condition_lets_through(store, way):
    write(store, tags=("t",), f=[1.0, 2.0, 3.0, 4.0], g=[None, 5.0, 6.0, None], t=["a"] * 4)
    write(store, tags=("t",), f=[7.0, 8.0, 9.0, 10.0], g=[None, 11.0, 12.0, None], t=["b"] * 4)
    for question in ("g FROM m", "g, t FROM m", "g FROM m WHERE t = 'a'", "f FROM m WHERE g > 5 AND f < 9"):
        asked = f"SELECT {question} ORDER BY time {way}"
        assert values(store, f"{asked} LIMIT 1") == values(store, asked)[:1]
        assert values(store, f"{asked} LIMIT 1 OFFSET 1") == values(store, asked)[1:2]
    assert values(store, f"SELECT g FROM m WHERE f > 99 ORDER BY time {way} LIMIT 1") == []


# where it differs from influxd 1.6.7 (docs/influxql.md)


def both(store, influxd, database, rows, question):
    """What influxd and we answer to a question about rows of `m` (minute, value): times in minutes, and values."""
    influxd.write(database, "\n".join(f"m x={value} {T0.value + minute * 60 * 10**9}" for minute, value in rows))
    index = [T0 + pd.Timedelta(minutes=minute) for minute, _ in rows]
    store.write("field", "m", pd.DataFrame({"x": [float(value) for _, value in rows]}, index=pd.DatetimeIndex(index)))
    answers = cases.real(influxd, database, [question])[0], ask(store, question)
    return [
        [((time - T0.value) // (60 * 10**9), value) for series in answer for time, value in series["values"]]
        for answer in answers
    ]


def test_a_percentile_below_the_first_value_leaves_out_its_window_and_no_other(store, influxd, database):
    rows = [(0, 1), *((60 + minute, minute) for minute in range(20))]
    question = f"SELECT percentile(x, 5) FROM m WHERE time < {T0.value}+2h GROUP BY time(1h) fill(none)"
    theirs, mine = both(store, influxd, database, rows, question)
    assert (theirs, mine) == ([], [(60, 0)])


def test_an_offset_without_a_limit_leaves_out_so_many_rows_and_no_other(store, influxd, database):
    theirs, mine = both(store, influxd, database, [(minute, minute) for minute in range(6)], "SELECT x FROM m OFFSET 2")
    assert mine == [(2, 2), (3, 3), (4, 4), (5, 5)]
    assert theirs != mine


def test_of_equal_values_a_percentile_is_the_first(store):
    write(store, x=[2.0, 1.0, 2.0, 2.0])
    assert values(store, "SELECT percentile(x, 100) FROM m") == [[(T0 + pd.Timedelta("3min")).value, 2.0]]


def test_a_function_of_a_wrong_kind_is_refused_even_where_there_are_no_rows(store):
    write(store, s=["a"])
    with pytest.raises(QueryError, match="unsupported mean iterator type"):
        ask(store, "SELECT mean(s) FROM m WHERE time < 0")


def test_a_regular_expression_that_cannot_be_read_is_an_error_of_its_statement(store):
    write(store, tags=("t",), x=[1.0], t="a")
    with pytest.raises(QueryError, match="cannot be worked out"):
        ask(store, "SELECT x FROM m WHERE t =~ /(/")


def pair(store, influxd, database, rows, question):
    """What influxd and we answer to a question about rows by measurement, as `influxql_cases.load` takes them."""
    cases.load(rows, store, "field", influxd, database)
    return cases.real(influxd, database, [question])[0], ask(store, question)


def test_rows_of_one_time_stand_in_the_order_of_their_tags(store, influxd, database):
    rows = {"m": [(T0.value, {"t": tag}, {"x": value}) for tag, value in (("b", 2.0), ("c", 3.0), ("a", 1.0))]}
    (theirs,), (mine,) = pair(store, influxd, database, rows, "SELECT x FROM m")
    assert [row[1] for row in mine["values"]] == [1, 2, 3]
    assert sorted(theirs["values"]) == mine["values"]
    assert [row[1] for row in values(store, "SELECT x FROM m ORDER BY time DESC")] == [3, 2, 1]


def test_the_last_row_of_one_time_by_its_tags_is_what_fill_repeats(store, influxd, database):
    tags = [(t, u) for t in "ab" for u in "cde"]
    rows = {"m": [(T0.value, {"t": t, "u": u}, {"x": place}) for place, (t, u) in enumerate(tags)]}
    rows["m"].append((T0.value + MINUTE, {"t": "a", "u": "c"}, {"y": 9}))
    (theirs,), (mine,) = pair(store, influxd, database, rows, "SELECT x, y FROM m fill(previous)")
    assert mine["values"][-1] == [T0.value + MINUTE, 5, 9]
    assert sorted(row[1] for row in theirs["values"][:-1]) == [0, 1, 2, 3, 4, 5]
    assert theirs["values"][-1] == [T0.value + MINUTE, theirs["values"][-2][1], 9]


def test_windows_that_do_not_divide_the_change_of_the_clock_follow_each_other(store, influxd, database):
    first = pd.Timestamp("2024-11-03T05:30Z").value  # half an hour before the clock goes back
    rows = {"m": [(first + minute * MINUTE, {}, {"x": 1.0}) for minute in range(90)]}
    span = f"WHERE time >= {first} AND time < {first + 90 * MINUTE}"
    question = f"SELECT count(x) FROM m {span} GROUP BY time(13m) tz('America/Detroit')"
    (theirs,), (mine,) = pair(store, influxd, database, rows, question)
    starts = [(row[0] - first) // MINUTE for row in mine["values"]]
    assert [after - before for before, after in itertools.pairwise(starts)] == [13, 13, 8, 13, 13, 13, 13]
    assert [row[1] for row in mine["values"]] == [5, 13, 8, 13, 13, 13, 13, 12]
    assert [row[1] for row in theirs["values"]] == [5, 13, 21, 0, 13, 13, 13, 12]


def test_series_are_counted_over_the_whole_measurement(store, influxd, database):
    rows = {"m": [(T0.value + 4 * place * WEEK, {"t": tag}, {"x": 1.0}) for place, tag in enumerate("abc")]}
    theirs, mine = pair(store, influxd, database, rows, "SELECT x FROM m GROUP BY t SLIMIT 1 SOFFSET 1")
    assert [series["tags"] for series in mine] == [{"t": "b"}]
    assert theirs == []
    assert [series["tags"]["t"] for series in ask(store, "SELECT x FROM m GROUP BY t SLIMIT 2")] == ["a", "b"]


def test_time_is_passed_over_where_tags_are_shown(store, influxd, database):
    rows = {"m": [(T0.value, {"t": "a"}, {"x": 1.0})]}
    for what, shown in (("TAG KEYS FROM m", ["t"]), ("TAG VALUES FROM m WITH KEY = t", ["t", "a"])):
        theirs, mine = pair(store, influxd, database, rows, f"SHOW {what} WHERE time > '2034-01-01'")
        assert mine[0]["values"] == [shown]
        assert theirs == []
        assert ask(store, f"SHOW {what} WHERE t = 'b' AND time > '2034-01-01'") == []


SHOWN = """x > 0
0 >= x
t < 'b'
nothing <= 5
t = 'a' AND (x > 0 OR t = 'b')
x + 1 > 0
x = 1
x = 2 AND t = 'a'
t = 5
t != true
x = 'a'
t != 'a'
t !~ /a/
t = ''
t != ''
u != 'a'
u = ''
s = 'w'
s != 'w'
nothing = 'a'
nothing != 'a'
nothing = ''
nothing !~ /a/
x = 'a' OR t =~ /b/""".splitlines()


@pytest.mark.parametrize("condition", SHOWN)
@pytest.mark.parametrize("what", ["TAG KEYS", "TAG VALUES WITH KEY = t", "MEASUREMENTS"])
def test_a_condition_of_tags_and_fields_shows_what_influxd_shows(store, influxd, database, condition, what):
    """Whatever is less or more than something is refused; a measurement without a tag is not one that lacks a value."""
    rows = {
        "m": [(T0.value, {"t": tag}, {"x": 1.0, "s": "w"}) for tag in "ab"],
        "n": [(T0.value, {"t": "a", "u": "c"}, {"y": 1.0})],
        "o": [(T0.value, {}, {"x": 1.0})],
    }
    question = f"SHOW {what} WHERE {condition}"
    cases.load(rows, store, "field", influxd, database)
    (theirs,) = cases.real(influxd, database, [question])
    try:
        assert ask(store, question) == theirs
    except QueryError as error:
        assert str(error) == theirs


def test_a_field_of_several_kinds_is_of_the_kind_that_it_has_in_its_measurements(store, influxd, database):
    rows = {"a": [(T0.value, {}, {"x": 5})], "b": [(T0.value + 5 * WEEK, {}, {"x": "text"})]}
    question = f"SELECT x FROM a, b WHERE time > {T0.value + WEEK}"
    theirs, mine = pair(store, influxd, database, rows, question)
    assert [series["name"] for series in theirs] == ["b"]  # there is no row of `a` in the shards that are asked
    assert mine == []
    assert values(store, "SELECT x FROM a, b") == [[T0.value, 5]]  # a number goes before text


def test_functions_that_look_back_need_a_lower_bound(store, influxd, database):
    rows = {"m": [(T0.value + minute * MINUTE, {}, {"x": float(minute)}) for minute in range(30)]}
    until = f"time < {T0.value + 30 * MINUTE}"
    question = f"SELECT derivative(mean(x), 1m) FROM m WHERE {until} GROUP BY time(10m)"
    assert pair(store, influxd, database, rows, question) == ([], [])
    bounded = question.replace(until, f"time >= {T0.value} AND {until}")
    assert [row[1] for row in values(store, bounded)] == [1, 1]


def test_the_latest_window_is_the_first_when_time_falls(store, influxd, database):
    rows = {"m": [(T0.value + minute * MINUTE, {}, {"x": 1.0}) for minute in range(25)]}
    span = f"time >= {T0.value} AND time < {T0.value + 30 * MINUTE}"
    question = f"SELECT count(x) FROM m WHERE {span} GROUP BY time(10m) ORDER BY time DESC"
    (theirs,), (mine,) = pair(store, influxd, database, rows, question)
    assert [row[1] for row in mine["values"]] == [5, 10, 10]
    assert theirs["values"] == mine["values"]


# bounds


def test_more_windows_than_an_answer_may_have_are_refused(store):
    write(store, x=[1.0])
    with pytest.raises(QueryError, match="max-select-buckets limit exceeded"):
        ask(store, "SELECT mean(x) FROM m WHERE time >= 0 GROUP BY time(1s)")
    with pytest.raises(QueryError, match="max-select-buckets limit exceeded"):
        ask(store, "SELECT mean(x) FROM m WHERE time >= 0 GROUP BY time(1s) tz('America/Detroit')")


def test_more_rows_than_an_answer_may_have_are_refused(store, monkeypatch):
    monkeypatch.setattr("fieldline.sinks._select_ask.MOST", 5)
    write(store, x=np.arange(9.0))
    assert len(values(store, "SELECT x FROM m LIMIT 5")) == 5
    with pytest.raises(QueryError, match="max-select-point limit exceeded"):
        ask(store, "SELECT x FROM m")


def test_a_query_that_takes_too_long_is_stopped(store):
    write(store, every="1s", **{f"x{place}": np.random.default_rng(place).random(100_000) for place in range(3)})
    columns = ", ".join(f"percentile(/x/, {share})" for share in range(1, 40))
    (statement,) = parse(f"SELECT {columns} FROM m GROUP BY time(7s) fill(none)")
    with pytest.raises(QueryError, match="query-timeout limit exceeded"):
        store.answer("field", statement, NOW, timeout_seconds=0.02)
    assert len(values(store, "SELECT count(x1) FROM m")) == 1


# names


HOSTILE = [
    'x"; DROP TABLE m; --',
    "at",
    "d0",
    "c0",
    "start",
    "number",
    "time_",
    "{0}",
    "{text}",
    "?",
    "$1",
    "naïve ☂",
    "a'b",
    "%s",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_and_no_value_is_taken_for_sql(store, name):
    quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    text = "'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'"
    write(store, measurement=name, tags=(f"t{name}",), every="1h", **{name: [1.0, 2.0], f"t{name}": [name, "other"]})
    tag = f'"t{quoted[1:]}'
    assert values(store, f"SELECT {quoted} FROM {quoted} WHERE {tag} = {text}") == [[T0.value, 1.0]]
    span = f"time >= {T0.value} AND time < {T0.value}+2h"
    (one, other) = ask(
        store, f"SELECT max({quoted}), last({quoted}) FROM {quoted} WHERE {span} GROUP BY time(1h), {tag} fill(none)"
    )
    assert {one["tags"][f"t{name}"], other["tags"][f"t{name}"]} == {name, "other"}
    zoned = "WHERE time > '2024-03-01' AND time < '2024-07-01' GROUP BY time(365d) tz('America/Detroit')"
    assert sum(row[1] for row in values(store, f"SELECT count({quoted}) FROM {quoted} {zoned}")) == 2
    assert ask(store, f"SHOW TAG VALUES FROM {quoted} WITH KEY = {tag}")[0]["values"] == [
        [f"t{name}", v] for v in sorted([name, "other"])
    ]


# texts that come again with other times

AGAIN = [
    'SELECT mean("Temp") FROM "tower" WHERE time >= {0}ms and time <= {1}ms AND "station" = \'46m\' GROUP BY time(1m)',
    "SELECT f FROM m WHERE time > {0}ms - 3h; SELECT g FROM m WHERE time<= {1}ms; SHOW DATABASES",
    "SELECT f FROM m WHERE time > {0}ms AND s = 'time > {0}ms'",
    'SELECT f, "a = {0}ms" FROM m WHERE time > {1}ms',
    "SELECT f FROM m WHERE time > {0}ms AND time < now() - 8000000000000ms",
    "SELECT f FROM m WHERE time > {0}ms AND time < 8000000000001ms + 8000000000000ms",
    "SELECT f > {0}ms FROM m",
    "SELECT f FROM m WHERE s =~ /= {0}ms/ AND time > {0}ms",
    "SELECT f FROM m WHERE time > {0}ms5s OR time = {1}ms",
    "SELECT f FROM m WHERE time > {0}msx",
    "SELECT f FROM m WHERE (time > {0}ms",
    "SELECT f FROM m GROUP BY time(1m) WHERE time > {0}ms",
    "SHOW TAG VALUES FROM m WITH KEY = station WHERE time >= {0}ms",
]
MOMENTS = [(1795034938605, 1795639738605), (8000000000000, 8000000000001), (9999999999999, 1), (1795034938605,) * 2]


@pytest.mark.parametrize("template", AGAIN)
def test_a_text_that_comes_again_with_other_times_is_read_as_if_it_were_the_first(template):
    def read(text, how):
        try:
            return list(how(text))
        except SyntaxFault as error:
            return str(error)

    for times in (*MOMENTS, *MOMENTS):
        text = template.format(*times)
        assert read(text, parse) == read(text, statements)


def test_a_text_that_comes_again_with_other_times_is_not_read_word_for_word(monkeypatch):
    text = "SELECT f FROM again WHERE time >= {}ms"
    parse(text.format(1795034938605))
    monkeypatch.delattr("fieldline.influxql.grammar.statements")
    (statement,) = parse(text.format(1795034938606))
    assert statement.where == Binary(">=", Ref("time"), Duration(1795034938606 * 10**6))


# windows


def test_windows_begin_where_they_began_before_the_clock_changed():
    made = windows.windows(86_400 * 10**9, 0, "America/Detroit", cases.AUTUMN, cases.AUTUMN + 3 * cases.DAY)
    hours = [(after - before) / 3600 / 10**9 for before, after in zip(made.edges, made.edges[1:], strict=False)]
    assert hours[:3] == [24, 24, 25]


def test_a_zone_without_a_change_needs_no_edges():
    made = windows.windows(3600 * 10**9, 0, "Asia/Kolkata", cases.SPRING, cases.SPRING + cases.DAY)
    assert made.edges is None and made.base % (3600 * 10**9) == 1800 * 10**9
    assert math.isclose(made.starts(np.array([1]))[0] - made.base, 3600 * 10**9)
