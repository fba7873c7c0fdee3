"""The modules of drivers/, imported by path: the user's own code, so one that is broken must not stop the others."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import NoReturn

from ..errors import InputError
from ..tables import REGISTRY, DataTable


def load(folder: Path, name: str) -> tuple[type[DataTable], ...]:
    """The tables that `folder/name.py` declares.

    Raises: InputError, when it is not there or can't be imported.
    """
    path, module_name = folder / f"{name}.py", f"drivers.{name}"
    if module_name not in sys.modules:
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None or not exists(folder, name):
            refuse(folder, name)
        module = sys.modules[module_name] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except Exception as error:  # a driver may do anything; whatever it does, it is this driver's fault alone
            del sys.modules[module_name]
            found = f"{type(error).__name__}: {error}"
            raise InputError(
                str(path), found, "a module that imports", "Mend it; the other drivers still work."
            ) from error
    return tuple(table for table in REGISTRY.values() if table.__module__ == module_name)


def exists(folder: Path, name: str) -> bool:
    """Whether there is a driver of this name."""
    return (folder / f"{name}.py").is_file()


def refuse(folder: Path, name: str) -> NoReturn:
    """Raise the InputError for a driver that is not there."""
    known = ", ".join(names(folder)) or "none"
    fix = "Correct `driver:` of the job, or write the file."
    raise InputError(str(folder / f"{name}.py"), "no such driver", f"one of: {known}", fix)


def names(folder: Path) -> list[str]:
    """The drivers that are there."""
    return sorted(path.stem for path in folder.glob("[!_]*.py"))
