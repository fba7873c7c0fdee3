"""File patterns to paths, the same on every platform: `C:/LoggerNet/*.dat`, `~/data/**/*.dat`, `data/[old] tower.dat`.

pathlib's own glob stops at what it may not read, and takes `[` in the name of a folder for a pattern.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatch, fnmatchcase
from pathlib import Path, PureWindowsPath

WINDOWS = os.name == "nt"
ONLY_WINDOWS = re.compile(r"[A-Za-z]:|\\\\")  # a drive letter, a UNC path
OnError = Callable[[OSError], None]


def expand(pattern: str, project: Path, onerror: OnError | None = None) -> list[Path]:
    """Return the files that `pattern` stands for: sorted, each once, spelled as on disk.

    A `*` or `?` stands for characters of one name, `[ab]` for one of them, `**` for any number of folders (links to
    folders are not followed there). Names with a leading dot need one in the pattern. Where a name with `[` is there
    literally, it is meant literally.

    Args:
        pattern: relative ones start from `project`; `~` is the home of the user.
        onerror: told of each folder that could not be read, which costs only what is in it.
    """
    if ONLY_WINDOWS.match(pattern) and not (WINDOWS and PureWindowsPath(pattern).root):
        return []
    spellings = dict.fromkeys([pattern, pattern.replace("\\", "/")])  # both separators work everywhere
    found = (_expand(spelling, project, _Disk(onerror or _ignore)) for spelling in spellings)
    return next((paths for paths in found if paths), [])


def but(paths: Iterable[Path], patterns: Iterable[str], project: Path) -> list[Path]:
    """Return those of `paths` that no pattern fits: its name, or the whole path if a slash is in the pattern.

    Args:
        patterns: `*` in one for a path stands for any characters, slashes too; relative ones start from `project`.
    """
    fits = [_fits(pattern.replace("\\", "/"), project) for pattern in patterns]
    return [path for path in paths if not any(one(path) for one in fits)]


def _fits(pattern: str, project: Path) -> Callable[[Path], bool]:
    match = fnmatch if WINDOWS else fnmatchcase
    if "/" not in pattern:
        return lambda path: match(path.name, pattern)
    whole = (project / _at_home(Path(pattern))).as_posix()
    return lambda path: match(path.as_posix(), whole)


class _Disk:
    """What stands in folders, each read once."""

    def __init__(self, onerror: OnError) -> None:
        self.onerror = onerror
        self.known: dict[Path, list[os.DirEntry[str]]] = {}

    def entries(self, folder: Path) -> list[os.DirEntry[str]]:
        if folder not in self.known:
            self.known[folder] = self._read(folder)
        return self.known[folder]

    def _read(self, folder: Path) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except NotADirectoryError:
            return []
        except OSError as error:
            self.onerror(error)
            return []


def _expand(pattern: str, project: Path, disk: _Disk) -> list[Path]:
    path = project / _at_home(Path(pattern))
    if "\0" in pattern or not path.parts:
        return []
    anchor = Path(path.anchor[:1].upper() + path.anchor[1:])  # c: and C: are one drive
    parts = path.parts[1:] if path.anchor else path.parts
    if parts and parts[-1] == "**":
        parts = (*parts, "*")
    return sorted(set(_walk(anchor, parts, disk)))


def _at_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # ~name of a user who is not there: then it is a name
        return path


def _ignore(error: OSError) -> None:
    """What happens to an error that nobody wants to hear of."""


def _walk(folder: Path, parts: tuple[str, ...], disk: _Disk) -> Iterator[Path]:
    """Yield the files below `folder` that `parts` lead to."""
    part, rest = parts[0], parts[1:]
    if part == "**":
        for below in _folders(folder, disk, set()):
            yield from _walk(below, rest, disk)
        return
    for name in _names(folder, part, disk):
        path = folder / name
        if rest:
            yield from _walk(path, rest, disk)
        elif _is_file(path):
            yield path


def _names(folder: Path, part: str, disk: _Disk) -> list[str]:
    """Return the names in `folder` that `part` stands for."""
    magic = any(sign in part for sign in "*?[")
    there = part == ".." or _is_there(folder / part, _ignore if magic else disk.onerror)
    if there and not WINDOWS:
        return [part]
    if not there and not magic:
        return []
    names = [entry.name for entry in disk.entries(folder)] if part != ".." else []
    if there:  # Windows does not mind the case, we do: one file has one path
        return [name for name in names if name.lower() == part.lower()] or [part]
    return [name for name in names if _matches(name, part)]


def _matches(name: str, part: str) -> bool:
    if name.startswith(".") and not part.startswith("."):
        return False
    return fnmatch(name, part) if WINDOWS else fnmatchcase(name, part)


def _folders(folder: Path, disk: _Disk, seen: set[tuple[int, int] | str]) -> Iterator[Path]:
    """Yield `folder` and all folders below it, each once: a junction of Windows can lead back up."""
    try:
        status = folder.stat()
    except OSError as error:
        return disk.onerror(error)
    # Some network drives number no files: then the path tells folders apart, with junctions followed
    one = (status.st_dev, status.st_ino) if status.st_ino else os.path.normcase(os.path.realpath(folder))
    if one in seen:
        return
    seen.add(one)
    yield folder
    for entry in disk.entries(folder):
        if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
            yield from _folders(folder / entry.name, disk, seen)


def _is_there(path: Path, onerror: OnError) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as error:
        onerror(error)
        return False
    return True


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a link to what may not be looked at
        return False
