"""Grafana's own JSON Schemas as an oracle for dashboards: what is wrong with one, in words.

The schemas are Grafana's, generated for its foundation SDK, and strict: no unknown key passes. In three places they
refuse what Grafana itself writes; these are widened, and named in `_widened`.
"""

import functools
import json
import os
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "grafana-jsonschema"
FILES = {
    "timeseries": "timeseries",
    "stat": "stat",
    "table": "table",
    "state-timeline": "statetimeline",
    "status-history": "statushistory",
    "heatmap": "heatmap",
    "bargauge": "bargauge",
    "xychart": "xychart",
    "geomap": "geomap",
    "text": "text",
}


def needed():
    """Skip without the schemas; fail on CI, which has them."""
    if not FOLDER.is_dir():
        (pytest.fail if "CI" in os.environ else pytest.skip)("Grafana's JSON Schemas are not here")


@functools.cache
def _schema(name):
    return _widened(json.loads((FOLDER / f"{name}.jsonschema.json").read_text(encoding="utf-8")))


def _widened(schema):
    """Matchers and overrides take any value (the schema wants objects), and a cell fits more than one kind of cell."""
    known = schema["definitions"]
    if "MatcherConfig" in known:
        known["MatcherConfig"]["properties"]["options"] = {}
    if "DynamicConfigValue" in known:
        known["DynamicConfigValue"]["properties"]["value"] = {}
    if "TableCellOptions" in known:
        known["TableCellOptions"]["anyOf"] = known["TableCellOptions"].pop("oneOf")
    return schema


@functools.cache
def _validator(name, definition=None):
    schema = _schema(name)
    if definition is None:
        return Draft7Validator(schema)
    if definition not in schema["definitions"]:
        return None
    return Draft7Validator({"$ref": f"#/definitions/{definition}", "definitions": schema["definitions"]})


def _leaves(error):
    """The errors at the bottom of one, of the branch that came furthest."""
    if not error.context:
        return [error]
    return _leaves(max(error.context, key=lambda one: len(one.absolute_path)))


def _words(where, validator, thing):
    for error in validator.iter_errors(thing):
        for leaf in _leaves(error):
            yield f"{where}{'/'.join(map(str, leaf.absolute_path))}: {leaf.message[:160]}"


def panels(dashboard):
    """All panels but the headings, those of closed headings too."""
    for one in dashboard["panels"]:
        if one["type"] == "row":
            yield from panels(one)
        else:
            yield one


# What an override may set, and where that stands in the options of a field.
FIELD = {"color", "unit", "decimals", "min", "max", "mappings", "thresholds", "displayName", "noValue"}


def mistakes(dashboard):
    """Everything that Grafana's schemas find wrong, in words; [] for a good dashboard."""
    found = list(_words("", _validator("dashboard"), dashboard))
    for one in panels(dashboard):
        name, title = FILES.get(one.get("type")), one.get("title")
        if name is None:
            found.append(f"{title}: no schema for a panel of type {one.get('type')!r}")
            continue
        config = one.get("fieldConfig", {})
        found += _words(f"{title}: options/", _validator(name, "Options"), one.get("options", {}))
        custom = _validator(name, "FieldConfig")
        if custom:
            found += _words(f"{title}: custom/", custom, config.get("defaults", {}).get("custom", {}) | _needs(name))
        for each in config.get("overrides", []):
            found += _override(title, name, custom, each)
    return found


def _needs(name):
    return {"align": "auto", "inspect": False} if name == "table" else {}


def _override(title, name, custom, each):
    own = {p["id"].removeprefix("custom."): p["value"] for p in each["properties"] if p["id"].startswith("custom.")}
    plain = {p["id"]: p["value"] for p in each["properties"] if not p["id"].startswith("custom.")}
    if own and custom is None:
        yield f"{title}: a panel of type {name} has no custom options of fields"
    elif own:
        yield from _words(
            f"{title}: override/custom/", custom, own | {k: v for k, v in _needs(name).items() if k not in own}
        )
    known = _validator("dashboard", "FieldConfig")
    yield from _words(f"{title}: override/", known, plain)


def rule_mistakes(rule):
    """Everything that Grafana's schemas find wrong with an alert rule, in words."""
    return list(_words("", _validator("alerting", "Rule"), rule))
