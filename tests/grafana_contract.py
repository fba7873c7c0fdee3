"""Whether requests keep to Grafana's API document, which lies beside the project and is not part of it.

The document is that of 9.5, the newest to be had whole. Where it is wrong it is put right here, and what it does not
have (public dashboards, /frontend/settings, folders of dashboards in a search) is not checked by it.
"""

import functools
import json
import os
import re
import warnings

import pytest

import contract

NAME = "grafana-9.5.0-pre-openapi3.json"
UNKNOWN = re.compile(r"/api/(health|frontend/settings)|.*/public-dashboards(/.*)?")  # paths it does not have


@functools.cache
def load():
    """The document, ready to check requests, and the query parameters of each operation.

    Put right: servers; `for` of an alert rule is a text such as 5m, not an integer; types of contact points have blanks
    before them; login is checked by the server.
    """
    path = contract.FOLDER / NAME
    if not path.is_file():
        (pytest.fail if "CI" in os.environ else pytest.skip)("Grafana's API document is not beside the project")
    from openapi_core import Config, OpenAPI

    words = json.loads(path.read_text(encoding="utf-8"))
    words["servers"] = [{"url": "http://127.0.0.1/"}]
    words["security"] = []
    words["paths"] = {f"/api{path.removeprefix('/api')}": item for path, item in words["paths"].items()}
    schemas = words["components"]["schemas"]
    schemas["ProvisionedAlertRule"]["properties"]["for"] = {"type": "string", "pattern": "^([0-9]+[smhdw])+$"}
    kinds = schemas["EmbeddedContactPoint"]["properties"]["type"]
    kinds["enum"] = [one.strip() for one in kinds["enum"]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        api = OpenAPI.from_dict(words, config=Config(spec_validator_cls=None))
    table = {path: contract.known(words, path[1], operation) for path, operation in contract.operations(words)}
    return api, table


def check(requests):
    """What is wrong with requests that a grafana.Grafana recorded: a line each."""
    api, table = load()
    known = [one for one in requests if not UNKNOWN.fullmatch(one.path)]
    found = ((one, contract.problem(api, one) or contract.unknown(table, one)) for one in known)
    return [f"{one.method} {one.path}: {words}" for one, words in found if words]
