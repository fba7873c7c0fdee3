"""Random data and random queries of InfluxQL, the same for a real influxd and for the embedded store."""

# ruff: noqa: S608  (questions are made of pieces here)

import json
import math
import random
import urllib.parse

import pandas as pd

from loopback import ServerError, fetch

SECOND = 10**9
DAY = 86_400 * SECOND
ZONE = "America/Detroit"
SPRING = pd.Timestamp("2024-03-09T00:00Z").value  # the clock goes forward on the 10th at 07:00 UTC
AUTUMN = pd.Timestamp(
    "2024-11-02T00:00Z"
).value  # and back on 3 November at 06:00 UTC; each within one shard of influxd
DAYS = 3


def data(dice, start):
    """Rows by measurement: (time ns, tags, fields); with gaps, equal values, kinds that differ, shared times."""
    return {
        "tower": list(tower(dice, start)),
        "twins": list(twins(dice, start)),
        "odd name": list(plain(dice, start)),
        "mixed.x": list(mixed(dice, start)),
    }


def number(dice):
    return dice.choice((0.0, 0.5, 1.0, -2.25, 100.0)) if dice.random() < 0.4 else round(dice.gauss(10, 30), 3)


def some(dice, fields, share=0.75):
    """A part of some fields, at least one."""
    kept = {name: value for name, value in fields.items() if dice.random() < share}
    return kept or dict([dice.choice(list(fields.items()))])


def tower(dice, start):
    """Three tags, one of them not everywhere; no two rows have one time."""
    series = [{"station": s, "plot": p} for s in ("a", "b", "c d") for p in ("1", "2")][:5]
    series.append({"station": "b"})
    for place, tags in enumerate(series):
        at = start + place * SECOND
        if place % 2:
            tags = tags | {"serial": f"n{place}"}
        while (at := at + dice.choice((10, 20, 60, 300, 900, 7200)) * 7 * SECOND) < start + DAYS * DAY:
            words = {"s": dice.choice(("ok", "low", "", "high é")), "b": dice.random() < 0.5, "i": dice.randint(-5, 40)}
            yield at, tags, some(dice, {"f": number(dice), "g": number(dice)} | words)


def twins(dice, start):
    """Two series with the same times."""
    for at in range(start, start + DAYS * DAY, 977 * SECOND):
        for station in ("a", "b"):
            fields = {"f": number(dice), "i": dice.randint(0, 3), "b": dice.random() < 0.5, "s": dice.choice("xyz")}
            yield at, {"station": station}, some(dice, fields, 0.9)


def plain(dice, start):
    """No tags; a whole hour, and some windows, without a row."""
    for at in range(start + 30 * SECOND, start + DAYS * DAY, 600 * SECOND):
        if dice.random() < 0.7:
            yield at, {}, some(dice, {"f": number(dice), "na me": number(dice), "i": float(dice.randint(0, 9))})


def mixed(dice, start):
    """A field that is whole here and not elsewhere, and one that is text here."""
    for at in range(start + 7 * SECOND, start + DAYS * DAY, 1800 * SECOND):
        yield at, {"station": dice.choice(("a", "z"))}, some(dice, {"f": dice.randint(0, 50), "g": dice.choice("pq")})


# to both stores


def load(rows, store, bucket, influxd, database):
    """Write the rows to both."""
    for measurement, points in rows.items():
        influxd.write(database, "\n".join(line(measurement, *point) for point in points))
        for part, names in groups(points):
            columns = {name for _, _, fields in part for name in fields}
            frame = pd.DataFrame({tag: [point[1][tag] for point in part] for tag in names})
            for name in sorted(columns):
                values = [point[2].get(name) for point in part]
                frame[name] = pd.array(values, dtype=TYPES[type(next(value for value in values if value is not None))])
            frame.index = pd.to_datetime([point[0] for point in part], utc=True)
            store.write(bucket, measurement, frame, names)


TYPES = {float: "float64", int: "Int64", bool: "boolean", str: "object"}


def groups(points):
    """The rows by their combination of tags."""
    sorts = {tuple(sorted(tags)) for _, tags, _ in points}
    for names in sorted(sorts):
        yield [point for point in points if tuple(sorted(point[1])) == names], names


def line(measurement, at, tags, fields):
    """A line of the line protocol."""
    key = escaped(measurement, ", ")
    for name, value in sorted(tags.items()):
        key += f",{escaped(name)}={escaped(value)}"
    return f"{key} {','.join(f'{escaped(name)}={shown(value)}' for name, value in fields.items())} {at}"


def escaped(text, signs=",= "):
    return "".join("\\" + sign if sign in signs else sign for sign in text)


def shown(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{value}i" if isinstance(value, int) else repr(value)


# questions

SOURCES = ['"tower"'] * 6 + [
    "tower",
    '"autogen"."tower"',
    '"twins"',
    '"odd name"',
    '"mixed.x"',
    "/t/",
    '"tower","odd name"',
]
SOURCES += ["/./", '"nothing"', '"twins","mixed.x"', "/^tow/"]
NUMBERS = ("f", "g", "i", "na me", "nofield")
ANY = (*NUMBERS, "s", "b")
ONE = ("mean", "median", "min", "max", "first", "last", "count", "sum", "spread", "stddev")
STATIONS = {'"station"', "*", "station", "/s/", '"station"::tag'}  # tags that tell one series from another
WIDTHS = (600, 3600, 7200, 13 * 60, 6 * 3600, 12 * 3600, 86_400)


class Questions:
    """Makes queries of what is documented as supported."""

    def __init__(self, dice, start):
        self.dice, self.start = dice, start

    def one(self):
        """A statement."""
        kind = self.dice.random()
        if kind < 0.07:
            return self.show()
        return self.raw() if kind < 0.27 else self.functions()

    def name(self, names=NUMBERS):
        name = self.dice.choice(names[:3] * 3 + names)
        cast = "::field" if self.dice.random() < 0.05 and name not in ("station", "plot") else ""
        return f'"{name}"{cast}'

    def maybe(self, share, text):
        return text if self.dice.random() < share else ""

    def moment(self, at):
        forms = [f"{at}", f"{at // 10**6}ms", f"{at // SECOND}s", f"'{pd.Timestamp(at, tz='UTC').isoformat()[:19]}Z'"]
        forms.append(f"'{pd.Timestamp(at).isoformat(sep=' ')[:19]}'")
        return self.dice.choice(forms)

    def span(self, both=False):
        """A range of time: bounds by chance, or both."""
        first = self.start + self.dice.randint(-7200, (DAYS - 1) * 86_400) * SECOND
        last = first + self.dice.choice((600, 7200, 86_400, 86_400, 200_000, 200_000, 0)) * SECOND
        low = f"time {self.dice.choice(('>=', '>'))} {self.moment(first)}"
        high = f"time {self.dice.choice(('<=', '<'))} {self.moment(last)}"
        if self.dice.random() < 0.1:
            low = f"{self.moment(first)} <= time"
        if both:
            return [low, high]
        return self.dice.choice(
            ([low, high], [low, high], [low, high], [low], [high], [], [f"time = {self.moment(first)}"])
        )

    def tag_or_field(self):
        forms = [
            """"station" = 'a'""",
            """"station"::tag = 'b'""",
            """"station" != 'a'""",
            """'a' = "station" """,
            """"station" =~ /^[ab]/""",
            """"station" !~ /c d|z/""",
            """"plot" = ''""",
            """"plot" != ''""",
            """"plot" =~ /^$|2/""",
            """"plot" !~ /1/""",
            """"notag" = ''""",
            """"notag" != 'x'""",
            """"notag" =~ /x/""",
            """"serial" =~ /.+/""",
            """"f" > 0""",
            """"f" >= 0.5""",
            """0 < "f" """,
            """"i" = 3""",
            """"i" != 3""",
            """"g" < "f" """,
            """"s" = 'ok'""",
            """"s" != 'ok'""",
            """"s" =~ /^h|x/""",
            """"s" !~ /o/""",
            """"b" = true""",
            """"b" = false""",
            """"b" != true""",
            """"f" = 'text'""",
            """"station" = 5""",
            """"station" = "plot" """,
            """"na me" <> 1""",
        ]
        return self.dice.choice(forms)

    def where(self, both=False):
        leaves = [self.tag_or_field() for _ in range(self.dice.choice((0, 0, 0, 0, 1, 1, 2, 3)))]
        while len(leaves) > 1:
            left, right = leaves.pop(), leaves.pop()
            leaves.append(f"({left} {self.dice.choice(('AND', 'or'))} {right})")
        parts = leaves + self.span(both)
        self.dice.shuffle(parts)
        return f" WHERE {' AND '.join(parts)}" if parts else ""

    def tags(self):
        forms = [[]] * 4 + [
            ['"station"'],
            ['"station"'],
            ["*"],
            ["plot", "station"],
            ["/s/"],
            ['"station"::tag'],
            ["notag"],
            ["f"],
        ]
        return list(self.dice.choice(forms))

    def order(self):
        return self.dice.choice(
            ("", "", "", " ORDER BY time DESC", " ORDER BY time", " ORDER BY time ASC", " ORDER BY DESC")
        )

    def limits(self, source):
        text = ""
        if source != '"twins"' and "/" not in source and "twins" not in source:
            text += self.maybe(
                0.25, f" LIMIT {self.dice.randint(1, 12)}" + self.maybe(0.4, f" OFFSET {self.dice.randint(0, 5)}")
            )
        return text + self.maybe(
            0.06, f" SLIMIT {self.dice.randint(1, 3)}" + self.maybe(0.4, f" SOFFSET {self.dice.randint(0, 3)}")
        )

    def raw(self):
        source = self.dice.choice(SOURCES)
        items = [self.name((*ANY, "station", "plot")) for _ in range(self.dice.choice((1, 1, 2, 3)))]
        if self.dice.random() < 0.12:
            items.append(
                f'"f" {self.dice.choice("+-*/")} {self.dice.choice(("2", "0.5", chr(34) + "i" + chr(34), "0"))}'
            )
        if self.dice.random() < 0.2:
            items = [self.dice.choice(("*", "*::field", "*::tag", "/^[fi]/", "*, f"))]
        items = [item + self.maybe(0.1, ' AS "new name"') for item in items]
        tags = self.tags()
        fill = self.maybe(0.08, f" fill({self.dice.choice(('7', 'previous', 'null'))})")
        if "previous" in fill and ("twins" in source or "/" in source) and not STATIONS & set(tags):
            fill = ""  # which of two rows of one time is the last, influxd does not say
        group = f" GROUP BY {', '.join(tags)}" if tags else ""
        tail = f"{self.where()}{group}{fill}{self.order()}{self.limits(source)}{self.zone()}"
        return f"SELECT {', '.join(items)} FROM {source}{tail}"

    def zone(self):
        return self.maybe(0.12, f" tz('{ZONE}')")

    def plain_call(self):
        name = self.dice.choice((*ONE, "percentile"))
        names = ANY if name in ("count", "first", "last") else NUMBERS
        field = self.name((*names, "b") if name in ("min", "max") else names)
        if self.dice.random() < 0.05:
            field = self.dice.choice(("*", "/^[fg]$/"))
        if name == "percentile":
            return f"percentile({field}, {self.dice.choice(('50', '90', '99.5', '100'))})"
        return f"{self.dice.choice((name, name, name.upper()))}({field})"

    def along(self, inner):
        name = self.dice.choice(
            (
                *("derivative", "non_negative_derivative", "difference", "non_negative_difference", "cumulative_sum"),
                *("moving_average", "moving_average", "elapsed", "derivative"),
            )
        )
        more = ""
        if name == "moving_average":
            more = f", {self.dice.randint(2, 5)}"
        elif "derivative" in name or name == "elapsed":
            more = self.maybe(0.5, f", {self.dice.choice(('1s', '1m', '1h', '90s'))}")
        return f"{name}({inner}{more})"

    def numeric_call(self):
        while True:
            call = self.plain_call()
            if '"s"' not in call and '"b"' not in call and "*" not in call and "/" not in call:
                return call

    def functions(self):
        every = self.dice.random() < 0.75
        source = self.dice.choice(SOURCES)
        items = []
        for _ in range(self.dice.choice((1, 1, 1, 2, 3))):
            if self.dice.random() < 0.2:
                if (not every and "twins" in source) or (not every and "/" in source):
                    source = '"tower"'
                items.append(self.along(self.numeric_call() if every else self.name()))
            elif self.dice.random() < 0.1:
                other = self.dice.choice(("2", "0", "1.5", self.numeric_call()))
                items.append(f"{self.numeric_call()} {self.dice.choice('+-*/')} {other}")
            else:
                items.append(self.plain_call())
        items = [item + self.maybe(0.15, f' AS "{self.dice.choice(("new name", "mean", "x"))}"') for item in items]
        return self.select(items, source, every)

    def select(self, items, source, every):
        tags = self.tags()
        fill, zone = "", self.zone()
        if every:
            width = self.dice.choice([each for each in WIDTHS if not zone or each >= 3600 or 3600 % each == 0])
            offset = self.maybe(0.2, f", {self.dice.choice(('5m', '-7m', '90s', '3h'))}")
            tags.insert(self.dice.randint(0, len(tags)), f"time({width}s{offset})")
            fill = self.dice.choice(
                ("", "", " fill(null)", " fill(none)", " fill(0)", " fill(-1.5)", " fill(previous)", " fill(linear)")
            )
        elif self.dice.random() < 0.1:
            fill = " fill(3)"
        group = f" GROUP BY {', '.join(tags)}" if tags else ""
        where = self.where(both=every)
        tail = f"{fill}{self.order()}{self.limits(source)}{zone}"
        return f"SELECT {', '.join(items)} FROM {source}{where}{group}{tail}"

    def show(self):
        source = self.maybe(0.6, f" FROM {self.dice.choice(SOURCES)}").replace('"autogen".', "")
        where = self.maybe(0.4, f" WHERE {self.dice.choice(TAG_LEAVES)}")
        limits = self.maybe(0.3, f" LIMIT {self.dice.randint(1, 4)}") + self.maybe(
            0.2, f" OFFSET {self.dice.randint(0, 2)}"
        )
        key = self.dice.choice(('= "station"', "IN (station, plot)", "=~ /s/", "!= station", "!~ /s/", "= nokey"))
        named = self.maybe(0.4, f" WITH MEASUREMENT {self.dice.choice(('= tower', '=~ /t/', '=~ /x$/'))}")
        return self.dice.choice(
            (
                f"SHOW MEASUREMENTS{named}{where}{limits}",
                f"SHOW FIELD KEYS{source}",
                f"SHOW TAG KEYS{source}{where}{limits}",
                f"SHOW TAG VALUES{source} WITH KEY {key}{where}{limits}",
                f"SHOW TAG VALUES{source} WITH KEY {key}{limits}",
            )
        )


TAG_LEAVES = (
    "station = 'a'",
    "station =~ /b|z/",
    "plot = '1'",
    "station = 'a' AND plot = '2'",
    "plot = '2' OR station = 'z'",
)


# answers


def real(influxd, database, questions, together=40):
    """What influxd answers to each question: a list of series, or an error's words."""
    answers = []
    for first in range(0, len(questions), together):
        batch = questions[first : first + together]
        words = urllib.parse.urlencode({"q": ";".join(batch), "db": database, "epoch": "ns"}).encode()
        try:
            results = json.loads(fetch(f"{influxd.url}/query", words))["results"]
        except ServerError as error:
            results = [{"error": str(error)}]
        done = [result["error"] if "error" in result else result.get("series", []) for result in results]
        if len(batch) > 1 and (len(done) < len(batch) or any("error" in result for result in results)):
            good = next((place for place, each in enumerate(done) if isinstance(each, str)), 0)
            done = done[:good]  # after an error nothing of a request is answered, and its words are lost
            done += real(influxd, database, batch[good : good + 1], 1) + real(influxd, database, batch[good + 1 :])
        answers += done
    return answers


def rows(series):
    """A Series of ours as influxd would send it."""
    columns = [column.tolist() for column in series.values]
    if series.times is not None:
        columns.insert(0, series.times.tolist())
    values = [
        [None if isinstance(each, float) and math.isnan(each) else each for each in row]
        for row in zip(*columns, strict=True)
    ]
    result = {"name": series.name, "columns": list(series.columns), "values": values}
    if series.tags is not None:
        result["tags"] = dict(series.tags)
    return {key: value for key, value in result.items() if value != ""}


def calm(series):
    """A series with rows of one time in one order, since influxd has none for them."""
    values = series["values"]
    if series["columns"][:1] != ["time"]:
        return values
    return (
        sorted(values, key=lambda row: (row[0], [plain_text(each) for each in row[1:]]))
        if len({row[0] for row in values}) < len(values)
        else values
    )


def plain_text(value):
    return str(float(value)) if isinstance(value, int) and not isinstance(value, bool) else str(value)


def same(one, other):
    """Whether two values are equal, floats to 1e-9."""
    if isinstance(one, float) or isinstance(other, float):
        if one is None or other is None or isinstance(one, str) or isinstance(other, str):
            return one == other
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return one == other and type(one) is type(other)


def difference(theirs, ours, question):
    """The first thing in which two answers differ; empty when none."""
    if isinstance(ours, str) and "iterator type" in ours and (theirs == [] or "mixed" in question):
        return ""  # influxd looks at kinds only where there are rows
    if isinstance(theirs, str) or isinstance(ours, str):
        return "" if isinstance(theirs, str) and isinstance(ours, str) else f"{str(theirs)[:300]} | {str(ours)[:300]}"
    heads = [[(one.get("name"), one.get("tags"), one["columns"]) for one in answer] for answer in (theirs, ours)]
    if heads[0] != heads[1]:
        return f"{heads[0]} | {heads[1]}"
    timeless = "percentile(" in question.lower() and "time(" not in question  # which of equal values it is, is open
    pairs = zip(theirs, ours, strict=True)
    return next((found for one, other in pairs if (found := unlike(one, other, int(timeless)))), "")


def unlike(one, other, first):
    """The first thing in which two series differ, from their column `first` on."""
    if len(one["values"]) != len(other["values"]):
        ends = [f"{len(each['values'])} rows {each['values'][:3]}..{each['values'][-2:]}" for each in (one, other)]
        return f"{one.get('tags')}: {ends[0]} | {ends[1]}"
    for a, b in zip(calm(one), calm(other), strict=True):
        if not all(map(same, a[first:], b[first:])):
            return f"{one.get('tags')}: {a} | {b}"
    return ""


def dice(seed):
    return random.Random(seed)
