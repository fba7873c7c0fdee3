"""`fieldline dashboards`: dashboards and alerts for Grafana, from what is declared and what the store holds."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from ..dashboards.files import files
from ..errors import UsageError
from . import DONE, hints
from .site import site_of, wanted

_GIT_SYNC = 20  # dashboards and folders; Grafana's page "Usage and performance limitations" of Git Sync, 2026


def main(options: argparse.Namespace) -> int:
    """Do one act."""
    return ACTS[options.act](options)


def export(options: argparse.Namespace) -> int:
    """Write everything that Grafana needs into a folder."""
    if not options.target:
        raise UsageError(
            "dashboards export", "no folder", "the folder to write to", "fieldline dashboards export FOLDER"
        )
    site = site_of(options)
    stations = wanted(site, options.station)
    folder = Path(options.target)
    made = files(site, stations)
    gone = _stale(folder / "dashboards", made) if stations is None else []
    try:
        _write(folder, made)
        for path in gone:
            path.unlink()
    except OSError as error:
        found = f"{error.filename}: {error.strerror}"
        fix = "Close what holds it open, or name another folder."
        raise UsageError(f"dashboards export {folder}", found, "a folder that can be written to", fix) from error
    print(f"{len(made)} files in {folder}" + (f", {len(gone)} that are no longer made were deleted" if gone else ""))
    count = sum(name.startswith("dashboards/") for name in made)
    if count > _GIT_SYNC:
        print(
            f"{count} dashboards: Git Sync in Grafana Cloud's free plan takes {_GIT_SYNC} at most. "
            "There, push them instead, or export one --station"
        )
    words = "let Grafana read them as docs/grafana.md says, or send all to it: fieldline dashboards push"
    print(hints.whole(words, options))
    return DONE


def _write(folder: Path, made: Mapping[str, str]) -> None:
    for name, text in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def _stale(folder: Path, made: Mapping[str, str]) -> list[Path]:
    """Dashboards of an earlier export that are no longer made."""
    return [path for path in sorted(folder.glob("fieldline-*.json")) if f"dashboards/{path.name}" not in made]


def through_the_api(options: argparse.Namespace) -> int:
    """Do what needs a Grafana that answers."""
    from . import grafana

    acts = {"push": grafana.send, "share": grafana.share, "unshare": grafana.unshare, "list": grafana.show}
    return acts[options.act](options)


ACTS: dict[str, Callable[[argparse.Namespace], int]] = {
    "export": export,
    **dict.fromkeys(("push", "share", "unshare", "list"), through_the_api),
}
