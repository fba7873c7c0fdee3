"""The extra `[grafana]` and urllib3: its dependency urllib3-future puts itself in the place of everybody's urllib3.

Installed as quickstart.py and docs/grafana.md do it, it stays beside it: every file of urllib3 is that of its wheel.
The tests of InfluxDB run with the extra, as all tests do, and here once more where nothing of it can be imported. With
FIELDLINE_GRAFANA_VENV=1 environments are made with and without the extra, from the lock and with its hashes, and they
run in each; that takes a minute or two.
"""

import base64
import hashlib
import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

PROJECT = Path(__file__).parents[1]
LOCK = PROJECT / "requirements-test.lock"
EXTRA = "grafana-client"
NEEDED = ("influxdb-client", "pandas", "duckdb", "pydantic", "pyyaml", "filelock", "orjson", "isal", "schedule")
TESTS = ("pytest", "hypothesis", "openapi-core")
HEAVY = pytest.mark.skipif("FIELDLINE_GRAFANA_VENV" not in os.environ, reason="FIELDLINE_GRAFANA_VENV=1 is not set")
REPAIR = (
    "python -m pip uninstall -y urllib3 urllib3-future\n"
    "URLLIB3_NO_OVERRIDE=1 python -m pip install --no-binary urllib3-future --force-reinstall urllib3 urllib3-future"
)


def run(python, code, **environ):
    """What Python prints; the test fails if it fails or says anything on stderr."""
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, env=os.environ | environ, cwd=PROJECT)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.strip()


def test_urllib3_is_itself_with_the_extra_installed():
    """What is imported as urllib3 is the version that is installed as such, before and after the client is loaded."""
    importlib.metadata.version(EXTRA)
    installed = importlib.metadata.version("urllib3")
    code = "import urllib3; a = urllib3.__version__; import grafana_client.api, niquests; print(a, urllib3.__version__)"
    assert run(sys.executable, code) == f"{installed} {installed}", (
        f"urllib3-future took its place; repair it:\n{REPAIR}"
    )


def test_every_file_of_urllib3_is_the_one_that_its_wheel_brought():
    """So the same code speaks to InfluxDB with the extra and without."""
    hashed = [one for one in importlib.metadata.files("urllib3") if one.hash]
    assert len(hashed) > 20
    for one in hashed:
        digest = hashlib.new(one.hash.mode, one.locate().read_bytes()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == one.hash.value, f"{one}; repair it:\n{REPAIR}"


def test_a_client_of_influxdb_that_nobody_closes_ends_in_silence_beside_it():
    """With urllib3-future in its place there are tracebacks at the end of the process."""
    code = """
import grafana_client.api, influxdb_client
client = influxdb_client.InfluxDBClient("http://127.0.0.1:9", token="x", org="y")
print(client.ping())
"""
    assert run(sys.executable, code) == "False"


@pytest.mark.parametrize(
    "words", ["'dashboards', '--help'", "'status'", "'dashboards', 'export', 'x', '--demo', '--station', 'no'"]
)
def test_nothing_but_the_way_into_grafana_loads_the_client(tmp_path, words):
    code = f"""
import contextlib, io, sys
from pathlib import Path
from fieldline.cli import main
out = io.StringIO()
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
    main(None, [{words}], Path({str(tmp_path)!r}))
print(sorted({{name.split(".")[0] for name in sys.modules}} & {{"grafana_client", "niquests", "urllib3_future"}}))
"""
    assert run(sys.executable, code, PYTHONPATH=str(PROJECT / "src")) == "[]"


def closure(names):
    """What `names` need, themselves among it, as they are installed here."""
    found, waiting = set(), list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name not in found:
            found.add(name)
            needed = map(Requirement, importlib.metadata.requires(name) or ())
            waiting += [one.name for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found


WITHOUT = """
import sys, pytest
class Gone:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {modules}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)
sys.meta_path.insert(0, Gone())
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "tests/test_influx.py"]))
"""


def test_influxdb_works_where_nothing_of_the_extra_can_be_imported():
    extra = closure([EXTRA]) - closure([*NEEDED, *TESTS])
    assert {"grafana-client", "niquests", "urllib3-future"} <= extra
    known = importlib.metadata.packages_distributions().items()
    modules = {module for module, names in known if {re.sub(r"[-_.]+", "-", one).lower() for one in names} <= extra}
    assert {"grafana_client", "niquests"} <= modules
    words = [sys.executable, "-c", WITHOUT.format(modules=sorted(modules))]
    done = subprocess.run(words, capture_output=True, text=True, cwd=PROJECT, env=os.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d\d+ passed", done.stdout), done.stdout


def locked(names):
    """The part of the lock that holds `names`, with its hashes."""
    parts = re.split(r"\n(?=[A-Za-z0-9-])", LOCK.read_text(encoding="utf-8"))
    return "\n".join(part for part in parts if part.startswith("--") or part.split("==")[0].lower() in names) + "\n"


@HEAVY
@pytest.mark.parametrize("layout", ["without", "with"])
def test_influxdb_works_without_and_with_the_extra(tmp_path, layout):
    python = tmp_path / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    names = closure([*NEEDED, *TESTS, *([EXTRA] if layout == "with" else [])])
    lock = tmp_path / "lock"
    lock.write_text(locked(names), encoding="utf-8")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-deps",
        "--require-hashes",
        "-r",
        lock,
    ]
    subprocess.run(pip, check=True, env=os.environ | {"URLLIB3_NO_OVERRIDE": "1"})
    there = run(python, "import importlib.util as u; print(bool(u.find_spec('grafana_client')))")
    assert there == str(layout == "with")
    assert run(python, "import urllib3; print(urllib3.__version__)") == importlib.metadata.version("urllib3")
    words = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_influx.py"]
    assert subprocess.run(words, cwd=PROJECT, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}).returncode == 0
