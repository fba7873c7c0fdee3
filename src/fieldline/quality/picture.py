"""Reports as one page of HTML that needs nothing else: it opens from a disk, in a mail, on a phone, years from now.

Names come from data files, so every text is escaped where it enters the page, and the page has no script at all.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from . import words
from .flags import FAIL, GOOD, SUSPECT
from .flags import UNKNOWN as NOT_EVALUATED
from .grid import DAY, Flags, Numbers, pooled
from .png import Colour, data_uri
from .report import FieldReport, Report
from .style import STYLE

_CLEAR: Colour = (0, 0, 0, 0)  # the hatched ground shows
_BLUE, _GREY, _AMBER, _RED = (74, 144, 194, 255), (163, 173, 184, 255), (242, 169, 0, 255), (200, 50, 31, 255)
_FLAGS = (_CLEAR, _BLUE, _GREY, _AMBER, _RED)  # nothing or missing, good, not evaluated, suspect, fail
_SHARES = (_CLEAR, *((74, 144, 194, 40 + 15 * level) for level in range(10)), _BLUE)  # the last: all of a day
_RAMP = ((211, 233, 245), (90, 159, 201), (13, 58, 102))  # low, middle, high
_LEVELS = 32
_POOL = 4  # bins of a timeline in one on a narrow screen
_TICKS = 5
_OPEN, _STAND_OUT = 2, 6


@dataclass(frozen=True)
class Section:
    """One series on the page: its title, what else is known of it (term, text), and its report."""

    title: str
    facts: Sequence[tuple[str, str]]
    report: Report


def page(sections: Sequence[Section], *, heading: str, facts: Sequence[tuple[str, str]], made: pd.Timestamp) -> str:
    """The whole page.

    Args:
        heading: what the page is about. facts: terms and texts below it, such as where the data lie.
        made: when; the page says so.
    """
    told = [*facts, ("made", f"{words.clock(made)} UTC")]
    body = [f"<h1>{_text(heading)}</h1>", _facts(told), _LEGEND]
    body += [_section(section, f"s{number}") for number, section in enumerate(sections)]
    if not sections:
        body.append("<p>No series has flags in this range.</p>")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(heading)}</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


_LEGEND = """<ul class="legend" aria-label="Colours">
<li><i class="good"></i>good: passed the checks</li>
<li><i class="suspect"></i>suspect: look at it before use</li>
<li><i class="fail"></i>fail: do not use</li>
<li><i class="missing"></i>missing: no value, or the row never came</li>
<li><i class="not_evaluated"></i>not evaluated: no check spoke</li></ul>
<p class="soft">Days and times are UTC. A value belongs to the hour or day of its stamp. Shares are of all values
expected. Measured values are never changed; the flags stand beside them.</p>"""


def _section(section: Section, mark: str) -> str:
    report = section.report
    marks = [f"{mark}f{number}" for number in range(len(report.fields))]
    order = sorted(range(len(marks)), key=lambda i: -report.fields[i].flagged)
    opened = {i for i in order[:_OPEN] if report.fields[i].flagged}
    folds = [_field(field, report, marks[i], i in opened) for i, field in enumerate(report.fields)]
    return "\n".join(
        (
            f'<section id="{mark}"><h2>{_text(section.title)}</h2>',
            _facts([*section.facts, *_range(report)]),
            _standing_out(report, marks, order),
            _summary(report, marks),
            _missing_map(report),
            _timelines(report),
            "<h3>Field by field</h3>",
            '<p class="soft">Values by date and time of day, what the checks said, the worst hours.</p>',
            *folds,
            "</section>",
        )
    )


def _range(report: Report) -> list[tuple[str, str]]:
    every = (
        words.span(report.interval) if report.interval is not None else "not known: rows that never came not counted"
    )
    came = f"{report.rows:,} came" + (f", {report.absent:,} did not" if report.absent else "")
    return [
        ("range", f"{words.clock(report.start)} to {words.clock(report.end)}"),
        ("a row every", every),
        ("rows", came),
    ]


def _standing_out(report: Report, marks: Sequence[str], order: Sequence[int]) -> str:
    """The fields with the most flags, and those with the most missing beyond rows that never came, as links."""
    flagged = [i for i in order if report.fields[i].flagged][:_STAND_OUT]
    gaps = sorted(range(len(marks)), key=lambda i: -report.fields[i].missing)
    gaps = [i for i in gaps if report.fields[i].missing > report.absent][:_STAND_OUT]
    lines = [
        _links("Most suspect or failed", flagged, [report.fields[i].flagged for i in flagged], report, marks),
        _links("Most missing", gaps, [report.fields[i].missing for i in gaps], report, marks),
    ]
    return "".join(lines) or "<p>Nothing suspect, nothing failed, no value missing from a row that came.</p>"


def _links(title: str, which: Sequence[int], counts: Sequence[int], report: Report, marks: Sequence[str]) -> str:
    links = [
        f'<a href="#{marks[i]}">{_text(report.fields[i].name)}</a> '
        f"({words.percent(100 * count / max(1, report.fields[i].total))} %)"
        for i, count in zip(which, counts, strict=True)
    ]
    return f"<p>{title}: {', '.join(links)}</p>" if links else ""


def _summary(report: Report, marks: Sequence[str]) -> str:
    heads = "".join(
        f'<th scope="col"{style}>{name}</th>'
        for name, style in [
            ("field", ""),
            ("shares", ""),
            *((f"{word} %", ' class="n"') for word in words.VERDICTS.values()),
            ("checks that spoke", ' class="words"'),
            ("worst hour", ""),
        ]
    )
    rows = "".join(_summary_row(field, mark) for field, mark in zip(report.fields, marks, strict=True))
    return (
        '<h3>Summary</h3><div class="scroll" tabindex="0" role="region" aria-label="Summary of the fields">'
        f'<table class="sum"><caption>Shares of the values expected, a line for each field</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _summary_row(field: FieldReport, mark: str) -> str:
    unit = f' <span class="unit">{_text(field.unit)}</span>' if field.unit else ""
    cells = "".join(f'<td class="n">{words.percent(field.percent(key))}</td>' for key in words.VERDICTS)
    worst = f"{words.clock(field.worst[0].start)} ({field.worst[0].count:,})" if field.worst else "–"
    return (
        f'<tr><th scope="row"><a href="#{mark}">{_text(field.name)}</a>{unit}</th><td>{_bar(field)}</td>{cells}'
        f'<td class="words">{_text(words.checks(field.checks, 3)) or "–"}</td><td class="when">{worst}</td></tr>\n'
    )


def _bar(field: FieldReport) -> str:
    """The shares as one small bar; what is there at all is at least two pixels wide."""
    parts = "".join(
        f'<i class="{key}" style="flex:{field.percent(key):.3f} 0 0"></i>'
        for key in words.VERDICTS
        if getattr(field, key)
    )
    said = _text(f"{field.name}: {words.shares(field)}")
    return f'<div class="bar" role="img" aria-label="{said}" title="{said}">{parts}</div>'


def _missing_map(report: Report) -> str:
    """A strip of days for each field, from the first to the last day of which values are expected."""
    expected = np.flatnonzero(np.isfinite(report.fields[0].days)) if report.fields else np.empty(0)
    if not expected.size:
        return ""
    begin, end, first = int(expected[0]), int(expected[-1]) + 1, int(report.start.as_unit("ns").value) // DAY
    strips = [
        (field, _image(_shares(field.days[begin:end]), _SHARES, f"{field.name}: {words.days(field, first)}"))
        for field in report.fields
    ]
    caption = "One cell a day: full blue, every value came; paler, some did; hatched, none."
    return _strips("Missing data", caption, strips, _ticks((first + begin) * DAY, (first + end) * DAY))


def _timelines(report: Report) -> str:
    if not report.fields:
        return ""
    line = report.fields[0].timeline
    return _strips(
        "Flags over time",
        f"The worst flag of each {words.span(pd.Timedelta(line.width, unit='ns'))}, so that a single value shows.",
        [(field, _timeline(field)) for field in report.fields if field.timeline.flags.size],
        _ticks(line.start, line.start + len(line.flags) * line.width),
    )


def _strips(title: str, caption: str, strips: Sequence[tuple[FieldReport, str]], ticks: str) -> str:
    if not strips:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{_text(field.name)}</th><td><div class="hatch">{image}</div></td></tr>\n'
        for field, image in strips
    )
    return (
        f'<h3>{title}</h3><table class="strips"><caption>{caption}</caption><thead><tr><th scope="col">field</th>'
        f'<th scope="col">{ticks}</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _timeline(field: FieldReport) -> str:
    """The strip, and a shorter one for narrow screens, where thin lines would fall between the pixels."""
    flags = field.timeline.flags
    wide = _image(_coloured(flags)[None, :], _FLAGS, f"{field.name}: {words.bins(field)}")
    narrow = data_uri(_coloured(pooled(flags, _POOL))[None, :], _FLAGS)
    return f'<picture><source media="(max-width: 700px)" srcset="{narrow}">{wide}</picture>'


def _image(pixels: Flags, palette: Sequence[Colour], said: str) -> str:
    said = _text(said)
    return f'<img class="strip" src="{data_uri(pixels, palette)}" alt="{said}" title="{said}">'


def _coloured(flags: Flags) -> Flags:
    """Flags as numbers of _FLAGS."""
    return np.where(flags <= FAIL, flags, 0).astype(np.uint8)


def _shares(days: Numbers) -> Flags:
    """Shares as numbers of _SHARES, one line of pixels."""
    levels = np.where(days >= 1, len(_SHARES) - 1, np.ceil(np.nan_to_num(days) * 10))
    return levels.astype(np.uint8)[None, :]


def _ticks(start: int, end: int) -> str:
    """Dates under which midnight they stand; a range of a day or two gets hours."""
    length, form = end - start, "%m-%d"
    step = DAY * max(1, -(-length // (DAY * _TICKS)))
    if length <= 2 * DAY:
        step, form = 6 * 3_600 * 10**9 * (1 if length <= DAY else 2), "%d %H:%M"
    elif length > 400 * DAY:
        form = "%Y-%m"
    moments = range(-(-start // step) * step if step <= DAY else -(-start // DAY) * DAY, end, step)
    spans = "".join(
        f'<span style="left:{100 * (at - start) / length:.2f}%">{pd.Timestamp(at, unit="ns").strftime(form)}</span>'
        for at in moments
        if at - start < 0.93 * length
    )
    return f'<div class="axis">{spans}</div>'


def _field(field: FieldReport, report: Report, mark: str, opened: bool) -> str:
    """What folds out: the fingerprint, and what is said in numbers."""
    unit = f' <span class="unit">{_text(field.unit)}</span>' if field.unit else ""
    return (
        f"<details{' open' if opened else ''}><summary><strong>{_text(field.name)}</strong>{unit} "
        f'<span class="soft">{_text(words.shares(field))}</span></summary><div id="{mark}">'
        f'{_fingerprint(field)}<div class="facts">{_numbers(field)}{_hours(field)}</div></div></details>'
    )


def _fingerprint(field: FieldReport) -> str:
    flags = field.fingerprint.flags
    if not flags.size:
        return ""
    pixels, scale = _painted(field)
    said = _text(f"{field.name} by date and time of day: {words.print_of(field)}")
    height = round(min(460.0, max(14.0 * len(flags), 28.0)))
    first, last = field.fingerprint.first, field.fingerprint.first + field.fingerprint.step * (len(flags) - 1)
    dates = f"<span>{words.day(first)[2:]}</span>" + (f"<span>{words.day(last)[2:]}</span>" if last > first else "")
    hours = "".join(f'<span style="left:{100 * hour / 24:.1f}%">{hour:02}</span>' for hour in range(0, 24, 4))
    image = f'<img style="height:{height}px" src="{data_uri(pixels, _PAINT)}" alt="{said}" title="{said}">'
    return (
        f'<figure><div class="print"><div class="dates" aria-hidden="true">{dates}</div>'
        f'<div class="hatch">{image}</div><div class="axis" aria-hidden="true">{hours}</div></div>'
        f"<figcaption>Date (down) and hour of the day, UTC (across): {scale}amber holds a suspect value, "
        "red a failed one, hatched none.</figcaption></figure>"
    )


def _painted(field: FieldReport) -> tuple[Flags, str]:
    """Values as colours with the flagged cells over them, and the scale: from 1 % to 99 % of the values."""
    flags, values = field.fingerprint.flags, field.fingerprint.values
    known = np.isfinite(values)
    pixels, scale = np.zeros(flags.shape, np.uint8), ""
    pixels[(flags == GOOD) | (flags == NOT_EVALUATED)] = 1 + _LEVELS // 2  # values that are no numbers
    if known.any():
        low, high = (float(bound) for bound in np.percentile(values[known], (1, 99)))
        steps = (values[known] - low) / ((high - low) or 1.0) * (_LEVELS - 1)
        unit = f" {_text(field.unit)}" if field.unit else ""
        scale = f'<span class="when">{words.number(low)} <i class="ramp"></i> {words.number(high)}{unit}</span>; '
        pixels[known] = 1 + np.clip(np.rint(steps), 0, _LEVELS - 1).astype(np.uint8)
    pixels[flags == SUSPECT] = _LEVELS + 1
    pixels[flags == FAIL] = _LEVELS + 2
    return pixels, scale


def _ramp() -> tuple[Colour, ...]:
    at = np.linspace(0, len(_RAMP) - 1, _LEVELS)
    parts = [np.rint(np.interp(at, range(len(_RAMP)), [colour[i] for colour in _RAMP])) for i in range(3)]
    return tuple((int(r), int(g), int(b), 255) for r, g, b in zip(*parts, strict=True))


_PAINT = (_CLEAR, *_ramp(), _AMBER, _RED)


def _numbers(field: FieldReport) -> str:
    told = [(word, f"{getattr(field, key):,}") for key, word in words.VERDICTS.items()]
    told.append(("first value", words.clock(field.first) if field.first is not None else "none"))
    told.append(("last value", words.clock(field.last) if field.last is not None else "none"))
    if field.gap:
        length = words.span(field.gap.end - field.gap.start)
        told.append(("longest gap", f"{length}, {words.clock(field.gap.start)} to {words.clock(field.gap.end)}"))
    return f"<div>{_facts(told)}</div>"


def _hours(field: FieldReport) -> str:
    """The checks that spoke, and the worst hours."""
    spoke = "".join(f"<li>{_text(name)}: {count:,}</li>" for name, count in field.checks.items())
    hours = "".join(f"<li>{words.clock(hour.start)}: {hour.count:,} flagged</li>" for hour in field.worst)
    checks = f"<p>Values that each check spoke of</p><ul>{spoke}</ul>" if spoke else "<p>No check spoke.</p>"
    return f"<div>{checks}</div>" + (f"<div><p>Worst hours (start)</p><ol>{hours}</ol></div>" if hours else "")


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{_text(term)}</dt><dd>{_text(text)}</dd>" for term, text in facts) + "</dl>"


def _text(text: str) -> str:
    """Any text, safe between tags and in quotes; what cannot be printed (controls, directions) becomes �."""
    return html.escape("".join(char if char.isprintable() else "\ufffd" for char in text), quote=True)
