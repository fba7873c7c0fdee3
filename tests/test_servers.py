"""The servers that tests start are what they say they are."""

import pytest

from servers import Influxd, ServerError, VictoriaMetrics, fetch, free_port


def test_what_is_written_is_read_back(influxd, database):
    influxd.write(database, "m,station=46m T=1.5,n=2i 60\nm,station=46m T=2.5 120", "s")
    (series,) = influxd.query("SELECT * FROM m", database)
    assert series["columns"] == ["time", "T", "n", "station"]
    assert series["values"] == [[60_000_000_000, 1.5, 2, "46m"], [120_000_000_000, 2.5, None, "46m"]]
    assert influxd.read(database, "m")[1] == {"time": 120_000_000_000, "T": 2.5, "station": "46m"}
    assert influxd.points(database, "m") == {"T": 2, "n": 1}


def test_an_error_is_raised_with_the_servers_words(influxd, database):
    influxd.write(database, "m T=1.5 60", "s")
    with pytest.raises(ServerError, match="field type conflict"):
        influxd.write(database, 'm T="x" 120', "s")
    with pytest.raises(ServerError, match="error parsing query"):
        influxd.query("SELECT", database)
    with pytest.raises(ServerError, match="database not found"):
        influxd.query("SELECT * FROM m", "nosuch")


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_data_outlives_an_outage(tmp_path, end):
    with Influxd(tmp_path) as server:
        server.query("CREATE DATABASE d")
        server.write("d", "m T=1.5 60", "s")
        getattr(server, end)()
        with pytest.raises(OSError):
            server.query("SHOW DATABASES")
        server.restart()
        assert server.points("d", "m") == {"T": 1}
    assert server.process.poll() is not None


def test_with_logins_nothing_works_without_one(tmp_path):
    with Influxd(tmp_path, auth=True) as server:
        server.query("CREATE DATABASE d")
        server.query("CREATE USER reader WITH PASSWORD 'r'")
        server.query("GRANT READ ON d TO reader")
        server.user, server.password = "reader", "r"
        assert server.query("SHOW MEASUREMENTS", "d") == []
        with pytest.raises(ServerError) as error:
            server.write("d", "m T=1 60", "s")
        assert error.value.status == 403
        server.password = "wrong"
        with pytest.raises(ServerError) as error:
            server.query("SHOW MEASUREMENTS", "d")
        assert error.value.status == 401


def test_victoria_metrics_keeps_what_it_is_sent(tmp_path):
    with VictoriaMetrics(tmp_path) as server:
        fetch(f"{server.url}/write?db=d&precision=s", b"m,station=46m T=1.5 1700000000")
        (series,) = server.export('{__name__="m_T"}')
    assert series["metric"] == {"__name__": "m_T", "db": "d", "station": "46m"}
    assert (series["values"], series["timestamps"]) == ([1.5], [1_700_000_000_000])


def test_a_free_port_is_not_one_that_clients_get():
    assert free_port() < 32768
