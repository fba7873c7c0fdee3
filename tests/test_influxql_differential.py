"""The embedded store against a real influxd 1.6.7: the same rows, random questions, equal answers."""

import os
import time

import pytest

import influxql_cases as cases
from fieldline.influxql import QueryError, parse
from fieldline.sinks.embedded import Embedded

QUERIES = int(os.environ.get("FIELDLINE_QUERIES", "600"))
SEED = os.environ.get("FIELDLINE_SEED", "6")
SHARES = (("spring", cases.SPRING), ("autumn", cases.AUTUMN))


def ours(store, bucket, question):
    """What the embedded store answers: as influxd would send it, or an error's words."""
    try:
        (statement,) = parse(question)
        return [cases.rows(series) for series in store.answer(bucket, statement, time.time_ns())]
    except QueryError as error:
        return str(error)


@pytest.mark.parametrize(("season", "start"), SHARES, ids=[season for season, _ in SHARES])
def test_random_questions_have_the_answers_of_influxd(season, start, influxd, database, tmp_path):
    dice = cases.dice(f"{SEED}{season}")
    store = Embedded(tmp_path / "store.duckdb")
    store.create("bucket", None)
    cases.load(cases.data(dice, start), store, "bucket", influxd, database)
    makes = cases.Questions(dice, start)
    questions = [makes.one() for _ in range(QUERIES // len(SHARES))]
    differences, empty = [], 0
    for question, theirs in zip(questions, cases.real(influxd, database, questions), strict=True):
        mine = ours(store, "bucket", question)
        empty += mine == [] or isinstance(mine, str)
        if found := cases.difference(theirs, mine, question):
            differences.append(f"{question}\n  influxd | here: {found}")
    assert not differences, "\n".join([f"{len(differences)} of {len(questions)} differ:", *differences[:10]])
    assert empty < 0.6 * len(questions), "too many of the questions ask for nothing"


WORDS = """SELECT x
SELECT x FROM m WHERE
SELECT f FROM tower LIMIT a
SELECT mean(f FROM tower
SELECT mean(f), g FROM tower
SELECT nosuch(f) FROM tower
SELECT percentile(f) FROM tower
SELECT percentile(f, 'a') FROM tower
SELECT moving_average(f, 1) FROM tower
SELECT derivative(mean(f)) FROM tower
SELECT derivative(f) FROM tower GROUP BY time(1h)
SELECT f FROM tower GROUP BY time(1h)
SELECT f FROM tower fill(none)
SELECT f FROM tower fill(x)
SELECT time FROM tower
SELECT mean(f) FROM tower GROUP BY time(1h), time(2h)
SELECT mean(f) FROM tower GROUP BY time
SELECT mean(f) FROM tower GROUP BY time('a')
SELECT f FROM tower ORDER BY f
SELECT f FROM nopolicy.tower
SELECT f FROM tower tz('Nowhere/Place')
SELECT f FROM tower GROUP time(1h)
SELECT f FROM "tower" WHERE a = 1 b
SELECT f FROM nodatabase..tower""".splitlines()


@pytest.mark.parametrize("question", WORDS)
def test_what_influxd_refuses_is_refused_in_its_words(question, influxd, database, tmp_path):
    store = Embedded(tmp_path / "store.duckdb")
    store.create("bucket", None)
    influxd.write(database, "tower f=1")
    (theirs,) = cases.real(influxd, database, [question])
    assert ours(store, "bucket", question) == theirs.removeprefix("400: ")
