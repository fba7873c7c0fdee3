"""Requests of Grafana's core InfluxDB data source, versions 8 to 13, as they come over the wire; answers as influxd's.

tests/cases_grafana/ has its requests, written down from what the code of its data source and proxy
sends. A file is one way to ask (method, parameters, headers, body) and what is asked that way:

    words about it

    POST /query?db={db}&epoch=ms       {db} the database, {key} a key, {login} a basic login with it,
    Authorization: Token {key}         {go} and {js} the question as Go and as a browser write it into an address

    q={go}

    a name                             the answer is that of influxd
    SELECT ...

    refused: integral()                an error of InfluxQL that says so, and no answer
    SELECT ...

Source: pkg/tsdb/influxdb, pkg/api/pluginproxy and public/app/plugins/datasource/influxdb of grafana/grafana.
"""

import base64
import gzip
import http.client
import json
import random
import time
import urllib.parse
from pathlib import Path

import pytest

import influxql_cases
from serving import serving

CASES = Path(__file__).parent / "cases_grafana"
SINCE = 1_717_243_200  # [s] when the rows begin
SAFE = "!'()*-._~"  # what a browser leaves as it is


class Case:
    """A question, and how it is asked."""

    def __init__(self, head, body, name, question):
        self.head, self.body, self.name, self.question = head, body, name, question

    def send(self, url, db, key):
        """Ask a server: status and body of the answer."""
        question = self.question.replace("{db}", db)
        words = {
            "{db}": db,
            "{key}": key,
            "{login}": base64.b64encode(f"grafana:{key}".encode()).decode(),
            "{go}": urllib.parse.quote_plus(question),
            "{js}": urllib.parse.quote(question, safe=SAFE),
        }
        first, *headers = put(self.head, words).splitlines()
        method, _, target = first.partition(" ")
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)
        pairs = dict(line.split(": ", 1) for line in headers)
        connection.request(method, target, put(self.body, words).encode() or None, pairs)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.headers.get("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        return answer.status, json.loads(content)


def put(text, words):
    for mark, word in words.items():
        text = text.replace(mark, word)
    return text


def cases():
    """All cases, with the names of file and question."""
    for file in sorted(CASES.glob("*.txt")):
        _, head, *rest = file.read_text(encoding="utf-8").strip().split("\n\n")
        body = rest.pop(0) if head.startswith("POST") else ""
        for block in rest:
            name, question = block.split("\n", 1)
            yield pytest.param(Case(head, body, name, question), id=f"{file.stem}: {name}")


def lines():
    """Rows of a tower: two hours from SINCE on with gaps, and the last hours."""
    dice = random.Random(6)
    for place, (station, logger) in enumerate([("46m", "CR1000X"), ("34m", "CR1000X"), ("15m", "CR6"), ("46m", "CR6")]):
        for second in range(SINCE + place, SINCE + 7200, 10):
            if dice.random() < 0.8:
                state = f',state="{dice.choice(("ok", "ice", "é"))}"' if dice.random() < 0.1 else ""
                fields = f"Temp={dice.gauss(2, 3):.2f},RH={dice.uniform(40, 99):.1f},n={dice.randint(0, 5)}i"
                truth = f",ok={dice.choice(('true', 'false'))}"
                yield f"fastdata,logger={logger},station={station} {fields}{truth}{state} {second}000000000"
    yield f"fastdata,station=it's\\ 100\\ %\\ +\\ more Temp=1.5 {SINCE + 61}000000000"
    for place, plot in enumerate(("1", "2")):
        total = 0.0
        for second in range(SINCE + place, SINCE + 7200, 600):
            total = 0.0 if dice.random() < 0.1 else total + dice.choice((0, 0.2, 1.4))
            fields = f"Rain_total={total:.1f},Größe\\ µ={dice.random():.3f},Soil=7i"
            yield f"slow\\ data,plot={plot} {fields} {second}000000000"
    for place, title in enumerate(("calibration", "lightning", "visit")):
        second = SINCE + 600 * place
        yield f'events title="{title}",text="the {title} said \\"ok\\", twice",tags="a,b" {second}000000000'
    now = int(time.time())
    for second in range(now - 3 * 3600, now - 3600, 60):
        yield f"recent,station=46m Temp={dice.random():.3f} {second}000000000"
    yield f"a.b/c x=1 {SINCE}000000000"


@pytest.fixture(scope="module")
def stores(influxd, tmp_path_factory):
    """Our server and influxd with the same rows: (our address, its key, influxd's address)."""
    text = "\n".join(lines())
    with serving(tmp_path_factory.mktemp("home"), bucket="tower") as served:
        influxd.query('CREATE DATABASE "tower"')
        influxd.write("tower", text)
        served.write(text, db="tower")
        yield served.url, served.key, influxd.url
        influxd.query('DROP DATABASE "tower"')


@pytest.mark.parametrize("case", list(cases()))
def test_grafana_is_answered_as_by_influxd(stores, case):
    ours, key, theirs = stores
    status, answer = case.send(ours, "tower", key)
    if case.name.startswith("refused: "):
        error = refusal(status, answer)
        assert case.name.removeprefix("refused: ") in error
        return
    expected = case.send(theirs, "tower", "")
    assert status == expected[0]
    if status != 200:
        assert answer.keys() == expected[1].keys() == {"error"}
        assert answer["error"].startswith("error parsing query: ")
        return
    assert answer.keys() == {"results"}
    assert "series" in json.dumps(answer) or "nothing" in case.question or "nowhere" in case.question
    for mine, real in zip(answer["results"], expected[1]["results"], strict=True):
        if case.question.startswith("SHOW DATABASES"):
            assert ["tower"] in mine["series"][0]["values"]
            continue
        assert mine.keys() == real.keys()
        assert influxql_cases.difference(real.get("series", []), mine.get("series", []), case.question) == ""


def refusal(status, answer):
    """The words of an error in the form of InfluxQL: instead of all, or in the place of a statement."""
    if status != 200:
        assert answer.keys() == {"error"}
        return answer["error"]
    (result,) = answer["results"]
    assert result.keys() == {"statement_id", "error"}
    return result["error"]
