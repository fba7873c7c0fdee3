"""Every example in README.md and docs/ works, and the pages speak of all there is.

The first word of a fenced block says what it is; with `file=PATH` behind it, it is that file for the rest of the page.

    ```sh exit=3     lines that begin with a script or `fieldline` are run, each with this exit code (0 if left out)
    ```yaml          loads as a configuration
    ```python        with a DataTable in it: a driver that imports; else a program that runs
    ```bash ```bat ```cron ```ini ```text and others: not run
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from fieldline import cli
from fieldline.cli import drivers
from fieldline.settings import load
from test_rules import RANK

PROJECT = Path(__file__).parents[1]
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
LINKED = [*PAGES, PROJECT / "CHANGELOG.md"]
TEXT = {page.name: page.read_text(encoding="utf-8") for page in LINKED}
ALL = "\n".join(TEXT.values())
WALKER = Path(__file__).with_name("walk_page.py")
SCRIPTS = ("driver.py", "new-db.py", "update-db.py")
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")


@dataclass(frozen=True)
class Fenced:
    """One fenced block of a page."""

    page: str
    line: int
    kind: str
    options: dict[str, str]
    text: str

    def __str__(self):
        return f"{self.page}:{self.line}"


def blocks(page):
    """The fenced blocks of a page, in order."""
    for found in FENCE.finditer(TEXT[page.name]):
        options = dict(word.split("=", 1) for word in found[2].split())
        yield Fenced(page.name, TEXT[page.name].count("\n", 0, found.start()) + 1, found[1], options, found[3])


BLOCKS = [block for page in PAGES for block in blocks(page)]


def of(kind, condition=lambda block: True):
    return pytest.mark.parametrize("block", [b for b in BLOCKS if b.kind == kind and condition(b)], ids=str)


def declares(block):
    return "(DataTable)" in block.text


def command(line):
    """What one line of a block gives Python to run; None if it is not one of ours."""
    words = shlex.split(line.removeprefix("$ "), comments=True)
    if words[:1] == ["python3"] and words[1:2] and words[1] in SCRIPTS:
        return words[1:]
    return ["-m", "fieldline", *words[1:]] if words[:1] == ["fieldline"] else None


def steps(page):
    """What a reader of the page does, as tests/walk_page.py wants it."""
    for block in blocks(page):
        if "file" in block.options:
            yield {"file": block.options["file"], "text": block.text}
        elif block.kind == "python" and not declares(block):
            yield {"file": "example.py", "text": block.text}
            yield {"place": str(block), "words": ["example.py"], "exit": 0}
        elif block.kind in ("sh", "console"):
            for words in filter(None, map(command, block.text.splitlines())):
                yield {"place": str(block), "words": words, "exit": int(block.options.get("exit", 0))}


def walk(page_steps, folder):
    """Do the steps in `folder`, in a Python of their own; return what went otherwise than expected."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("INFLUXDB_", "GRAFANA_"))}
    done = subprocess.run(
        [sys.executable, WALKER],
        cwd=folder,
        env=mine | {"PYTHONPATH": str(folder / "src"), "PYTHONUTF8": "1"},
        input=json.dumps(page_steps),
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A project as quickstart.py leaves it, with half a day of the simulated tower loaded."""
    folder = tmp_path_factory.mktemp("clone") / "project"
    shutil.copytree(PROJECT / "src", folder / "src")
    ours = ("drivers/umbs.py", "config/site.yaml", "config/demo.yaml")  # what else lies there is the reader's own
    for name in (*SCRIPTS, *ours, "config.py", "secret_copy.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy2(PROJECT / name, folder / name)
    lines = ("fieldline simulate data/demo/loggernet --days 0.5", "python3 driver.py --config config/demo.yaml")
    wrong = walk([{"place": "quickstart.py", "words": command(line), "exit": 0} for line in lines], folder)
    assert not wrong, wrong
    return folder


@pytest.fixture(scope="module")
def walked(clone, tmp_path_factory):
    """What went wrong on each page; the pages are independent of each other, so they are done side by side."""
    root, todo = tmp_path_factory.mktemp("pages"), {page.name: list(steps(page)) for page in PAGES}
    for name in todo:
        shutil.copytree(clone, root / name)
    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        return {name: pool.submit(walk, todo[name], root / name) for name in todo if todo[name]}


@pytest.mark.parametrize("page", [page for page in PAGES if any(steps(page))], ids=lambda page: page.name)
def test_what_a_page_says_can_be_done(page, walked):
    wrong = walked[page.name].result()
    assert not wrong, "\n".join(wrong)


@of("yaml")
def test_yaml_is_a_configuration(block, tmp_path):
    (tmp_path / "site.yaml").write_text(block.text, encoding="utf-8")
    settings = load(Path("site.yaml"), project=tmp_path)
    for job in settings.jobs:
        known = drivers.names(PROJECT / "drivers")
        written = [f"drivers/{job.driver}.py" == b.options.get("file") for b in BLOCKS if b.page == block.page]
        assert job.driver is None or job.driver in known or any(written)


@of("python", declares)
def test_a_class_imports_as_a_driver(block, tmp_path, monkeypatch):
    monkeypatch.setattr("fieldline.tables.REGISTRY", registry := {})
    monkeypatch.setattr("fieldline.cli.drivers.REGISTRY", registry)
    (tmp_path / "docs_example.py").write_text(block.text, encoding="utf-8")
    try:
        assert drivers.load(tmp_path, "docs_example")
    finally:
        sys.modules.pop("drivers.docs_example", None)


def test_the_class_in_the_readme_is_the_one_in_drivers():
    [shown] = [block.text for block in BLOCKS if block.page == "README.md" and declares(block)]
    plain = [line.split("  #")[0].rstrip() for line in shown[shown.index("class ") :].splitlines()]
    real = (PROJECT / "drivers" / "umbs.py").read_text(encoding="utf-8").replace("EASTERN_STANDARD", '"-05:00"')
    assert "\n".join(plain).strip() in real


def test_every_variable_of_the_tests_is_told_in_one_place():
    told = set(
        re.findall(r"^\| `(FIELDLINE_\w+)`", (PROJECT / "docs" / "architecture.md").read_text("utf-8"), re.MULTILINE)
    )
    read = re.compile(r"""environ(?:\.get\(|\[)"(FIELDLINE_\w+)"|"(FIELDLINE_\w+)" not in os\.environ""")
    texts = [path.read_text(encoding="utf-8") for path in (PROJECT / "tests").rglob("*.py")]
    assert {name for text in texts for pair in read.findall(text) for name in pair if name} == told


def parsers():
    """The parser of the command, of each verb and of each script."""
    yield "fieldline", cli._parser(None)
    for action in cli._parser(None)._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()
    for verb, script in cli._SCRIPTS.items():
        yield script, cli._parser(verb)


@pytest.mark.parametrize(("name", "parser"), list(parsers()), ids=lambda value: value if isinstance(value, str) else "")
def test_every_verb_and_option_is_on_a_page(name, parser):
    assert name in ALL if name in ("fieldline", *SCRIPTS) else re.search(rf"fieldline {name}\b|`{name}`", ALL)
    for action in parser._actions:
        for option in action.option_strings:
            assert option in ("-h", "--help") or re.search(rf"{option}(?![\w-])", ALL), f"{name} {option}"
        for choice in action.choices or ():
            assert re.search(rf"\b{choice}\b", ALL), f"{name} {action.dest} {choice}"


def test_exit_codes_are_those_of_the_program():
    wanted = sorted([cli.DONE, cli.FAILED, cli.USAGE, cli.QUARANTINED, cli.BUSY])
    for page in ("README.md", "schedule.md"):
        rows = re.findall(r"^\| (\d+) \| 0x([0-9A-F]+) \|", TEXT[page], re.MULTILINE)
        assert [int(code) for code, _ in rows] == wanted
        assert all(int(code) == int(shown, 16) for code, shown in rows)


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for path, heading in LINK.findall(TEXT[page.name]):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        if heading:
            titles = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles], heading


def test_every_page_is_linked():
    linked = {(page.parent / path).resolve() for page in LINKED for path, _ in LINK.findall(TEXT[page.name]) if path}
    assert not {page for page in LINKED[1:] if page.resolve() not in linked}


def test_every_case_is_named_with_its_outcome():
    named = re.findall(r"`(\w+)`", "".join(re.findall(r"^\|.*\|(.*)\|$", TEXT["files.md"], re.MULTILINE)))
    cases = [path.name for path in sorted((PROJECT / "tests" / "cases").iterdir()) if path.is_dir()]
    assert not set(cases) - set(named)
    rows = [row for row in TEXT["files.md"].splitlines() if row.startswith("|")]
    for case in cases:
        [row] = [row for row in rows if f"`{case}`" in row.split("|")[-2]]
        broken = (PROJECT / "tests" / "cases" / case / "expected.err").exists()
        aside = (PROJECT / "tests" / "cases" / case / "expected.quarantine").exists()
        assert broken == ("error" in row.split("|")[2]), row
        assert aside == ("set aside" in row.split("|")[2]), row


def test_the_tree_is_the_one_that_the_rules_hold():
    rows = re.findall(r"^\| (\d) \| `(\w+)(?:\.py|/)` \|", TEXT["architecture.md"], re.MULTILINE)
    assert {name: int(rank) for rank, name in rows} == RANK


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.name)
def test_a_page_names_no_machine(page):
    absolute = set(re.findall(r"(?<![\w.:/*-])/(\w+)/", TEXT[page.name]))
    assert absolute <= {"opt", "etc", "dev", "server", "api", "measurements"}
