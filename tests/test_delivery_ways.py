"""The way to a server through an institution's proxy and with its certificates, as a person sets and sees it."""

import base64
import socket

import pytest

from delivering import Mast, header, rows, stored, wanted
from fieldline.errors import ConfigError, Denied, Unreachable
from fieldline.settings import from_project
from fieldline.sinks.influx import Influx
from loopback import dead_port
from ways import Proxy, Tls, certificates

LOGIN = "tower:over-the-hills-4711"
TOKEN = "a-token-that-nobody-may-see"


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    return certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def tls(facade, signed):
    """A facade, and its address with TLS."""
    server = facade()
    with Tls(server.port, *signed[1:]) as front:
        yield server, f"https://127.0.0.1:{front.port}"


def site(folder, url, login="", **influxdb):
    made = Mast(folder / "site", url, influxdb=influxdb, log={"level": "DEBUG"})
    (made.folder / "secret.py").write_text(f"token = {TOKEN!r}\nproxy_login = {login!r}\n", encoding="utf-8")
    made.put(header() + rows(0, 9))
    return made


def no_secret(made, *secrets):
    """Nothing that was written or said holds a secret, in clear or as it is sent."""
    own = (made.folder / "secret.py", made.config)
    texts = [path.read_bytes() for path in made.folder.rglob("*") if path.is_file() and path not in own]
    for secret in secrets:
        for form in (secret, base64.b64encode(f"tower:{secret}".encode()).decode()):
            assert not any(form.encode() in text for text in (*texts, made.out.encode(), made.err.encode())), form


@pytest.mark.parametrize("form", ["ca.pem", "ca.der", "bundle.pem"])
def test_a_certificate_of_ones_own_authority_is_trusted_when_its_file_is_named(tls, signed, tmp_path, form):
    server, url = tls
    made = site(tmp_path, url, ca_file=form)
    folder = signed[0].parent
    (folder / "bundle.pem").write_bytes("# für alle\r\n".encode() + (folder / "ca.pem").read_bytes() * 2)
    (made.folder / form).write_bytes((folder / form).read_bytes())
    assert made.run()[0] == 0, made.err
    assert stored(server.influxd) == wanted(range(10))
    assert made.call("read", "field", "Met") == 0, made.err


def test_a_certificate_that_nobody_vouches_for_stops_deliveries_and_says_what_to_do(tls, signed, tmp_path):
    server, url = tls
    made = site(tmp_path, url)
    assert made.run()[0] == 1
    for text in (made.err, made.out if made.call("doctor") else ""):
        assert "its SSL certificate is signed by an authority that this computer does not know" in text
        assert "name its file in `influxdb.ca_file`" in text
    assert made.waiting() >= 10
    assert not server.requests
    made.change("influxdb", ca_file=str(signed[0]))
    assert made.run()[0] == 0, "a way that was changed is tried at once"
    assert stored(server.influxd) == wanted(range(10))


def test_a_certificate_for_another_name_is_told(tls, signed):
    _, url = tls
    influx = Influx(url.replace("127.0.0.1", "localhost"), TOKEN, "field-lab", ca_file=str(signed[0]))
    with pytest.raises(Unreachable, match="its SSL certificate is that of another name"):
        influx.call("GET", "/ping")
    influx.close()


def test_a_file_without_a_certificate_is_told(tls, tmp_path, signed):
    server, url = tls
    made = site(tmp_path, url, ca_file="none.pem")
    for data in (b"", b"rubbish", signed[2].read_bytes(), b"-----BEGIN CERTIFICATE-----\nrubbish"):
        (made.folder / "none.pem").write_bytes(data)
        assert made.run()[0] == 1
        assert "Correct `influxdb.ca_file`" in made.err
        assert "a fault in the program" not in made.err
    (made.folder / "none.pem").unlink()
    assert made.run()[0] == 2
    assert "influxdb.ca_file is 'none.pem', must be a file that is there" in made.err
    assert not server.requests


@pytest.mark.parametrize("login", ["", LOGIN])
@pytest.mark.parametrize("secure", [True, False])
def test_everything_goes_through_the_proxy_that_is_set(tls, signed, tmp_path, secure, login):
    server, url = tls
    with Proxy(login) as proxy:
        more = {"ca_file": str(signed[0])} if secure else {}
        made = site(tmp_path, url if secure else server.url, login, proxy=proxy.url, **more)
        assert made.run()[0] == 0, made.err
        assert stored(server.influxd) == wanted(range(10))
        assert made.call("new-db", str(made.path)) == 0, made.err
        assert made.call("read", "field", "Met") == 0, made.err
        assert made.call("doctor") in (0, 1)
        assert "may write" in made.out
        beginning = f"CONNECT {url.removeprefix('https://')} " if secure else f"GET {server.url}/"
        assert proxy.asked[0].startswith(beginning)
    if login:
        no_secret(made, LOGIN.partition(":")[2], TOKEN)
    before = len(server.requests)
    made.append(rows(10, 19))
    assert made.run()[0] == 1
    assert f"found no connection to the proxy {proxy.url} (connection refused)" in made.err
    assert len(server.requests) == before, "not around it"


@pytest.mark.parametrize("login", ["", "tower:wrong-hills-4711"])
@pytest.mark.parametrize("secure", [True, False])
def test_a_proxy_that_wants_another_login_is_a_persons_business(tls, signed, tmp_path, secure, login):
    server, url = tls
    with Proxy(LOGIN) as proxy:
        more = {"ca_file": str(signed[0])} if secure else {}
        made = site(tmp_path, url if secure else server.url, login, proxy=proxy.url, **more)
        assert made.run()[0] == 1
        for text in (made.err, made.out if made.call("doctor") else ""):
            assert "wants a login" in text
            assert "Set `proxy_login` in secret.py or INFLUXDB_PROXY_LOGIN to name:password" in text
        assert made.waiting() >= 10
        if login:
            no_secret(made, login.partition(":")[2], TOKEN)
        (made.folder / "secret.py").write_text(f"token = {TOKEN!r}\nproxy_login = {LOGIN!r}\n", encoding="utf-8")
        assert made.run()[0] == 0, "a login that was changed is tried at once"
    assert stored(server.influxd) == wanted(range(10))


def test_a_proxy_that_lets_nobody_through_is_told(tls, signed, tmp_path):
    _, url = tls
    with Proxy(closed=True) as proxy:
        made = site(tmp_path, url, proxy=proxy.url, ca_file=str(signed[0]))
        assert made.run()[0] == 1
        assert f"the proxy {proxy.url} does not let us through (403 Forbidden)" in made.err
        assert made.waiting() >= 10


def test_a_certificate_is_looked_at_behind_a_proxy_too(tls, tmp_path):
    server, url = tls
    with Proxy() as proxy:
        made = site(tmp_path, url, proxy=proxy.url)
        assert made.run()[0] == 1
        assert "its SSL certificate is signed by an authority that this computer does not know" in made.err
        assert proxy.asked
    assert not server.requests


def test_a_proxy_that_says_nothing_is_given_up_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        proxy = f"http://127.0.0.1:{silent.getsockname()[1]}"
        for url in ("http://influx.example.org", "https://influx.example.org"):
            influx = Influx(url, TOKEN, proxy=proxy, timeout_seconds=0.3)
            with pytest.raises(Unreachable, match="no answer in time"):
                influx.call("GET", "/ping")
            influx.close()


def test_names_are_found_by_the_proxy_alone():
    with Proxy(closed=True) as proxy:
        influx = Influx("https://influx.example.org", TOKEN, proxy=proxy.url)
        with pytest.raises(Unreachable, match="does not let us through"):
            influx.call("GET", "/ping")
        assert [line.rsplit(" ", 1)[0] for line in proxy.asked] == ["CONNECT influx.example.org:443"]
        influx.close()


def test_a_proxy_of_the_environment_is_not_ours(facade, monkeypatch):
    """Only what is set is used: the server may be on this machine."""
    nobody = f"http://127.0.0.1:{dead_port()}"
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, nobody)
        monkeypatch.setenv(name.lower(), nobody)
    server = facade()
    influx = Influx(server.url, server.token, server.org)
    assert influx.product == "oss2"
    influx.close()


def test_a_computer_that_was_told_of_an_authority_trusts_it(tls, signed, monkeypatch):
    """By SSL_CERT_FILE, or on Windows by its own store of certificates."""
    monkeypatch.setenv("SSL_CERT_FILE", str(signed[0]))
    server, url = tls
    influx = Influx(url, server.token, server.org)
    assert influx.product == "oss2"
    influx.close()


def configured(folder, text, environ=None, secret=""):
    (folder / "config").mkdir(exist_ok=True)
    (folder / "config" / "site.yaml").write_text(text, encoding="utf-8")
    (folder / "secret.py").write_text(secret, encoding="utf-8")
    return from_project(folder, environ=environ or {}).influxdb


def test_a_login_never_stands_in_the_configuration(tmp_path):
    for text, words in (
        ("influxdb: {proxy: 'http://tower:hush@host:3128'}", "a login goes into secret.py, as proxy_login"),
        ("influxdb: {proxy_login: 'tower:hush'}", "put it in secret.py or in the environment, as INFLUXDB_PROXY_LOGIN"),
        ("influxdb: {Proxy_Login: 'tower:hush'}", "INFLUXDB_PROXY_LOGIN"),
        ("influxdb: {proxy: 'hush:3128'}", "must begin with http:// and the name of a machine"),
        ("influxdb: {proxy: 'https://hush:3128'}", "must begin with http://"),
    ):
        with pytest.raises(ConfigError) as caught:
            configured(tmp_path, text)
        assert words in str(caught.value)
        assert "hush" not in str(caught.value)
    own = configured(tmp_path, "influxdb: {proxy: 'http://host:3128/'}", secret="proxy_login = 'tower:hush'")
    assert own.proxy == "http://host:3128"
    assert own.proxy_login.get_secret_value() == "tower:hush"
    assert "hush" not in f"{own!r} {own.model_dump_json()}"
    own = configured(tmp_path, "", {"INFLUXDB_PROXY": "http://h:1", "INFLUXDB_PROXY_LOGIN": "a:b"})
    assert (own.proxy, own.proxy_login.get_secret_value()) == ("http://h:1", "a:b")


def test_a_file_without_which_nothing_could_be_sent_is_missed_at_once(tmp_path):
    text = "influxdb: {url: 'https://x', ca_file: a/ca.pem}\nstore: "
    assert configured(tmp_path, text + "embedded").ca_file == "a/ca.pem"
    with pytest.raises(ConfigError, match=r"site\.yaml:1: influxdb\.ca_file is 'a/ca\.pem', must be a file"):
        configured(tmp_path, text + "influxdb")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "ca.pem").write_text("x", encoding="utf-8")
    assert configured(tmp_path, text + "influxdb").ca_file == str(tmp_path / "a" / "ca.pem")


def test_a_wrong_clock_is_thought_of_when_a_certificate_has_expired():
    from fieldline.sinks._influx_faults import Place
    from fieldline.sinks._influx_lost import lost

    for said in ("certificate verify failed: certificate has expired", "certificate is not yet valid"):
        assert "Is the clock of this computer right?" in str(lost(Place("https://x"), said))


def test_denied_and_not_sent_where_a_certificate_file_is_gone(tmp_path):
    with pytest.raises(Denied, match="expected that of an authority"):
        Influx("https://x", TOKEN, ca_file=str(tmp_path / "gone.pem")).call("GET", "/ping")
