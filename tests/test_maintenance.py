"""The log of maintenance: YAML or CSV, every problem with its line, times on the loggers' clock."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fieldline import held
from fieldline.errors import ConfigError
from fieldline.settings.maintenance import load

GOOD = """
entries:
  - {station: umbs, fields: ["CO2_*", H2O_46m], from: 2026-06-25T10:00, to: 2026-06-25T12:30, flag: fail, reason: gas}
  - {fields: [Temp_46m], from: 2026-01-01T00:00Z, gain: 1.02, offset: -0.5, reason: recalibrated, who: A. P.}
"""
CSV = """station,fields,from,to,flag,gain,offset,reason,who
umbs,CO2_*;H2O_46m,2026-06-25T10:00,2026-06-25T12:30,fail,,,gas,
,Temp_46m,2026-01-01T00:00Z,,,1.02,-0.5,recalibrated,A. P.
"""

SEMICOLONS = """station;fields;from;to;flag;gain;offset;reason;who
umbs;"CO2_*;H2O_46m";2026-06-25T10:00;2026-06-25T12:30;fail;;;gas;
;Temp_46m;2026-01-01T00:00Z;;;1,02;-0,5;recalibrated;A. P.
"""


def written(folder, text, name="maintenance.yaml"):
    (folder / name).write_text(text, encoding="utf-8")
    return load(Path(name), folder, "-05:00")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (GOOD, "maintenance.yaml"),
        (CSV, "maintenance.csv"),
        (SEMICOLONS, "maintenance.csv"),  # as a spreadsheet in German or French saves it
    ],
)
def test_entries_are_read(tmp_path, text, name):
    first, second = written(tmp_path, text, name).entries
    assert (first.station, first.fields, first.flag) == ("umbs", ("CO2_*", "H2O_46m"), 4)
    assert first.start == datetime(2026, 6, 25, 15, 0, tzinfo=UTC)
    assert first.end == datetime(2026, 6, 25, 17, 30, tzinfo=UTC)
    assert (second.station, second.flag, second.gain, second.offset, second.end) == ("*", None, 1.02, -0.5, None)
    assert first.holds("umbs", "CO2_46m") and not first.holds("other", "CO2_46m") and not first.holds("umbs", "H2O_0m")


def test_no_file_is_no_entry(tmp_path):
    assert load(Path("nosuch.yaml"), tmp_path, "+00:00").entries == ()


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{fields: [T], flag: fial, reason: x}", "maintenance.yaml:2: entries[0].flag is 'fial'"),
        ("{fields: [T], flagg: fail, reason: x}", "unknown setting 'entries[0].flagg'; did you mean 'flag'?"),
        ("{fields: [T], flag: fail}", "reason"),
        ("{fields: [T], reason: x}", "either a flag or a gain and offset"),
        ("{fields: [T], flag: fail, gain: 2, reason: x}", "either a flag or a gain and offset"),
        ("{fields: [T], flag: fail, reason: x, from: yesterday}", "must be a time such as"),
        ("{fields: [T], flag: fail, reason: x, from: 2026-01-02, to: 2026-01-01}", "must not be after to"),
    ],
)
def test_a_problem_is_told_with_its_line(tmp_path, entry, words):
    with pytest.raises(ConfigError) as error:
        written(tmp_path, f"entries:\n  - {entry}\n")
    assert words in str(error.value)
    assert "maintenance.yaml:2" in str(error.value)


def test_a_log_of_maintenance_that_a_spreadsheet_holds_is_told(tmp_path, monkeypatch):
    (tmp_path / "maintenance.csv").write_text(CSV, encoding="utf-8")
    monkeypatch.setattr(held, "PAUSES", (0,))
    left, real = [1], Path.read_bytes

    def refuse(self):
        if left[0]:
            left[0] -= 1
            raise PermissionError(13, "Permission denied")
        return real(self)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert len(load(Path("maintenance.csv"), tmp_path, "-05:00").entries) == 2
    left[0] = 100
    with pytest.raises(ConfigError, match="Permission denied; is it open in another program"):
        load(Path("maintenance.csv"), tmp_path, "-05:00")
