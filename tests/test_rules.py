"""House rules, checked on every module, every driver and every script."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import fieldline
from fieldline.cli import drivers
from fieldline.quality.checks import CHECKS

PROJECT = Path(__file__).parents[1]
SRC = PROJECT / "src" / "fieldline"
MODULES = sorted(SRC.rglob("*.py"))

# An import points to an earlier line; modules of one line do not import each other.
LAYERS = [
    {"errors", "ports", "clock", "patterns", "held"},
    {"readers", "simulator", "quality", "points", "ledger", "parcels", "influxql"},
    {"tables", "settings", "rules", "lineprotocol"},
    {"sources", "sinks", "flagging", "outbox", "groups"},
    {"manager", "dashboards"},
    {"serve"},
    {"cli"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}

OWNERS = {
    "duckdb": "sinks/embedded.py",
    "grafana_client": "dashboards/grafana_api.py",
    "influxdb_client": "sinks/influx.py",
    "lark": "influxql/grammar.py",
    "prometheus_client": "serve/metrics.py",
    "schedule": "cli/forever.py",
    "socketio": "serve/live.py",
    "yaml": "settings/document.py",
}


def parts(path):
    return path.relative_to(SRC).with_suffix("").parts


def imports(path):
    """The modules that `path` imports, by their full names."""
    package = ["fieldline", *parts(path)[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            yield from [f"{module}.{alias.name}" for alias in node.names] if module == "fieldline" else [module]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: "/".join(parts(path)))
def test_imports_point_down(path):
    me = parts(path)[0]
    if me in ("__init__", "__main__"):
        return
    for name in imports(path):
        words = name.split(".")
        if words[0] == "fieldline" and words[1:] and words[1] not in (me, "__version__"):
            assert RANK[words[1]] < RANK[me], f"{me} may not import {words[1]}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: "/".join(parts(path)))
def test_each_foreign_client_lives_in_one_module(path):
    for name in {name.split(".")[0] for name in imports(path)} & OWNERS.keys():
        assert path == SRC / OWNERS[name], f"{name} belongs to {OWNERS[name]} alone"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: "/".join(parts(path)))
def test_the_package_never_imports_drivers_configuration_or_secrets(path):
    assert not {name.split(".")[0] for name in imports(path)} & {"drivers", "config", "secret"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: "/".join(parts(path)))
def test_every_open_names_its_encoding(path):
    text = path.read_text(encoding="utf-8")
    for call in re.findall(r"(?:\.open|read_text|write_text)\(([^)]*)\)", text):
        assert "encoding=" in call or re.search(r'"[rwax]\+?b\+?"', call), call


@pytest.mark.parametrize("path", MODULES, ids=lambda path: "/".join(parts(path)))
def test_every_module_says_what_it_is(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} has no docstring"


@pytest.mark.parametrize("name", drivers.names(PROJECT / "drivers"))
def test_a_driver_imports_fieldline_only_and_declares_units(name):
    path = PROJECT / "drivers" / f"{name}.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"fieldline"}
    tables = drivers.load(PROJECT / "drivers", name)
    assert tables
    for table in tables:
        assert table.__doc__.endswith(".")
        assert all(column.unit for column in table.columns.values())


def test_what_the_package_offers_is_what_it_names():
    at_once = {
        name for name, value in vars(fieldline).items() if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert at_once - {"TYPE_CHECKING", "Any"} == set(fieldline.__all__) - set(CHECKS)
    assert all(getattr(fieldline, name) is check for name, check in CHECKS.items())
    with pytest.raises(AttributeError):
        _ = fieldline.nosuch


@pytest.mark.parametrize("script", ["driver.py", "new-db.py", "update-db.py"])
def test_a_script_at_the_top_is_a_door(script):
    assert len((PROJECT / script).read_text(encoding="utf-8").splitlines()) <= 15
