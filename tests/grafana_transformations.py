"""What Grafana's transformations make of a table, as far as the dashboards use them; checked once against its own code.

A column is [name, title of the data source or "", values]; a title of the data source goes before the name.
Source: packages/grafana-data/src/transformations/transformers and public/app/features/transformers of Grafana 11 to 13,
run as @grafana/data 12.1.0.
"""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def shown(column):
    """What stands above a column."""
    return column[1] or column[0]


def transformed(table, transformations):
    """A table after one transformation after another."""
    for one in transformations:
        table = KNOWN[one["id"]](table, one["options"])
    return table


def _named(table, name):
    return next(column for column in table if shown(column) == name)


def _convert(table, options):
    (one,) = options["conversions"]
    zone = ZoneInfo("UTC" if one["timezone"] == "utc" else one["timezone"])
    assert one["destinationType"] == "string"

    def told(stamp):
        local = datetime.fromtimestamp(stamp / 1000, UTC).astimezone(zone)
        parts = re.split(r"\[([^\]]*)\]", one["dateFormat"])
        codes = (("YYYY", "%Y"), ("MM", "%m"), ("DD", "%d"), ("HH", "%H"))
        for at in range(0, len(parts), 2):
            for word, code in codes:
                parts[at] = parts[at].replace(word, local.strftime(code))
        return "".join(parts)

    return [[n, t, list(map(told, v))] if (t or n) == one["targetField"] else [n, t, v] for n, t, v in table]


def _extract(table, options):
    assert options["format"] == "kvp"
    rows = [dict(part.split("=") for part in text.split(" ")) for text in _named(table, options["source"])[2]]
    names = list(dict.fromkeys(name for row in rows for name in row))
    return [*table, *([name, "", [row.get(name) for row in rows]] for name in names)]


def _sort(table, options):
    (one,) = options["sort"]
    keys = _named(table, one["field"])[2]
    order = sorted(range(len(keys)), key=keys.__getitem__, reverse=bool(one.get("desc")))
    return [[n, t, [v[at] for at in order]] for n, t, v in table]


def _group(table, options):
    by = [c for c in table if options["fields"].get(shown(c), {}).get("operation") == "groupby"]
    groups = {}
    for at, key in enumerate(zip(*(c[2] for c in by), strict=True)):
        groups.setdefault(key, []).append(at)
    made = [[c[0], c[1], [key[number] for key in groups]] for number, c in enumerate(by)]
    for name, one in options["fields"].items():
        for how in one["aggregations"]:
            assert how == "lastNotNull"
            values = [[_named(table, name)[2][at] for at in rows] for rows in groups.values()]
            last = [next((x for x in reversed(some) if x is not None), None) for some in values]
            made.append([f"{name} ({how})", "", last])  # a column that this makes has no title of the data source
    return made


def _matrix(table, options):
    rows, columns, values = (_named(table, options[word]) for word in ("rowField", "columnField", "valueField"))
    days, hours = (list(dict.fromkeys(column[2])) for column in (rows, columns))
    cells = dict(zip(zip(rows[2], columns[2], strict=True), values[2], strict=True))
    first = [f"{options['rowField']}\\{options['columnField']}", "", days]
    return [first, *([hour, values[1], [cells.get((day, hour)) for day in days]] for hour in hours)]


KNOWN = {"convertFieldType": _convert, "extractFields": _extract, "sortBy": _sort, "groupBy": _group,
         "groupingToMatrix": _matrix}  # fmt: skip
