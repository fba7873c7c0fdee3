"""What stands in config/*.yaml, secret.py and the environment becomes Settings, or words that help."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fieldline.errors import ConfigError
from fieldline.settings import Settings, from_project, load, reference
from fieldline.settings.document import parse
from fieldline.settings.secrets import SECRET_NAMES

PROJECT = Path(__file__).resolve().parent.parent
CASES = sorted((Path(__file__).parent / "cases_settings").iterdir())
EXAMPLES = re.findall(r"```yaml\n(.*?)```", (PROJECT / "docs/configuration.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def read(tmp_path):
    """Load text or bytes as config/site.yaml of an empty project."""

    def read(content="", **given):
        path = tmp_path / "config" / "site.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load(Path("config/site.yaml"), project=tmp_path, **given)

    return read


def problems(call, *args, **kwargs):
    with pytest.raises(ConfigError) as raised:
        call(*args, **kwargs)
    assert raised.value.__cause__ is None
    return raised.value.problems


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_wrong_file_is_told_in_these_words(case):
    """Change expected.err only after reading it as the technician who has to act on it."""
    with pytest.raises(ConfigError) as raised:
        load(Path("site.yaml"), project=case)
    assert f"{raised.value}\n" == (case / "expected.err").read_text(encoding="utf-8")


def test_an_empty_file_is_all_defaults(read, tmp_path):
    assert read() == read("# nothing\n") == read("home:\njobs:\nlog:\n") == Settings(home=tmp_path / "data")


def test_byte_order_mark_and_windows_line_ends_do_no_harm(read):
    settings = read(b"\xef\xbb\xbfstore: embedded\r\njobs:\r\n  - name: a\r\n    files: ['x y.dat']\r\n")
    assert settings.jobs[0].files == ("x y.dat",)
    assert problems(read, "home: data\r\nstoer: x\r\n")[0].startswith("config/site.yaml:2: unknown setting 'stoer'")


@pytest.mark.parametrize("offset", ["-05:00", "+01:00", "+05:45", "-14:00", "UTC", "America/Detroit"])
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_an_offset_needs_no_quotes(read, offset, quote):
    """YAML 1.1 would read -05:00 as the number -300."""
    assert read(f"defaults: {{utc_offset: {quote}{offset}{quote}}}").defaults.utc_offset == offset


@pytest.mark.parametrize("name", ["123", "no", "1e3", "0x1F", "2024-01-01", "null-1", "46m", "a.b_c-d"])
def test_a_name_stays_as_it_is_written(read, name):
    settings = read(f"jobs: [{{name: {name}, files: [x], bucket: {name}}}]")
    assert (settings.jobs[0].name, settings.jobs[0].bucket) == (name, name)


@pytest.mark.parametrize(
    "written",
    [
        r"C:\Campbellsci\LoggerNet\*.dat",
        r"'C:\Campbellsci\LoggerNet\*.dat'",
        r'"C:\\Campbellsci\\LoggerNet\\*.dat"',
    ],
)
def test_a_path_of_windows_is_kept(read, written):
    assert read(f"jobs:\n- name: a\n  files:\n  - {written}").jobs[0].files == (r"C:\Campbellsci\LoggerNet\*.dat",)


def test_a_file_that_cannot_be_one_is_told(tmp_path, read):
    def told(path):
        return problems(load, Path(path), project=tmp_path)

    assert told("config/site.yaml") == [f"config/site.yaml: is not there; relative paths start from {tmp_path}"]
    assert told(".") == [".: is a folder, must be a YAML file"]
    assert told(PROJECT) == [f"{PROJECT}: is a folder, must be a YAML file"]
    assert problems(read, "#" * 1_000_001) == ["config/site.yaml: is larger than 1 MB, so it cannot be a configuration"]
    assert problems(read, "home: a\nstore: \x00") == [
        "config/site.yaml:2: found character U+0000, which cannot be seen: remove it"
    ]
    assert "expected UTF-8" in problems(read, "home: a".encode("utf-16"))[0]


def test_a_bomb_of_aliases_is_refused_before_it_grows(read):
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))]
    assert "aliases are not used here" in problems(read, "\n".join(lines))[0]


@given(st.text(alphabet=st.sampled_from("ab:-[]{}#&*!|>'\"%@`\\ \n\t,?0~<=é\x85\u2028"), max_size=40))
def test_no_text_makes_anything_but_settings_or_a_config_error(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text.encode())
    try:
        assert isinstance(load(path, project=path.parent), Settings)
    except ConfigError as error:
        assert error.problems
        assert all(problem.startswith("any.yaml:") for problem in error.problems)


# home


def test_home_starts_from_the_project_and_the_argument_wins(read, tmp_path):
    assert read("home: a/b").home == tmp_path / "a/b"
    assert read(f"home: {tmp_path.as_posix()}").home == tmp_path
    assert read("home: a", home=Path("b")).home == tmp_path / "b"
    assert read("home: ~/x").home == Path.home() / "x"
    assert problems(read, "\nhome: ~nobody-of-this-name/x") == [
        "config/site.yaml:2: home is '~nobody-of-this-name/x', must be a folder: there is no such user"
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="there it is a folder")
def test_a_drive_is_not_made_a_folder_of_the_project(read):
    assert "only Windows has drive letters" in problems(read, "home: C:/data")[0]


# secrets and the environment

ALL = {name: f"https://from-secret/{name}" for name in SECRET_NAMES}


def test_the_environment_wins_over_the_secret_and_that_over_the_file(read):
    text = "influxdb: {url: https://yaml, org: yaml}\ngrafana: {url: https://yaml}\ndefaults: {bucket: yaml}"
    assert read(text).influxdb.org == "yaml"
    settings = read(text, secret=ALL)
    assert settings.influxdb.org == "https://from-secret/org"
    assert settings.grafana.token.get_secret_value() == "https://from-secret/grafana_token"
    environ = {"INFLUXDB_V2_ORG": "client", "INFLUXDB_BUCKET": "e", "GRAFANA_URL": "http://e/", "GRAFANA_TOKEN": "e\n"}
    settings = read(text, secret=ALL, environ=environ)
    assert (settings.influxdb.org, settings.defaults.bucket, settings.grafana.url) == ("client", "e", "http://e")
    assert settings.grafana.token.get_secret_value() == "e"
    assert read(text, environ={**environ, "INFLUXDB_ORG": "ours"}).influxdb.org == "ours"


@pytest.mark.parametrize("path", ["/ui", "/orgs/0f2c5e1b9a7d4c30/data-explorer", "/signin", "/api/v2"])
def test_the_address_of_a_page_is_not_that_of_the_server(read, path):
    said = "must be the address of the server, without the path of a page or a question"
    assert problems(read, f"influxdb: {{url: 'https://x{path}'}}") == [f"config/site.yaml:1: influxdb.url {said}"]
    assert problems(read, environ={"INFLUXDB_URL": f"https://x{path}"}) == [f"environment: INFLUXDB_URL {said}"]
    assert read("influxdb: {url: 'https://x/behind/a/proxy'}").influxdb.url == "https://x/behind/a/proxy"


def test_empty_means_not_set(read):
    settings = read("influxdb: {org: yaml}", secret=dict.fromkeys(SECRET_NAMES, ""), environ={"INFLUXDB_ORG": " "})
    assert (settings.influxdb.org, settings.influxdb.token) == ("yaml", None)


def test_the_bucket_of_influxdb_is_used_with_influxdb_only(read):
    text = "influxdb: {url: https://x, bucket: remote}\nstore: "
    assert read(text + "embedded").defaults.bucket == "field"
    assert read(text + "influxdb").defaults.bucket == "remote"
    assert read(text + "influxdb", environ={"INFLUXDB_BUCKET": "env"}).defaults.bucket == "env"


def test_a_secret_is_never_shown(read):
    secret = {"token": "hush", "grafana_token": "hush"}
    for settings in (read(secret=secret), read(environ={"INFLUXDB_TOKEN": "hush", "GRAFANA_TOKEN": "hush"})):
        assert settings.influxdb.token.get_secret_value() == "hush"
        assert "hush" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    wrong = problems(read, environ={"INFLUXDB_URL": "hush"}, secret={"tokn": "hush", "token": ["hush"], "url": "hush"})
    assert wrong == [
        "secret.py: unknown name 'tokn'; did you mean 'token'?",
        "environment: INFLUXDB_URL must begin with http:// or https:// and the name of a machine",
        "secret.py: token must be text",
    ]


@pytest.mark.parametrize(
    "text", ["token: hush", "influxdb: {Token: hush}", "grafana: {api_token: hush}", "x: {token: [hush"]
)
def test_a_token_in_the_file_is_refused_without_being_shown(read, text):
    assert "hush" not in str(problems(read, text))


@pytest.fixture
def project(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config/site.yaml").write_text("home: here", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        'class Secret:\n    token = "hush"\n    org = None',
        'import os\n_part = "hu"\ntoken = _part + "sh"',
        'class Base:\n    token = "hush"\nclass Secret(Base):\n    url = ""',
        'url = "https://\\d"\nclass Secret:\n    token = "hush"',
    ],
)
def test_secret_py_is_read_and_leaves_no_copy(project, text, recwarn):
    (project / "secret.py").write_text(text, encoding="utf-8")
    assert from_project(project).influxdb.token.get_secret_value() == "hush"
    assert not list(project.rglob("*.pyc"))
    assert not recwarn.list


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("class Secret:\n    token = hush", 2),
        ('class Secret:\n    token = "hush', 2),
        ("def f():\n    raise ValueError('hush')\n\nf()", 2),
        ("import json\njson.loads('hush')", 2),
        ("token = '\udce4hush'", 1),
    ],
)
def test_a_broken_secret_py_is_told_by_line_and_never_quoted(project, text, line):
    (project / "secret.py").write_bytes(text.encode(errors="surrogateescape"))
    (problem,) = problems(from_project, project)
    assert problem.startswith(f"secret.py:{line}: is not Python that runs (")
    assert "hush" not in problem


def test_another_file_and_home_can_be_named(project):
    (project / "other.yaml").write_text("every_minutes: 7", encoding="utf-8")
    settings = from_project(project, Path("other.yaml"), Path("there"), {"INFLUXDB_ORG": "o"})
    assert (settings.every_minutes, settings.home, settings.influxdb.org) == (7, project / "there", "o")


def test_the_template_for_secrets_has_every_name_and_sets_nothing():
    tree = ast.parse((PROJECT / "secret_copy.py").read_text(encoding="utf-8"))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef)).body
    values = {node.targets[0].id: ast.literal_eval(node.value) for node in body if isinstance(node, ast.Assign)}
    assert values == dict.fromkeys(SECRET_NAMES, "")


# the model


def test_settings_cannot_be_changed(read):
    with pytest.raises(ValidationError):
        read().log.keep = 3


def test_a_job_falls_back_on_the_defaults(read):
    settings = read(
        "defaults: {bucket: a, utc_offset: -05:00, keep_days: 9}\n"
        "jobs: [{name: one, files: [x], bucket: b, keep_days: 3}, {name: two, files: [x]}]"
    )
    one, two = (settings.for_job(job) for job in settings.jobs)
    assert (one.bucket, one.utc_offset, one.keep_days) == ("b", "-05:00", 3)
    assert two == settings.defaults


# files of the project and the docs


def test_every_setting_in_site_yaml_is_there_at_its_default():
    text = (PROJECT / "config/site.yaml").read_text(encoding="utf-8")
    shipped, shown = load_text(text), load_text(re.sub(r"^# ", "", text, flags=re.MULTILINE))
    assert shipped == shown == Settings(home=PROJECT / "data", jobs=shipped.jobs)
    assert shipped.jobs[0].model_dump(exclude_none=True, exclude_defaults=True) == {
        "name": "tower",
        "driver": "umbs",
        "files": ("C:/Campbellsci/LoggerNet/*.dat",),
    }
    keys = set(re.findall(r"^[# -]*(\w+):", text, re.MULTILINE))
    assert {name.rpartition(".")[2] for name in settings_in_table()} - {"token", "proxy_login"} <= keys


def load_text(text):
    document = parse(text, "site.yaml")
    assert not document.problems
    return Settings.model_validate(document.values).model_copy(update={"home": PROJECT / "data"})


def settings_in_table():
    return re.findall(r"^\| `([^`]+)`", reference.table(), re.MULTILINE)


def test_the_demonstration_loads():
    settings = load(Path("config/demo.yaml"), project=PROJECT)
    assert (settings.home, settings.defaults.utc_offset) == (PROJECT / "data/demo", "-05:00")
    assert [(job.name, job.driver, job.files) for job in settings.jobs] == [
        ("station", "umbs", ("data/demo/loggernet/*.dat",))
    ]


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_of_the_docs_loads(read, text):
    assert read(text) != read()


def test_the_table_of_the_docs_is_the_model():
    """Run `python -m fieldline.settings.reference docs/configuration.md` after a change of the model."""
    page = (PROJECT / "docs/configuration.md").read_text(encoding="utf-8")
    assert reference.with_table(page) == page
    assert "jobs[].files" in settings_in_table()


def test_config_py_reads_this_project_from_anywhere(tmp_path):
    code = f"import sys; sys.path.insert(0, {str(PROJECT)!r}); from config import Config; print(Config.load().home)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()) == PROJECT / "data"


def test_reading_settings_imports_nothing_large():
    code = (
        "import sys, pathlib; from fieldline.settings import load; "
        f"load(pathlib.Path('config/site.yaml'), project=pathlib.Path({str(PROJECT)!r})); "
        "print({'pandas', 'numpy', 'duckdb', 'influxdb_client', 'fieldline.settings.reference'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=PROJECT / "src", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
