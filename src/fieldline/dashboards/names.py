"""Names that stay: uids, slugs, titles that fit, and the time zones that Grafana knows."""

from __future__ import annotations

import hashlib
import re
import unicodedata

LONGEST_UID = 40  # Grafana takes no longer one
LETTERS = 6  # of a title for each of the 24 columns of a dashboard, in a window of 1280 pixels


def slug(text: str) -> str:
    """Text as small letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return "-".join(re.findall("[a-z0-9]+", plain.lower()))


def uid(*words: str) -> str:
    """A uid of at most 40 letters, digits, - and _ that these words always get, and hardly any others."""
    text = "-".join(words)
    if re.fullmatch(rf"[a-z0-9_-]{{1,{LONGEST_UID}}}", text):
        return text
    mark = _mark(*words)
    return f"{slug(text)[: LONGEST_UID - len(mark) - 1].rstrip('-')}-{mark}".lstrip("-")


def _mark(*words: str) -> str:
    """Eight letters that other words hardly ever get."""
    return hashlib.blake2s("\0".join(words).encode(), digest_size=4).hexdigest()


def fitting(title: str, width: int) -> str:
    """A title that stands in one line above a panel of `width` of the 24 columns."""
    most = width * LETTERS
    if len(title) <= most:
        return title
    cut = title[: most - 1]
    return (cut[: cut.rindex(" ")] if " " in cut[most // 2 :] else cut).rstrip(" ,:") + "…"


def variable(bucket: str) -> str:
    """The name of the variable that holds the data source of a bucket, and of no other one: letters, digits and _."""
    plain = slug(bucket).replace("-", "_")
    return f"ds_{plain}" if plain == bucket else f"ds_{plain}_{_mark(bucket)}"


def zone(clock: str) -> str:
    """A logger's clock as Grafana's time zone; an offset that is no whole hour has none, so the browser's."""
    if not re.match(r"[+-]\d\d:\d\d$", clock):
        return "utc" if clock == "UTC" else clock
    hours, minutes = int(clock[1:3]), int(clock[4:])
    if minutes or hours > (12 if clock[0] == "-" else 14):
        return "browser"
    sign = "+" if clock[0] == "-" else "-"  # Etc/GMT+5 is five hours behind Greenwich
    return f"Etc/GMT{sign}{hours}" if hours else "utc"


def seconds_east(clock: str) -> int:
    """How far a clock's day begins before that of UTC; 0 for a zone, whose days change. [s]"""
    if not re.match(r"[+-]\d\d:\d\d$", clock):
        return 0
    return (int(clock[1:3]) * 3600 + int(clock[4:]) * 60) * (-1 if clock[0] == "-" else 1)
