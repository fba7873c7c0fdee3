"""Line protocol as a server sees it: where lines end, and which columns a line has."""

import re

TOKEN = re.compile(rb'\\.|[ "=,\n]|[^\\ "=,\n]+|\\', re.DOTALL)
VALUE = re.compile(rb'(?<!\\)=(?:"(?:\\.|[^"\\])*"|(?:\\.|[^ ,\n\\])*)', re.DOTALL)
TIME = re.compile(rb" -?\d+[ \r]*$", re.MULTILINE)
KEY = re.compile(rb"(?:^|,)((?:\\.|[^\\=,])+)=", re.DOTALL)
SPACE = re.compile(rb"(?:\\.|[^\\ ])+", re.DOTALL)


def split(data):
    """The lines of a body without blank ones and comments; a line end inside a string does not end its line.

    Source: scanLine of InfluxDB 1.x, models/points.go: a quote counts in the value of a field only.
    """
    lines, start, fields, quoted, value = [], 0, False, False, False
    for match in TOKEN.finditer(data):
        token = match.group()
        if token == b'"' and fields and (quoted or value):
            quoted = not quoted
        elif quoted:
            continue
        elif token == b"\n":
            lines.append(data[start : match.start()])
            start, fields, value = match.end(), False, False
        elif token in (b" ", b",", b"="):
            fields, value = fields or token == b" ", token == b"="
    lines.append(data[start:])
    return [line for line in lines if line.strip() and not line.lstrip().startswith(b"#")]


def tables(data):
    """(measurement, its tag and field keys) of each shape of line in a body, as they are written."""
    shapes = set(TIME.sub(b"", VALUE.sub(b"=", data)).split(b"\n"))
    return [table(shape) for shape in sorted(shapes) if shape.strip() and not shape.startswith(b"#")]


def table(shape):
    """The measurement and the keys of a line without values and time."""
    head = SPACE.match(shape)
    name, _, tags = (head.group() if head else b"").partition(b",")
    fields = shape[head.end() if head else 0 :].lstrip(b" ")
    return name, {*KEY.findall(tags), *KEY.findall(fields)}
