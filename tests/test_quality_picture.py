"""The page of a report: whole, harmless, and saying in words what its pictures show."""

import base64
import re
import zlib
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from fieldline.quality.bits import names
from fieldline.quality.picture import Section, page
from fieldline.quality.png import png
from fieldline.quality.report import summarise

MADE = pd.Timestamp("2026-03-10 12:00", tz="UTC")
START = pd.Timestamp("2026-03-07", tz="UTC")
NASTY = "<script>alert(1)</script>\"' onload=x&amp;\u202e\x00"
VOID = {"meta", "img", "source", "br"}


class Page(HTMLParser):
    """The tags of a page; an end that does not fit its start is a fault."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.stack, self.tags, self.words = [], [], []
        self.feed(text)
        self.close()
        assert not self.stack

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"{tag}: an attribute twice"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack and self.stack.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def section(rows=3000, fields=("A", "B"), title="field.met", interval="1min", days=3):
    dice = np.random.default_rng(1)
    data = {}
    for name in fields:
        data |= {name: dice.normal(size=rows), f"{name}_qc": dice.choice([1, 1, 1, 2, 3, 4], rows), f"{name}_qcbits": 4}
    index = pd.date_range(START, periods=rows, freq=interval, name="time")
    end, every = START + pd.Timedelta(days=days), pd.Timedelta(interval)
    units = dict.fromkeys(fields, "degC")
    report = summarise(
        pd.DataFrame(data, index=index), fields, interval=every, start=START, end=end, names=names, units=units
    )
    return Section(title, (), report)


def made(*sections, heading="Data quality", facts=()):
    return page(sections, heading=heading, facts=facts, made=MADE)


def without_images(text):
    return re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", text)


@pytest.mark.parametrize("rows", [0, 1, 3000])
def test_a_page_is_well_formed_and_needs_nothing_else(rows):
    text = made(section(rows))
    found = Page(text)
    assert found.tags[0][0] == "html"
    assert "http" not in without_images(text)
    assert not {"script", "link", "iframe", "base", "form"} & {tag for tag, _ in found.tags}
    assert all(image["src"].startswith("data:image/png;base64,") for image in found.all("img"))
    assert "url(" not in text and "@import" not in text


def test_without_any_series_the_page_says_so():
    assert "No series has flags" in "".join(Page(made()).words)


def test_without_any_field_there_is_a_page():
    Page(made(section(fields=())))


def test_names_from_files_stay_text():
    plain, nasty = (
        Page(made(section())),
        made(section(fields=(NASTY, "B"), title=NASTY), heading=NASTY, facts=[(NASTY, NASTY)]),
    )
    found = Page(nasty)
    assert [tag for tag, _ in found.tags if tag in ("script", "dt")] == ["dt"] * (len(plain.all("dt")) + 1)
    assert not any("onload" in attributes for _, attributes in found.tags)
    shown = NASTY.replace("\u202e", "\ufffd").replace("\x00", "\ufffd")
    assert shown in found.words
    assert any(attributes.get("title", "").startswith(shown) for attributes in found.all("img"))


def test_every_picture_says_what_it_shows():
    one = section()
    found = Page(made(one))
    fields = one.report.fields
    pictures = [*(image["alt"] for image in found.all("img"))]
    bars = [tag["aria-label"] for name, tag in found.tags if tag.get("role") == "img"]
    assert len(pictures) == 3 * len(fields) and len(bars) == len(fields)
    for field in fields:
        assert sum(text.startswith(f"{field.name}: ") for text in pictures) == 2
        said = next(text for text in pictures if text.startswith(f"{field.name} by date"))
        assert f"{field.suspect:,} suspect and {field.fail:,} failed values" in said
        assert "degC" in said


def test_a_day_of_which_nothing_is_expected_is_not_shown_as_missing():
    found = Page(made(section(rows=3, interval="1D", days=5)))
    said = next(image for image in found.all("img") if image["alt"].startswith("A: 3 of 5 days complete"))
    assert int.from_bytes(base64.b64decode(said["src"].split(",")[1])[16:20], "big") == 5
    late = section(rows=3, interval="1D", days=3)
    begin = START + pd.Timedelta("12h")
    rows = pd.DataFrame({"A": [1.0, 2.0]}, index=pd.date_range("2026-03-08", periods=2, tz="UTC"))
    report = summarise(rows, ["A"], interval=pd.Timedelta("1D"), start=begin, end=late.report.end, names=names)
    said = next(image for image in Page(made(Section("x", (), report))).all("img") if "days complete" in image["alt"])
    assert said["alt"] == "A: all 2 days complete"
    assert int.from_bytes(base64.b64decode(said["src"].split(",")[1])[16:20], "big") == 2


def test_tables_have_headings():
    found = Page(made(section()))
    rows = [tag.get("scope") for tag in found.all("th")]
    assert set(rows) == {"row", "col"}
    assert len(found.all("caption")) == len(found.all("table")) == 3


def test_links_lead_somewhere():
    found = Page(made(section(), section(title="other")))
    there = [tag["id"] for _, tag in found.tags if "id" in tag]
    assert len(there) == len(set(there))
    assert {tag["href"].removeprefix("#") for tag in found.all("a")} <= set(there)


def test_the_shares_are_those_of_the_report():
    one = section(fields=("A",))
    cells = re.findall(r'<td class="n">([\d.]+)</td>', made(one))
    (field,) = one.report.fields
    shown = [field.percent(key) for key in ("good", "suspect", "fail", "missing", "not_evaluated")]
    assert [float(cell) for cell in cells] == pytest.approx(shown, abs=0.051)


def test_a_hundred_fields_fold():
    found = Page(made(section(100, fields=[f"T{i}" for i in range(100)])))
    folds = found.all("details")
    assert len(folds) == 100
    assert sum("open" in fold for fold in folds) <= 2


def test_a_year_of_minutes_stays_small():
    one = section(525_600, fields=("A",), days=365)
    text = made(one)
    assert len(text) < 5_000_000 / 40  # noise, which compresses worst; a station has some 40 fields


def test_png_is_read_back():
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    data = png(pixels, [(i, i, i, 255) for i in range(12)])
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    start = data.index(b"IDAT")
    size = int.from_bytes(data[start - 4 : start], "big")
    body = data[start : start + 4 + size]
    assert zlib.crc32(body) == int.from_bytes(data[start + 4 + size : start + 8 + size], "big")
    lines = np.frombuffer(zlib.decompress(body[4:]), np.uint8).reshape(3, 5)
    assert (lines[:, 0] == 0).all() and (lines[:, 1:] == pixels).all()


@pytest.mark.parametrize("pixels", [np.zeros((0, 4), np.uint8), np.full((1, 1), 2, np.uint8)])
def test_png_refuses_pixels_without_a_colour(pixels):
    with pytest.raises(ValueError, match="colour"):
        png(pixels, [(0, 0, 0, 0), (1, 1, 1, 1)])
