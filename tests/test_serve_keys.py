"""API keys, what they may do, and the verbs that make them and start the server."""

import base64
import errno
import json
import os
import re
import socket
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fieldline.cli import main
from fieldline.errors import InputError, UsageError
from fieldline.serve.keys import FAILURES, Key, Keys
from fieldline.serve.run import listen
from loopback import ServerError, fetch
from serving import PROJECT, interrupt, served_by_command, serving


def status(call, *words, **more):
    """The status of a refusal; 200 where there is none."""
    try:
        call(*words, **more)
    except ServerError as error:
        return error.status
    return 200


@pytest.fixture
def keys(tmp_path):
    return Keys(tmp_path / "keys.json")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("home")) as server:
        server.write("m x=1 1")
        server.store.create("other", None)
        yield server


def test_a_key_is_shown_once_and_stored_hashed(keys):
    text, key = keys.add("telegraf", write=["field"])
    assert re.fullmatch(r"fl_[0-9a-f]{8}_[\w-]{43}", text)
    stored = keys.path.read_text(encoding="utf-8")
    assert text not in stored
    assert text.split("_", 2)[2] not in stored
    assert keys.find(text) == key
    if os.name != "nt":
        assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600
    assert not list(keys.path.parent.glob("*.tmp"))


def test_only_the_whole_key_is_taken(keys):
    text, _ = keys.add("a", ["*"])
    last = "A" if text[-1] != "A" else "B"
    for wrong in (
        text[:-1],
        text + "x",
        text[:-1] + last,
        text.upper(),
        "",
        "fl_",
        "fl__",
        "é" * 50,
        "\0",
        "x" * 10**6,
    ):
        assert isinstance(keys.find(wrong), str)
    assert isinstance(keys.find(text), Key)


def test_a_key_ends_with_its_days_and_when_it_is_revoked(tmp_path):
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    keys = Keys(tmp_path / "keys.json", lambda: now[0])
    short, _ = keys.add("short", ["*"], days=1)
    long, made = keys.add("long", ["*"])
    now[0] += timedelta(days=1, seconds=-1)
    assert isinstance(keys.find(short), Key)
    now[0] += timedelta(seconds=1)
    assert keys.find(short) == "key 'short' is expired"
    keys.add("short", ["*"])  # the name is free again
    keys.revoke(made.id)
    assert keys.find(long) == "key 'long' is revoked"
    assert keys.any()
    keys.revoke("short")
    assert not keys.any_good()


def test_a_change_by_another_process_holds_at_once(keys):
    other = Keys(keys.path)
    text, _ = keys.add("a", ["*"])
    assert isinstance(other.find(text), Key)
    keys.revoke("a")
    assert isinstance(other.find(text), str)


def test_keys_made_at_the_same_time_are_all_kept(keys):
    threads = [threading.Thread(target=Keys(keys.path).add, args=(f"k{n}", ["*"])) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {key.name for key in keys.all()} == {f"k{n}" for n in range(12)}


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 81, "\x1b[31m"])
def test_a_name_must_be_readable(keys, name):
    with pytest.raises(UsageError):
        keys.add(name)


def test_a_name_is_used_once_and_days_are_positive(keys):
    keys.add("a")
    with pytest.raises(UsageError, match="a key of that name"):
        keys.add("a")
    for days in (0, -1, 10**9, float("nan")):
        with pytest.raises(UsageError):
            keys.add("b", days=days)
    with pytest.raises(UsageError, match="one of: a"):
        keys.revoke("nosuch")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"keys": [{"id": "x"}]}', '{"keys": 3}', "\0"])
def test_a_damaged_file_opens_nothing(tmp_path, text):
    with serving(tmp_path) as served:
        (tmp_path / "keys.json").write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=r"keys\.json"):
            served.context.keys.any()
        for key in (None, ""):
            with pytest.raises(ServerError, match="the keys can't be read; the log tells more") as caught:
                served.query("SHOW DATABASES", key=key)
            assert caught.value.status == 503


def test_reading_is_open_until_there_is_a_key_and_writing_never(tmp_path):
    with serving(tmp_path, keys=False) as served:
        assert served.query("SHOW DATABASES", key="")
        assert status(served.write, "m x=1", key="") == 401
        assert status(fetch, f"{served.url}/query?q=SHOW+DATABASES", headers={"X-Forwarded-For": "8.8.8.8"}) == 401
        text, _ = served.context.keys.add("a", ["*"])
        assert status(served.query, "SHOW DATABASES", key="") == 401
        assert served.query("SHOW DATABASES", key=text)
        served.context.keys.revoke("a")
        assert status(served.query, "SHOW DATABASES", key="") == 401


def test_elsewhere_reading_is_never_open(tmp_path):
    with serving(tmp_path, keys=False, loopback=False) as served:
        assert status(served.query, "SHOW DATABASES", key="") == 401


@pytest.mark.parametrize(
    "header",
    [
        "Token {}",
        "token {}",
        "Bearer {}",
        "Bearer   {} ",
    ],
)
def test_a_key_comes_as_token_or_bearer(served, header):
    assert fetch(f"{served.url}/query?q=SHOW+DATABASES", headers={"Authorization": header.format(served.key)})


@pytest.mark.parametrize("user", ["", "grafana", "é", "a" * 100])
def test_a_key_is_the_password_of_any_user(served, user):
    login = base64.b64encode(f"{user}:{served.key}".encode()).decode()
    assert fetch(f"{served.url}/query?q=SHOW+DATABASES", headers={"Authorization": f"Basic {login}"})


def test_every_other_login_is_refused_in_one_form(served):
    good = served.key
    login = base64.b64encode(f"{good}:".encode()).decode()
    texts = [
        f"Token {good[:-1]}",
        "Token",
        "Token ",
        f"Digest {good}",
        good,
        f"Basic {login}",
        "Basic !!!",
        "Basic é",
        "Bearer fl_x",
    ]
    texts += [f"Token {'a' * 10_000}", "Token fl_00000000_" + "A" * 43, "Token fl_é_é", f"Token {good} {good}"]
    bodies = set()
    for text in texts[: FAILURES - 1]:
        with pytest.raises(ServerError) as caught:
            fetch(f"{served.url}/query?q=SHOW+DATABASES", headers={"Authorization": text.encode("latin-1")})
        assert caught.value.status == 401, text
        bodies.add(caught.value.body)
    assert bodies == {b'{"error":"an API key is needed: make one with `fieldline keys add`"}'}


def test_a_key_in_the_address_is_refused_with_a_reason(served):
    with pytest.raises(ServerError, match="stands in logs"):
        served.get("/query", key="", q="SHOW DATABASES", p=served.key)


def test_scopes_hold(served):
    keys = served.context.keys
    reader, writer = keys.add("reader", ["field"])[0], keys.add("writer", [], ["field"])[0]
    nothing = keys.add("nothing", [], [])[0]
    assert status(served.query, "SELECT x FROM m", key=reader) == 200
    assert status(served.query, "SELECT x FROM m", db="other", key=reader) == 403
    assert status(served.write, "m x=1 1", key=reader) == 403
    assert status(served.write, "m x=1 1", key=writer) == 200
    assert status(served.write, "m x=1 1", key=writer, path="/api/v2/write") == 200
    assert status(served.write, "m x=1 1", db="other", key=writer) == 403
    assert status(served.write, "m x=1 1", db="nosuch", key=writer) == 403
    assert status(served.query, "SELECT x FROM m", key=writer) == 403
    assert status(served.query, "SHOW DATABASES", key=nothing) == 403
    assert [one["name"] for one in served.json("/api/v2/buckets", writer)["buckets"]] == ["field"]
    assert [one["database"] for one in served.json("/api/v2/dbrps", reader)["content"]] == ["field"]
    body = json.dumps({"name": "new", "orgID": "x", "retentionRules": []}).encode()
    json_kind = {"Content-Type": "application/json"}
    assert status(fetch, f"{served.url}/api/v2/buckets", body, served.headers(writer, **json_kind)) == 403


def test_refusals_are_logged_without_the_key_and_in_bounds(tmp_path, caplog):
    with serving(tmp_path) as served:
        caplog.set_level("WARNING", "fieldline")
        wrong = served.key[:-4] + "AAAA"
        found = [status(served.query, "SHOW DATABASES", key=wrong) for _ in range(FAILURES + 5)]
        assert found == [401] * FAILURES + [429] * 5
        said = [record.getMessage() for record in caplog.records]
        assert said == ["refused a request from 127.0.0.1: no such key"] * FAILURES
        assert wrong not in caplog.text
        assert served.query("SHOW DATABASES")  # a good key is taken all the same


def test_the_hour_of_the_last_use_is_kept(tmp_path):
    with serving(tmp_path) as served:
        served.query("SHOW DATABASES")
        number = served.key.split("_")[1]
        assert Keys(tmp_path / "keys.json").used()[number].endswith(":00Z")


# ---- the verbs


def run(*words):
    command = [sys.executable, "-m", "fieldline", *map(str, words)]
    path = {"PYTHONPATH": str(PROJECT / "src")}
    told = {"capture_output": True, "text": True, "encoding": "utf-8", "timeout": 300}
    return subprocess.run(command, cwd=PROJECT, env=os.environ | path, **told)


def test_keys_are_made_listed_and_revoked_on_the_command_line(tmp_path, capsys):
    assert main(argv=["keys", "list", "--home", str(tmp_path)]) == 0
    assert "there is no key" in capsys.readouterr().out
    assert (
        main(argv=["keys", "add", "telegraf", "--write", "a", "--write", "b", "--days", "7", "--home", str(tmp_path)])
        == 0
    )
    shown = capsys.readouterr()
    key = Keys(tmp_path / "keys.json").find(shown.out.strip())
    assert (key.read, key.write, key.name) == ((), ("a", "b"), "telegraf")
    assert "shown once" in shown.err
    assert main(argv=["keys", "add", "grafana", "--home", str(tmp_path)]) == 0
    assert "reads every bucket, writes nothing" in capsys.readouterr().err
    assert main(argv=["keys", "list", "--home", str(tmp_path)]) == 0
    listed = capsys.readouterr().out
    assert "telegraf" in listed
    assert shown.out.strip() not in listed
    assert main(argv=["keys", "revoke", "telegraf", "--home", str(tmp_path)]) == 0
    assert isinstance(Keys(tmp_path / "keys.json").find(shown.out.strip()), str)
    for words in (["add"], ["revoke"], ["revoke", "telegraf"], ["add", "grafana"], ["add", "x", "--days", "0"]):
        assert main(argv=["keys", *words, "--home", str(tmp_path)]) == 2


def test_other_hosts_need_a_key_first(tmp_path):
    done = run("serve", "--host", "0.0.0.0", "--port", "0", "--home", tmp_path)
    assert done.returncode == 2
    assert f"fieldline keys --home {tmp_path} add NAME --read BUCKET" in done.stderr


def test_a_port_that_is_taken_is_told(tmp_path):
    with serving(tmp_path / "a") as served:
        port = served.url.rpartition(":")[2]
        done = run("serve", "--port", port, "--home", tmp_path / "b")
    assert done.returncode == 2
    assert f"--port {int(port) + 1}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words", [["--port", "99999"], ["--port", "-1"], ["--host", "203.0.113.7"], ["--host", "nosuch.invalid"]]
)
def test_an_address_that_cannot_be_is_told(tmp_path, words):
    main(argv=["keys", "add", "a", "--home", str(tmp_path)])
    done = run("serve", *words, "--home", tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_the_store_must_be_the_embedded_one(tmp_path):
    config = tmp_path / "site.yaml"
    config.write_text("store: influxdb\ninfluxdb: {url: http://127.0.0.1:1}\n", encoding="utf-8")
    done = run("serve", "--port", "0", "--home", tmp_path, "--config", config)
    assert done.returncode == 2
    assert "embedded" in done.stderr


def test_the_command_serves_until_it_is_interrupted(tmp_path):
    with served_by_command(tmp_path) as (url, process):
        assert json.loads(fetch(f"{url}/health"))["status"] == "pass"
        for port in ("0", url.rpartition(":")[2]):
            again = run("serve", "--port", port, "--home", tmp_path)
            assert again.returncode == 75
            assert f"fieldline serves {tmp_path} already, at {url}/ (process {process.pid}); end that" in again.stderr
        (tmp_path / "serve.json").write_text("{", encoding="utf-8")
        assert f"serves {tmp_path} already; end that" in run("serve", "--home", tmp_path).stderr
        interrupt(process)
        assert process.wait(120) == 0
        said = process.stdout.read()
    assert "Grafana" in said
    assert "Traceback" not in said
    assert said.rstrip().endswith("ended")
    assert (tmp_path / "logs").is_dir()
    assert not (tmp_path / "serve.json").exists()


def test_what_goes_wrong_stands_in_the_servers_own_log(tmp_path):
    with served_by_command(tmp_path) as (url, process):
        assert status(fetch, f"{url}/write?db=x", b"m x=1", {"Authorization": "Token fl_wrong_key"}) == 401
        for _ in range(50):
            fetch(f"{url}/ping")
        interrupt(process)
        process.wait(120)
    lines = Path(tmp_path / "logs" / "serve.log").read_text(encoding="utf-8").splitlines()
    assert next(line for line in lines if " INFO " not in line).endswith(
        "refused a request from 127.0.0.1: no such key"
    )
    assert len(lines) < 20  # not one for each request


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the administrator may read and write everything")
def test_keys_that_may_not_be_read_are_not_to_be_removed(tmp_path):
    Keys(tmp_path / "keys.json").add("a")
    (tmp_path / "keys.json").chmod(0)
    with pytest.raises(InputError, match="leave the file as it is"):
        Keys(tmp_path / "keys.json").any()


def test_what_the_system_refuses_is_told_in_words(tmp_path):
    (tmp_path / "keys.json.lock").mkdir()
    with pytest.raises(InputError, match=r"keys\.json.*expected a file that this user can write"):
        Keys(tmp_path / "keys.json").add("a")
    (tmp_path / "keys.json").mkdir()
    with pytest.raises(InputError, match="leave the file as it is"):
        Keys(tmp_path / "keys.json").any()


def test_a_home_that_may_not_be_written_is_told_in_words(tmp_path, capsys):
    (tmp_path / "serve.lock").mkdir()
    assert main(None, ["serve", "--home", str(tmp_path), "--port", "0"]) != 0
    assert "serve.lock: found" in capsys.readouterr().err


def test_a_port_of_the_administrator_is_told_as_such(monkeypatch):
    def refuse(self, address):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(UsageError, match="no right to this port"):
        listen("127.0.0.1", 80)


def test_there_are_no_databases_before_the_first_row(tmp_path):
    with serving(tmp_path, bucket=None) as served:
        (result,) = served.query("SHOW DATABASES")
        assert result["series"][0]["columns"] == ["name"]
        assert "values" not in result["series"][0]


def test_the_runs_of_the_driver_are_no_device(tmp_path):
    with serving(tmp_path) as served:
        served.write("runs status=0i 1704067200000000000\nm,station=a x=1 1704067200000000000")
        assert list(served.json("/api/devices/status")) == ["a"]
