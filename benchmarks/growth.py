"""What grows with the embedded store: the measurements of store.py as figures, for a small store and a large one."""

from __future__ import annotations

from pathlib import Path

from .common import Figure, Sizes
from .store import asking, filled, upserting

SHOWN = {
    "mean": "one-minute means of the last 500,000 rows (or all)",
    "last": "60 rows over the newest ones",
    "new": "60 new rows",
    "middle": "60 rows over ones in the middle",
}


def growth(folder: Path, sizes: Sizes) -> list[Figure]:
    """Milliseconds in the smaller and in the larger store, opening and closing included."""
    taken = []
    for rows in sizes.stored:
        store = filled(folder, rows)
        taken.append(asking(store, rows, sizes.repeats) | upserting(store, rows, sizes.repeats))
        store.close()
        store.path.unlink()
    small, large = taken
    names = " / ".join(f"{rows:,}" for rows in reversed(sizes.stored))
    return [
        Figure(
            f"{what}: store of {names} rows",
            f"{large[name] / small[name]:.1f}",
            "",
            f"{large[name]:.1f} ms, {small[name]:.1f} ms",
        )
        for name, what in SHOWN.items()
    ]


PARTS = (growth,)
