"""`fieldline status` tells what waits for InfluxDB, and how large the raw archive is."""

import json
import os

import pytest

from faults import Status
from fieldline.cli import main
from test_doctor import configure, influxdb, logger_file


@pytest.fixture
def site(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("INFLUXDB_")]:
        monkeypatch.delenv(name)
    project = tmp_path / "project"
    (project / "config").mkdir(parents=True)
    configure(project)
    logger_file(project / "files" / "met.dat")
    return project


def status(capsys, site, *words):
    capsys.readouterr()
    assert main(None, ["status", *words], site) == 0
    return capsys.readouterr().out


def test_with_the_embedded_store_nothing_waits(site, capsys):
    main(None, ["run"], site)
    assert "outbox:" not in status(capsys, site)
    assert json.loads(status(capsys, site, "--json"))["outbox"] is None


def test_what_waits_is_a_line_and_an_object(site, capsys, facade):
    server = facade("oss2")
    influxdb(site, server)
    assert "outbox: empty\n" in status(capsys, site)
    server.down()
    main(None, ["run"], site)
    out = status(capsys, site)
    (line,) = [line for line in out.splitlines() if line.startswith("outbox: ")]
    assert "rows wait, the oldest for" in line and "deliveries fail for" in line
    assert server.token not in out
    outbox = json.loads(status(capsys, site, "--json"))["outbox"]
    assert outbox["rows"] >= 2
    assert outbox["oldest"].endswith("Z") and outbox["since"].endswith("Z")
    assert (outbox["refused"], outbox["full"]) == (0, 0.0)
    assert outbox["trouble"]
    server.up()
    main(None, ["outbox", "send"], site)
    assert "outbox: empty\n" in status(capsys, site)
    assert json.loads(status(capsys, site, "--json"))["outbox"]["oldest"] is None


def test_refused_rows_are_told(site, capsys, facade):
    server = facade("oss2")
    influxdb(site, server)
    server.create("field")
    server.faults = lambda _: Status(400)
    main(None, ["run"], site)
    assert "rows were refused" in status(capsys, site)
    assert json.loads(status(capsys, site, "--json"))["outbox"]["refused"] > 0
    main(None, ["doctor"], site)
    assert "fieldline outbox show --refused" in capsys.readouterr().out


def test_the_archive_is_told_with_its_limits(site, capsys):
    main(None, ["run"], site)
    assert "archive: 0.0 MB of at most 5,000 MB; kept 90 days\n" in status(capsys, site)
    archive = json.loads(status(capsys, site, "--json"))["archive"]
    assert archive["bytes"] > 0
    assert (archive["megabytes"], archive["keep_days"]) == (5000, 90)
