"""What Windows does otherwise, shown on every system: its messages, its refusals, its consoles."""

import ctypes
import errno
import io
import json
import logging
import os
import re
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from fieldline.cli import _is_closed_pipe, main
from fieldline.cli.examine.place import on_a_share
from fieldline.cli.logs import open_log
from fieldline.cli.progress import Line
from fieldline.cli.show import coloured
from fieldline.cli.status import _is_gone
from fieldline.clock import at
from fieldline.errors import UsageError
from fieldline.serve.run import listen
from fieldline.settings import Log
from fieldline.settings.model import _refuse_drive_alone
from fieldline.sinks._faults import holder, is_busy
from fieldline.sources.files import LoggerFile
from fieldline.sources.pieces import NotNow

PROJECT = Path(__file__).parents[1]

IN_USE = """IO Error: Cannot open file "d:\\site\\store.duckdb": {said}


File is already open in
D:\\Programs\\R\\bin\\x64\\Rterm.exe (PID 8252)"""


@pytest.mark.parametrize(
    "said",
    [
        "The process cannot access the file because it is being used by another process.",
        "Der Prozess kann nicht auf die Datei zugreifen, da sie von einem anderen Prozess verwendet wird.",
        "另一个程序正在使用此文件，进程无法访问。",
    ],
)
def test_a_store_that_another_program_has_is_busy_in_every_language(tmp_path, said):
    message = IN_USE.format(said=said)
    assert is_busy(tmp_path / "store.duckdb", message)
    assert holder(message) == "in Rterm.exe (process 8252)"


def test_a_busy_store_of_which_nobody_knows_who_has_it_is_told_in_one_line():
    assert "\n" not in holder("Cannot open file: in use\n\n\nby somebody")


class Refusal(OSError):
    """As Windows raises it."""

    def __init__(self, winerror):
        super().__init__(13, "Zugriff verweigert")
        self.winerror = winerror


@pytest.mark.parametrize(("winerror", "busy"), [(32, True), (33, True), (None, True), (5, False), (2, False)])
def test_windows_is_asked_for_the_number_where_its_words_are_not_known(tmp_path, monkeypatch, winerror, busy):
    def create(*_):
        if winerror is not None:
            raise Refusal(winerror)
        return 7

    closed = []
    system = SimpleNamespace(
        CreateFile=create, CloseHandle=closed.append, GENERIC_READ=1 << 31, OPEN_EXISTING=3, NULL=0
    )
    monkeypatch.setitem(sys.modules, "_winapi", system)
    monkeypatch.setattr(sys, "platform", "win32")
    assert is_busy(tmp_path / "store.duckdb", 'Cannot open file "store.duckdb": Zugriff verweigert') is busy
    assert closed == ([7] if winerror is None else [])


MET = """"TOA5","yärd µ","CR1000X","12345","CR1000X.Std.05","CPU:yard.CR1X","4711","Met – 東"
"TIMESTAMP","RECORD","AirTC_Avg","PAR_µ","Note"
"TS","RN","°C","µmol m⁻² s⁻¹",""
"","","Avg","Smp","Smp"
"2026-06-25 10:00:00",0,20.51,60.2,"ok – µ"
"2026-06-25 10:01:00",1,"NAN",60.4,"東京 ⋯"
"2026-06-25 10:02:00",2,20.63,6x.1µ,"ok"
"""
CODE_PAGES = ("cp1252", "cp437", "ascii")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A project in a folder with a difficult name, with one file that has been loaded."""
    folder = tmp_path_factory.mktemp("größe 100% & mehr (1) 東京") / "fieldline"
    for name in ("drivers", "config", "files"):
        (folder / name).mkdir(parents=True)
    (folder / "config" / "site.yaml").write_text(
        f"home: '{folder / 'däta'}'\ndefaults: {{bucket: yärd}}\n"
        f"jobs:\n  - {{name: tower, files: ['{folder / 'files'}/*.dat']}}\n",
        encoding="utf-8",
    )
    (folder / "files" / "µ tower & co 100%.dat").write_text(MET, encoding="utf-8", newline="\r\n")
    for script in ("driver.py", "new-db.py", "update-db.py"):
        text = (PROJECT / script).read_text(encoding="utf-8")
        (folder / script).write_text(text.replace('PROJECT / "src"', repr(str(PROJECT / "src"))), encoding="utf-8")
    assert told(folder, "driver.py", PYTHONIOENCODING="utf-8").returncode == 3
    return folder


def told(folder, script, *words, **environ):
    """What a script says in another working directory, as Task Scheduler starts it: bytes."""
    words = (str(folder / script), *words) if script.endswith(".py") else ("-m", "fieldline", script, *words)
    plain = {name: value for name, value in os.environ.items() if name not in ("PYTHONIOENCODING", "PYTHONUTF8")}
    path = {"PYTHONPATH": str(PROJECT / "src")}
    return subprocess.run([sys.executable, *words], capture_output=True, cwd=folder.anchor, env=plain | path | environ)


def config(site):
    return "--config", str(site / "config" / "site.yaml")


@pytest.mark.parametrize(
    "words",
    [
        ("driver.py",),
        ("driver.py", "--config", "fehlt ü 東.yaml"),
        ("driver.py", "--job", "東"),
        ("update-db.py", "--dry-run", "{file}"),
        ("new-db.py", "{file}"),
        ("update-db.py", "{file}"),
        ("read", "{config}"),
        ("read", "{config}", "yärd"),
        ("read", "{config}", "yärd", "nö"),
        ("read", "{config}", "yärd", "Met – 東"),
        ("status", "{config}"),
        ("doctor", "{config}"),
        ("quality", "{config}"),
        ("keys", "{config}", "revoke", "東"),
        ("simulate", "{file}"),
        ("driver.py", "--jöb"),
    ],
    ids=" ".join,
)
def test_no_code_page_stops_a_command(site, words):
    (file,) = (site / "files").iterdir()
    given = [word.format(file=file, config=config(site)[1]) for word in words]
    given = [part for word in given for part in (("--config", word) if word == config(site)[1] else (word,))]
    done = told(site, *given, PYTHONIOENCODING="ascii")  # which has least of all
    said = (done.stdout + done.stderr).decode("ascii")
    assert "Traceback" not in said
    assert "fault in the program" not in said
    assert done.stdout or done.stderr


@pytest.mark.parametrize("verb", ["driver.py", "status", "doctor", "quality"])
def test_what_programs_read_is_ascii(site, verb):
    words = () if verb.endswith(".py") else config(site)
    done = told(site, verb, *words, "--json", PYTHONIOENCODING="cp437")
    assert isinstance(json.loads(done.stdout.splitlines()[-1].decode("ascii")), dict)


@pytest.mark.parametrize("encoding", CODE_PAGES)
def test_rows_are_json_in_every_code_page(site, encoding):
    done = told(site, "read", *config(site), "yärd", "Met – 東", "--format", "json", PYTHONIOENCODING=encoding)
    assert [row["Note"] for row in json.loads(done.stdout)] == ["ok – µ", "東京 ⋯"]


AS_ON_WINDOWS = """
import runpy, sys
sys.stdout.reconfigure(encoding="cp1252", newline="\\r\\n")  # as it is there by itself
runpy.run_module("fieldline", run_name="__main__")
"""


@pytest.mark.parametrize("form", ["csv", "json"])
def test_rows_that_are_redirected_have_the_bytes_of_a_file(site, tmp_path, form):
    out, words = tmp_path / f"rows.{form}", ("read", *config(site), "yärd", "Met – 東")
    assert told(site, *words, "--out", str(out)).returncode == 0
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONIOENCODING"}
    environ["PYTHONPATH"] = str(PROJECT / "src")
    command = [sys.executable, "-c", AS_ON_WINDOWS, *words, "--format", form]
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, env=environ)
    assert done.stdout == out.read_bytes()


def test_a_log_is_in_utf_8_whatever_the_console_speaks(site):
    told(site, "driver.py", PYTHONIOENCODING="cp437")
    assert "tower" in (site / "däta" / "logs" / "fieldline.log").read_text(encoding="utf-8")


def test_a_name_that_the_system_of_names_does_not_have_is_told(site):
    done = told(site, "driver.py", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    if sys.platform == "linux":
        assert (done.returncode, b"PYTHONUTF8=1" in done.stderr) == (1, True)
    assert b"Traceback" not in done.stderr


WITHOUT_STREAMS = """
import runpy, sys
sys.stdin = sys.stdout = sys.stderr = None  # as pythonw.exe has it
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize(("words", "status"), [((), 3), (("--job", "nobody"), 2), (("--nonsense",), 2)])
def test_a_run_without_any_console_does_its_work(site, tmp_path, words, status):
    command = [sys.executable, "-c", WITHOUT_STREAMS, str(site / "driver.py"), "--home", str(tmp_path), *words]
    done = subprocess.run(command, capture_output=True, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (status, b"", b"")
    assert (tmp_path / "store.duckdb").exists() == (status == 3)


def test_nobody_who_reads_any_more_is_no_error_on_windows_either(monkeypatch):
    assert _is_closed_pipe(BrokenPipeError())
    assert not _is_closed_pipe(OSError(errno.EINVAL, "Invalid argument"))
    monkeypatch.setattr(sys, "platform", "win32")
    assert _is_closed_pipe(OSError(errno.EINVAL, "Invalid argument"))
    assert not _is_closed_pipe(OSError(errno.EINVAL, "Invalid argument", "a:b"))
    assert not _is_closed_pipe(OSError(errno.EACCES, "Permission denied"))


def fill(log, numbers):
    """Messages of half a megabyte, so that every other one begins a new file."""
    for number in numbers:
        log.info("%d %s", number, "x" * 2**19)


def first_numbers(folder):
    """What stands first in each full log file, the newest one first."""
    names = [f"fieldline.log.{age}" for age in range(1, 4)]
    return [
        int((folder / name).read_text(encoding="utf-8").split()[2]) if (folder / name).exists() else None
        for name in names
    ]


@pytest.mark.parametrize(("held", "lost"), [("fieldline.log", 0), ("fieldline.log.3", 0), ("fieldline.log.1", 1)])
def test_old_logs_stay_while_another_program_has_one_open(tmp_path, monkeypatch, held, lost):
    """Each message tries to begin a new file; that must not cost an old one each time."""
    log, folder, real = logging.getLogger("fieldline.test"), tmp_path / "logs", Path.replace

    def refuse(self, target):
        if held in (self.name, Path(target).name):
            raise PermissionError(13, "The process cannot access the file because it is being used by another process")
        return real(self, target)

    with open_log(tmp_path, Log(megabytes=1, keep=3)):
        fill(log, range(8))
        before = first_numbers(folder)
        assert None not in before
        monkeypatch.setattr(Path, "replace", refuse)
        fill(log, range(8, 16))
        left = set(first_numbers(folder)) - {None}
        assert left <= set(before)
        assert len(left) == 3 - lost
        assert not (folder / "fieldline.log.full").exists()
        monkeypatch.setattr(Path, "replace", real)
        fill(log, [16, 17])
    assert first_numbers(folder)[0] > max(before)


def test_a_lock_that_this_account_may_not_take_is_told_with_what_to_do(tmp_path):
    (tmp_path / "home" / "run.lock").mkdir(parents=True)  # nobody may write that
    (tmp_path / "site.yaml").write_text("jobs: [{name: tower, files: ['*.dat']}]\n", encoding="utf-8")
    done = told(PROJECT, "driver.py", "--config", str(tmp_path / "site.yaml"), "--home", str(tmp_path / "home"))
    assert done.returncode == 1
    assert b"run.lock: found" in done.stderr
    assert b"as administrator" in done.stderr


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    def isatty(self):
        return True

    def fileno(self):
        return 1


@pytest.mark.parametrize(
    ("is_console", "takes_them", "shown"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_colours_are_for_a_console_that_was_told_to_take_them(monkeypatch, is_console, takes_them, shown):
    """The console of Windows before the Terminal prints the escapes of colours as they are unless told otherwise."""
    modes = []

    def read_mode(handle, mode):
        mode._obj.value = 3
        return is_console

    def write_mode(handle, mode):
        modes.append(mode)
        return takes_them

    kernel = SimpleNamespace(GetConsoleMode=read_mode, SetConsoleMode=write_mode)
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel), raising=False)
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(get_osfhandle=lambda number: 7))
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert coloured(Terminal())
    monkeypatch.setattr(sys, "platform", "win32")
    assert coloured(Terminal()) is shown
    assert modes == ([7] if is_console else [])  # what was set, and the escapes
    assert not coloured(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not coloured(Terminal())


class Ear(socket.socket):
    """A socket of Windows, on a port that it has set aside."""

    def setsockopt(self, *_):
        pass

    def bind(self, _):
        raise PermissionError(errno.EACCES, "An attempt was made to access a socket in a way forbidden")


def test_a_port_that_windows_has_set_aside_is_told_as_that(monkeypatch):
    monkeypatch.setattr(socket, "socket", Ear)
    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", -5, raising=False)
    with pytest.raises(UsageError, match="administrator"):
        listen("127.0.0.1", 80)
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(UsageError, match="try --port 8087"):
        listen("127.0.0.1", 8086)


WINDOWS = {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"}


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-test.lock"])
def test_the_locks_hold_what_packages_need_on_windows_too(lock):
    """pip refuses to install anything where one package without a hash is needed."""
    text = (PROJECT / lock).read_text(encoding="utf-8")
    there = {canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)}
    for name in there:
        try:
            needs = metadata.requires(name) or ()
        except metadata.PackageNotFoundError:  # of another platform
            continue
        for need in map(Requirement, needs):
            if need.marker is None or need.marker.evaluate({**WINDOWS, "extra": ""}):
                assert canonicalize_name(need.name) in there, f"{name} needs {need}"


def test_a_time_before_1970_is_one_without_the_functions_of_windows():
    assert at(-1_500_000_000).isoformat() == "1969-12-31T23:59:58.500000+00:00"
    assert at(1_782_384_600_123_456_789).isoformat() == "2026-06-25T10:50:00.123456+00:00"


def test_quickstart_can_name_its_folder_in_every_code_page():
    words = "import quickstart; quickstart.main(['--help']); print('größe 東')"
    done = subprocess.run(
        [sys.executable, "-c", words], capture_output=True, cwd=PROJECT, env={**os.environ, "PYTHONIOENCODING": "ascii"}
    )
    assert (done.returncode, done.stdout.strip()) == (0, rb"gr\xf6\xdfe \u6771")


def test_a_file_on_a_share_that_is_away_is_not_called_gone(tmp_path, monkeypatch):
    path = tmp_path / "tower.dat"
    assert _is_gone(str(path))

    def refuse(self, **_):
        raise OSError(22, "The user name or password is incorrect")

    monkeypatch.setattr(Path, "stat", refuse)
    assert not _is_gone(str(path))


def test_a_folder_that_is_away_is_waited_for_before_a_file_that_was_replaced_is_read(tmp_path, monkeypatch):
    """The rows of its backup come first, or they would be forgotten."""
    source = LoggerFile(tmp_path / "tower.dat", None, None, None, None)

    def refuse(self):
        raise OSError(22, "An unexpected network error occurred")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(NotNow, match="Is a network drive away"):
        source._siblings()


def test_a_line_of_progress_is_one_line_in_a_narrow_console(monkeypatch):
    """A line that is longer than the console goes on in the next, and nothing would wipe it."""
    out = Terminal()
    monkeypatch.setattr(sys, "stderr", out)
    monkeypatch.setenv("COLUMNS", "40")
    line = Line()
    line.show("x" * 100 + ".dat: 1,234 rows")
    line.show("y.dat: 1 row")
    line.close()
    first, second, *wiped = out.getvalue().removeprefix("\r").split("\r")
    assert len(first) == len(second) == 39
    assert first.startswith("...xxx") and first.endswith("x.dat: 1,234 rows")
    assert not "".join(wiped).strip()


def test_a_pattern_that_the_shell_hands_on_is_read_as_one(tmp_path, monkeypatch, capsys):
    """cmd and PowerShell do so; another shell does where it stands in quotes."""
    for name in ("a.dat", "b.dat", "c[1].dat"):
        (tmp_path / name).write_text(MET, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    command = ["--home", str(tmp_path / "home"), "--dry-run"]
    status = main("update-db", [*command, str(tmp_path / "*.dat")], project=tmp_path_with_site(tmp_path))
    said = capsys.readouterr().out
    assert (status, said.count("a.dat  "), said.count("b.dat  "), said.count("c[1].dat  ")) == (3, 1, 1, 1)
    assert main("update-db", [*command, "?.dat"], project=tmp_path) == 3
    assert main("update-db", [*command, "*.csv"], project=tmp_path) == 2
    assert "no file of this name" in capsys.readouterr().err


def tmp_path_with_site(folder):
    (folder / "config").mkdir()
    (folder / "config" / "site.yaml").write_text("defaults: {bucket: yard}\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(("home", "drive"), [("D:data", "D:"), ("d:", "d:")])
def test_a_home_needs_a_slash_behind_its_drive(monkeypatch, home, drive):
    with pytest.raises(ValueError, match=f"must have a slash after {drive}"):
        _refuse_drive_alone(home)
    _refuse_drive_alone("D:/data")
    _refuse_drive_alone("D:\\data")
    _refuse_drive_alone("data")


@pytest.mark.parametrize(
    ("folder", "kind", "share"),
    [("\\\\server\\share\\data", 3, True), ("Z:\\data", 4, True), ("C:\\fieldline\\data", 3, False)],
)
def test_a_home_on_another_computer_is_known(monkeypatch, folder, kind, share):
    asked = []

    def kind_of(drive):
        asked.append(drive)
        return kind

    assert not on_a_share(folder)
    monkeypatch.setattr(
        ctypes, "windll", SimpleNamespace(kernel32=SimpleNamespace(GetDriveTypeW=kind_of)), raising=False
    )
    monkeypatch.setattr(sys, "platform", "win32")
    assert on_a_share(folder) is share
    assert asked in ([], [f"{folder[:2]}\\"])


@pytest.mark.skipif(sys.platform != "linux", reason="a name of bytes")
def test_a_name_that_is_no_text_costs_its_file_alone_and_is_in_the_log(tmp_path, capsys):
    project = tmp_path_with_site(tmp_path)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "good.dat").write_text(MET, encoding="utf-8")
    (tmp_path / "files" / os.fsdecode(b"t\xfcr.dat")).write_text(MET, encoding="utf-8")
    (tmp_path / "config" / "site.yaml").write_text("jobs: [{name: t, files: ['files/*.dat']}]\n", encoding="utf-8")
    assert main("run", [], project=project) == 1
    said = capsys.readouterr()
    assert "good.dat" not in said.err and "t\\udcfcr.dat: found a name that is no text" in said.err
    assert "2        2" in said.out or "3        2" in said.out
    log = (tmp_path / "data" / "logs" / "fieldline.log").read_text(encoding="utf-8")
    assert "t\\udcfcr.dat: found a name that is no text" in log
