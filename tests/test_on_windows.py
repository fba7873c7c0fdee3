"""What Windows does otherwise, shown on every system: its messages, its refusals, its consoles."""

import sys
from types import SimpleNamespace

import pytest

from fieldline.sinks._faults import holder, is_busy

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
