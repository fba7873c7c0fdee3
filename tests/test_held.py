"""What Windows refuses while another program has a file open, and the names that it keeps for itself."""

import os
from pathlib import Path

import pytest

from fieldline import held
from fieldline.cli.deliveries import delivered
from fieldline.errors import Unreachable
from fieldline.held import is_device, patiently, put, write_whole
from fieldline.ledger import set_aside
from fieldline.outbox import Ballast
from fieldline.readers.toa5 import BadRow
from fieldline.serve.keys import Keys
from fieldline.sinks.embedded import Embedded
from fieldline.sources.quarantine import Quarantine, file_name

SHARING = (13, "The process cannot access the file because it is being used by another process")


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Nobody waits in a test."""
    monkeypatch.setattr(held, "PAUSES", (0, 0))


def refusing(times, act):
    """`act`, as it is while another program has the file: so many refusals, as Windows words them."""
    left = [times]

    def refuse(*args, **named):
        if left[0]:
            left[0] -= 1
            raise PermissionError(*SHARING)
        return act(*args, **named)

    return refuse


def test_what_is_held_for_a_moment_is_waited_for_and_what_stays_held_is_told():
    assert patiently(refusing(2, lambda: "done")) == "done"
    with pytest.raises(PermissionError):
        patiently(refusing(3, lambda: "done"))


def test_other_errors_are_not_tried_again():
    tries = []

    def work():
        tries.append(1)
        raise FileNotFoundError

    with pytest.raises(FileNotFoundError):
        patiently(work)
    assert len(tries) == 1


def test_a_file_is_replaced_as_soon_as_the_other_program_lets_go(tmp_path, monkeypatch):
    path = tmp_path / "delivered.json"
    write_whole(path, b"old")
    monkeypatch.setattr(Path, "replace", refusing(2, Path.replace))
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_stays_held_is_left_as_it_was_without_a_rest(tmp_path, monkeypatch):
    path = tmp_path / "delivered.json"
    write_whole(path, b"old")
    monkeypatch.setattr(Path, "replace", refusing(100, Path.replace))
    with pytest.raises(PermissionError):
        put(_made(tmp_path / "new"), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_keys_are_read_while_they_are_being_replaced(tmp_path, monkeypatch):
    """Windows refuses to open a file in that moment; the request of that moment must not be refused for it."""
    keys = Keys(tmp_path / "keys.json")
    text, key = keys.add("grafana", ["field"])
    monkeypatch.setattr(Path, "read_text", refusing(2, Path.read_text))
    assert keys.find(text) == key
    monkeypatch.setattr(Path, "replace", refusing(2, Path.replace))
    assert keys.revoke("grafana").revoked is not None
    assert not list(tmp_path.glob("*.tmp"))


def _made(path):
    path.write_bytes(b"new")
    return path


@pytest.mark.parametrize("name", ["con", "NUL", "aux.Met", "COM1", "lpt9.x", "PRN ", "com¹"])
def test_names_of_devices_are_known(name):
    assert is_device(name)


@pytest.mark.parametrize("name", ["console", "nul_", "Con-Met", "com", "com10", "field.nul", "lpt", ""])
def test_other_names_are_none(name):
    assert not is_device(name)


@pytest.mark.parametrize("name", ["Nul", "aux.Met", "field.Met ⋯ – 東", "a:b\\c/d?*<>|", "x" * 300, "y" * 299 + "z"])
def test_rows_set_aside_get_a_file_that_windows_has_too(tmp_path, name):
    made = file_name(name)
    assert not is_device(made)
    assert not set('<>:"/\\|?*\r\n') & set(made)
    assert len(made) < 150
    Quarantine(tmp_path).add(name, Path("tower.dat"), [BadRow(7, "no number", "x,y")])
    assert (tmp_path / made).read_bytes().count(b"\n") == 1


def test_a_table_of_an_ordinary_name_keeps_its_file():
    assert file_name("yard.Met") == "yard.Met.jsonl"
    assert file_name("x" * 300) != file_name("x" * 301)


def test_letters_that_the_system_has_not_are_left_out_of_a_name(monkeypatch):
    def ascii_only(name):
        return name.encode("ascii")

    usual = file_name("yärd.Met 東")
    monkeypatch.setattr(os, "fsencode", ascii_only)
    assert usual == "yärd.Met_東.jsonl"
    assert file_name("yärd.Met 東").isascii()
    assert file_name("yärd.Met 東") != file_name("yörd.Met 東")
    assert file_name("yard.Met") == "yard.Met.jsonl"


def test_a_quarantine_that_is_open_in_a_spreadsheet_is_waited_for_and_then_told(tmp_path, monkeypatch):
    quarantine, row = Quarantine(tmp_path), BadRow(7, "no number", "x,y")
    real = Path.open
    monkeypatch.setattr(Path, "open", refusing(2, real))
    quarantine.add("yard.Met", Path("tower.dat"), [row])
    monkeypatch.setattr(Path, "open", refusing(100, real))
    with pytest.raises(Unreachable, match="Close the program that has the file open"):
        quarantine.add("yard.Met", Path("tower.dat"), [row])
    monkeypatch.setattr(Path, "open", real)
    assert (tmp_path / "yard.Met.jsonl").read_bytes().count(b"\n") == 1


def test_a_ballast_that_is_held_makes_no_room_and_ends_no_run(tmp_path, monkeypatch):
    ballast = Ballast(tmp_path / "ballast")
    assert ballast.take()
    real = Path.unlink
    monkeypatch.setattr(Path, "unlink", refusing(100, real))
    assert not ballast.release()
    monkeypatch.setattr(Path, "unlink", refusing(2, real))
    assert ballast.release()
    assert not (tmp_path / "ballast").exists()


def test_a_store_is_made_as_soon_as_nobody_looks_at_its_file_and_else_told(tmp_path, monkeypatch):
    """A virus scanner looks at a file that was just written."""
    store, real = Embedded(tmp_path / "store.duckdb"), Path.replace
    monkeypatch.setattr(Path, "replace", refusing(100, real))
    with pytest.raises(Unreachable, match="Close the program that holds it"):
        store.create("field", None)
    assert not (tmp_path / "store.duckdb").exists()
    monkeypatch.setattr(Path, "replace", refusing(2, real))
    store.create("field", None)
    assert store.buckets() == {"field": None}
    store.close()


def test_a_damaged_ledger_is_set_aside_as_soon_as_nobody_has_it(tmp_path, monkeypatch):
    path = _made(tmp_path / "state.db")
    monkeypatch.setattr(Path, "replace", refusing(2, Path.replace))
    assert set_aside(path).read_bytes() == b"new"
    assert not path.exists()


def test_what_was_delivered_is_read_from_a_file_that_is_held_and_else_counts_as_nothing(tmp_path, monkeypatch):
    """Then rows are sent again, which changes nothing; the run must not end for it."""
    write_whole(tmp_path / "delivered.json", b'{"archived": 7}')
    real = Path.read_text
    monkeypatch.setattr(Path, "read_text", refusing(2, real))
    assert delivered(tmp_path) == 7
    monkeypatch.setattr(Path, "read_text", refusing(100, real))
    assert delivered(tmp_path) == -1
