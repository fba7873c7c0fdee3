"""What each check says, what it refuses, and how its flags are merged."""

import builtins

import numpy as np
import pandas as pd
import pytest

from fieldline.quality import checks as quality
from fieldline.quality import diagnostics, seasons
from fieldline.quality.bits import BITS, HIGHEST, bit, names
from fieldline.quality.check import SECOND, Around
from fieldline.quality.flags import FAIL, GOOD, MISSING, SUSPECT, UNKNOWN, merge
from fieldline.quality.judge import judge

NAN = float("nan")
MINUTE = 60 * SECOND
OPTIONAL = ("auxiliary input", "inlet thermocouple", "outlet thermocouple")  # of an LI-7200
UMB = {"latitude": 45.56, "longitude": -84.71, "altitude": 234.0}


def flags(check, values, *, interval=MINUTE, start="2024-06-18T12:00", **columns):
    """What one check says of rows one interval apart."""
    times = pd.Timestamp(start).value + np.arange(len(values)) * interval
    partners = {name: np.asarray(column, dtype=float) for name, column in columns.items()}
    return check.function(np.asarray(values, dtype=float), Around(times, interval, partners.__getitem__)).tolist()


# Flags and bits


def test_flags_merge_by_the_order_of_qartod():
    order = [MISSING, UNKNOWN, GOOD, SUSPECT, FAIL]
    for low, one in enumerate(order):
        for high, other in enumerate(order):
            merged = merge([np.array([one], np.uint8), np.array([other], np.uint8)], np.array([False]))
            assert merged.tolist() == [order[max(low, high)]]


def test_what_is_missing_is_missing_whatever_is_said():
    frame = pd.DataFrame({"x": [NAN, np.inf, 5.0]}, index=pd.date_range("2024", periods=3, freq="min", tz="UTC"))
    shouting = quality.Check("between", lambda values, around: np.full(len(values), FAIL, np.uint8))
    judged = judge(frame, {"x": (shouting,)}, MINUTE)
    assert judged["x_qc"].tolist() == [9, 9, 4]
    assert judged["x_qcbits"].tolist() == [0, 0, bit("between")]


def test_bits_never_change():
    """Numbers are in stores for years: append a line here, change none."""
    assert list(BITS.items()) == [
        ("other", 0), ("between", 1), ("spike", 2), ("rate_of_change", 3), ("flat_line", 4), ("attenuated", 5),
        ("despike", 6), ("out_of_range_marker", 7), ("signal_strength", 8), ("percentile_band", 9),
        ("not_above_potential", 10), ("not_at_night", 11), ("diagnostic", 12), ("agrees_with", 13),
        ("between_levels", 14), ("ppfd_agrees", 15), ("maintenance", 16),
    ]  # fmt: skip
    assert max(BITS.values()) <= HIGHEST


def test_every_check_has_a_bit_and_a_docstring_with_a_source():
    for name, function in quality.CHECKS.items():
        assert BITS[name] > 0
        assert "Source:" in function.__doc__


def test_bits_say_who_spoke():
    assert names(bit("spike") | bit("between")) == ("between", "spike")
    assert names(0) == ()
    assert bit("my own check") == 1
    assert names(1 << 40 | 1) == ("other", "bit 40")


# The judge


def frame(**columns):
    index = pd.date_range("2024-01-01", periods=len(next(iter(columns.values()))), freq="min", tz="UTC")
    return pd.DataFrame(columns, index=index)


def test_flags_and_bits_stand_beside_values():
    table = frame(x=[0.0, 0.0, 50.0, 0.0, 3.0, None], station=list("aaaaaa"))
    before = table.copy()
    checks = {"x": (quality.between(-10, 10, suspect=(-2, 2)), quality.spike(20)), "gone": (quality.between(0, 1),)}
    judged = judge(table, checks, MINUTE)
    assert list(judged) == ["x_qc", "x_qcbits"]
    assert judged["x_qc"].tolist() == [1, 3, 4, 3, 3, 9]
    assert [names(bits) for bits in judged["x_qcbits"]] == [
        (), ("spike",), ("between", "spike"), ("spike",), ("between",), (),
    ]  # fmt: skip
    assert judged.index.equals(table.index)
    pd.testing.assert_frame_equal(table, before)


def test_whole_numbers_and_other_resolutions_of_time_are_fine():
    table = frame(x=pd.array([1, None, 99], dtype="Int64"))
    table.index = table.index.as_unit("s")
    assert judge(table, {"x": (quality.between(0, 9),)}, None)["x_qc"].tolist() == [1, 9, 4]


def test_a_partner_that_is_not_there_is_missing():
    assert judge(frame(x=[1.0]), {"x": (quality.agrees_with("y", within=1),)}, None)["x_qc"].tolist() == [2]


def test_a_field_without_checks_is_not_evaluated_and_an_empty_table_is_fine():
    assert judge(frame(x=[1.0]), {"x": ()}, None)["x_qc"].tolist() == [2]
    every = {
        "x": (
            quality.between(0, 1), quality.spike(1), quality.rate_of_change(1), quality.flat_line(60, 120),
            quality.flat_line(60, tolerance=1), quality.attenuated(1, seconds=60), quality.despike(1, seconds=60),
            quality.attenuated(1, seconds=60, kind="range"), quality.agrees_with("y", within=1),
        )
    }  # fmt: skip
    assert judge(frame(x=np.array([])), every, MINUTE).empty
    for values in ([1.0], [NAN], [1.0, 2.0], [NAN, NAN, NAN]):
        assert len(judge(frame(x=values), every, MINUTE)) == len(values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table[::-1], "strictly ascending"),
        (lambda table: table.iloc[[0, 0, 1]], "strictly ascending"),
        (lambda table: table.tz_localize(None), "times in UTC"),
        (lambda table: table.tz_convert("US/Eastern"), "times in UTC"),
        (lambda table: table.assign(x="warm"), "x does not hold numbers"),
    ],
)
def test_a_frame_that_is_no_series_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        judge(change(frame(x=[1.0, 2.0])), {"x": (quality.between(0, 9),)}, None)


def test_a_diagnostic_word_has_no_range():
    checks = {"diag": (quality.diagnostic("CSAT3B"), quality.between(0, 9), quality.spike(1))}
    with pytest.raises(ValueError, match="diag is a diagnostic word, a set of bits: between, spike cannot judge it"):
        judge(frame(diag=[0.0]), checks, MINUTE)
    with pytest.raises(ValueError, match="interval is 0 ns"):
        judge(frame(x=[0.0]), {}, 0)


# Limits that are wrong


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("betwen", {}, r"unknown check 'betwen'; did you mean 'between'\?"),
        ("zzz", {}, "unknown check 'zzz'; known: between"),
        ("between", {"low": 0, "hihg": 1}, r"between: unknown parameter 'hihg'; did you mean 'high'\?"),
        ("between", {"low": 0}, "between: the parameter 'high' is missing; it takes low, high, suspect"),
        ("between", {"low": 5, "high": 5}, "the first limit must be below the second"),
        ("between", {"low": None, "high": None}, "neither low nor high"),
        ("between", {"low": "0", "high": 5}, "between: low is '0', must be a number"),
        ("between", {"low": True, "high": 5}, "low is True"),
        ("between", {"low": NAN, "high": 5}, "low is nan"),
        ("between", {"low": 0, "high": 5, "suspect": [-1, 4]}, r"suspect is \[-1, 4\], must lie within 0.0 and 5.0"),
        ("between", {"low": 0, "high": None, "suspect": [-1, None]}, "must lie within"),
        ("between", {"low": 0, "high": 5, "suspect": [4, 1]}, "the first limit must be below"),
        ("between", {"low": 0, "high": 5, "suspect": 4}, "must be two numbers"),
        ("spike", {"suspect": -1}, "spike: suspect is -1, must be a number above 0"),
        ("spike", {"suspect": 3, "fail": 3}, "suspect is 3, must be less than fail"),
        ("spike", {"suspect": None}, "neither suspect nor fail"),
        ("spike", {"suspect": 1, "method": "avrage"}, "method is 'avrage'"),
        ("rate_of_change", {"suspect": 2, "fail": 1}, "must be less than fail"),
        ("flat_line", {"suspect_seconds": -5}, "suspect_seconds is -5, must be a number above 0"),
        ("flat_line", {"suspect_seconds": 60, "fail_seconds": 60}, "must be less than fail_seconds"),
        ("flat_line", {"suspect_seconds": 60, "tolerance": -1}, "tolerance is -1, must be a number of at least 0"),
        ("attenuated", {"suspect": 1, "fail": 2, "seconds": 60}, "fail is 2, must be less than suspect"),
        ("attenuated", {"suspect": 1, "seconds": 60, "kind": "sd"}, "kind is 'sd'"),
        ("attenuated", {"suspect": 1, "seconds": 60, "complete": 2}, "complete is 2"),
        ("despike", {"z": 4, "fail": 4, "seconds": 60}, "must be less than fail"),
        ("out_of_range_marker", {"values": []}, "no value is given"),
        ("out_of_range_marker", {"values": "7999"}, "must be a list of numbers"),
        ("signal_strength", {"minimum": 0}, "minimum is 0"),
        ("percentile_band", {"band": "umb", "utc_offset_hours": -5}, "must be a Band"),
        ("not_at_night", {"latitude": 95, "longitude": 0}, "latitude is 95, must be from -90 to 90"),
        ("diagnostic", {"sensor": "CSAT"}, "must be one of CSAT3, CSAT3A"),
        ("diagnostic", {"sensor": "CSAT3", "agc_above": 90}, "CSAT3 has no automatic gain control"),
        ("agrees_with", {"other": "y", "within": 3, "fail": 2}, "must be less than fail"),
        ("between_levels", {"below": "y", "above": "y", "by": 1}, "both 'y'"),
        ("ppfd_agrees", {"sw_in": "y", "low": 3}, "must be less than high"),
    ],
)  # fmt: skip
def test_a_wrong_limit_is_an_error_when_the_check_is_made(name, parameters, message):
    if name == "not_at_night":
        pytest.importorskip("pvlib")
    with pytest.raises(ValueError, match=message):
        quality.build(name, parameters)


def test_a_configuration_builds_what_a_driver_writes():
    built = quality.build("between", {"low": 0, "high": 10, "suspect": [2, 8]})
    assert flags(built, [-1, 1, 5, 9, 11]) == [4, 3, 1, 3, 4]
    assert str(quality.between(0, None)) == "between(low=0, high=None, suspect=None)"
    assert flags(quality.build("out_of_range_marker", {"values": [7999, -7999]}), [7999, 1, -7999]) == [4, 1, 4]
    assert flags(quality.build("out_of_range_marker", {"values": 7999}), [7999]) == [4]
    assert quality.factory("spike") is quality.spike


# One value


def test_limits_are_good_and_may_be_missing_on_one_side():
    assert flags(quality.between(0, 10, suspect=(2, 8)), [0, 2, 8, 10, NAN]) == [3, 1, 1, 3, 9]
    assert flags(quality.between(None, 10, suspect=(None, 8)), [-1e9, 9, 11]) == [1, 3, 4]
    assert flags(quality.between(0, None), [-1e-9, 1e9]) == [4, 1]


def test_markers_and_signal_strength():
    assert flags(quality.out_of_range_marker(7999, -99999), [7998.9, 7999, -99999, NAN]) == [1, 4, 4, 9]
    assert flags(quality.signal_strength(), [0.69, 0.7, NAN]) == [4, 1, 9]
    check = quality.signal_strength(of="strength")
    assert check.partners == ("strength",)
    assert flags(check, [400, 400, 400, NAN], strength=[0.5, 0.9, NAN, 0.9]) == [4, 1, 2, 9]


# Neighbours and windows


def test_a_spike_by_either_method():
    values = [10, 12, 999.99, 13, 15, 40, 9, 9]
    assert flags(quality.spike(25, 50), values) == [2, 4, 4, 4, 1, 3, 1, 2]
    assert flags(quality.spike(25, 50, method="differential"), values) == [2, 1, 4, 1, 1, 1, 1, 2]
    assert flags(quality.spike(None, 50), values) == [2, 4, 4, 4, 1, 1, 1, 2]


def test_rates_are_per_second():
    assert flags(quality.rate_of_change(1, 2), [0, 60, 150, 300], interval=MINUTE) == [2, 1, 3, 4]
    assert flags(quality.rate_of_change(5), [0, 0.5, 1.1], interval=SECOND // 10) == [2, 1, 3]


def test_a_stuck_sensor():
    values = [1, 7, 7, 7, NAN, 7, 7, 8, 8]
    assert flags(quality.flat_line(120, 300), values) == [2, 1, 1, 3, 9, 3, 4, 1, 1]


def test_a_hole_ends_a_flat_line():
    assert flags(quality.flat_line(60), [7, 7, *[NAN] * 9, 7])[-1] == SUSPECT
    assert flags(quality.flat_line(60), [7, 7, *[NAN] * 10, 7])[-1] == UNKNOWN


def test_a_slow_drift_within_small_steps_is_not_flat():
    drift = np.arange(20) * 0.5
    assert flags(quality.flat_line(300, tolerance=1), drift) == [2, 2, 2, *[1] * 17]
    assert flags(quality.flat_line(300, tolerance=2.5), drift) == [2] * 5 + [3] * 15


def test_a_weak_signal():
    values = [0, 9, 0, 9, 4, 5, 4, 5, 4.4, 4.5, 4.4, 4.5]
    assert flags(quality.attenuated(1, 0.2, seconds=240), values) == [2, 2, 2, 1, 1, 1, 1, 3, 3, 3, 3, 4]
    assert flags(quality.attenuated(2, 0.2, seconds=240, kind="range"), values) == [2] * 3 + [1] * 4 + [3] * 4 + [4]


def test_an_outlier_against_the_running_median():
    values = np.sin(np.arange(60) / 9) + np.where(np.arange(60) == 30, 3, 0)
    found = flags(quality.despike(4, 8, seconds=1200), values)
    assert found[30] == FAIL
    assert found.count(FAIL) + found.count(SUSPECT) == 1
    flat = [0, 0, 0, 0, 0.1, 0, 0, 0, 0]
    assert flags(quality.despike(4, seconds=480), flat)[4] == UNKNOWN
    assert flags(quality.despike(4, seconds=480, resolution=0.1), flat)[4] == GOOD


# The season


def band_file(low, high=None):
    """A file as AmeriFlux has them: the value is window + half hour / 100, scaled."""
    rows = [f"{w + 1},{h / 2 + 0.25},{low * (w + h / 100)},-9999" for w in range(12) for h in range(48)]
    return "\n".join(["DOY2,HR2,TA,LE", *rows]) + "\n"


def test_a_band_file_is_twelve_by_forty_eight():
    tables = seasons.parse(band_file(1))
    assert tables["TA"].shape == (12, 48)
    assert tables["TA"][11, 47] == pytest.approx(11.47)
    assert np.isnan(tables["LE"]).all()
    with pytest.raises(ValueError, match="line 1: found 'a,b'"):
        seasons.parse("a,b,c\n")
    with pytest.raises(ValueError, match="line 3: expected 4 numbers"):
        seasons.parse("DOY2,HR2,TA,LE\n1,0.25,1,2\n13,0.25,1,2\n")
    with pytest.raises(ValueError, match="no 'WS'; they have LE, TA"):
        seasons.band(band_file(1), band_file(2), "WS")
    with pytest.raises(ValueError, match="mixed up"):
        seasons.band(band_file(2), band_file(1), "TA")


def test_the_place_is_where_the_interval_lies_in_local_standard_time():
    half = 1800 * SECOND

    def at(stamp, interval=half):
        season, half_hour = seasons.place(np.array([pd.Timestamp(stamp).value]), interval, -5)
        return int(season[0]), int(half_hour[0])

    assert at("2024-01-01T05:30") == (0, 0)  # ends at 00:30 local
    assert at("2024-01-01T05:00") == (11, 47)  # the last interval of the year before
    assert at("2024-01-31T05:00") == (0, 47)
    assert at("2024-01-31T05:30") == (1, 0)
    assert at("2024-12-31T17:00") == (11, 23)  # the last window takes the rest of the year
    assert at("2024-06-18T12:00", None) == (5, 13)


def test_what_a_site_hardly_ever_sees_is_suspect():
    band = seasons.Band(np.full((12, 48), -10.0), np.full((12, 48), 10.0))
    check = quality.percentile_band(band, utc_offset_hours=-5, margin=0.5)
    assert flags(check, [-20.1, -20, 0, 20, 20.1, NAN]) == [3, 1, 1, 1, 3, 9]
    empty = seasons.Band(np.full((12, 48), NAN), np.full((12, 48), 10.0))
    assert flags(quality.percentile_band(empty, utc_offset_hours=-5), [0.0]) == [2]


# The sun


def test_no_radiation_above_what_the_sun_sends():
    pytest.importorskip("pvlib")
    check = quality.not_above_potential(**UMB)
    noon = flags(check, [900, 1250, 1600], start="2024-06-18T17:40")
    assert noon == [1, 1, 3]
    assert flags(check, [0, 40, 60], start="2024-06-18T05:40") == [1, 1, 3]
    photons = quality.not_above_potential(**UMB, factor=0.5)
    assert flags(photons, [1800, 2400, 3200], start="2024-06-18T17:40") == [1, 1, 3]


def test_no_light_at_night_but_dusk_is_no_night():
    pytest.importorskip("pvlib")
    check = quality.not_at_night(**UMB)
    assert flags(check, [0, 9, 11, NAN], start="2024-06-18T05:40") == [1, 1, 3, 9]
    assert flags(check, [30, 20], interval=1800 * SECOND, start="2024-06-19T01:30") == [1, 1]  # sunset at 01:31


def test_without_pvlib_the_message_names_the_extra(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == "pvlib":
            raise ImportError("No module named 'pvlib'")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r'pip install "fieldline\[solar\]"'):
        quality.not_at_night(**UMB)


# Diagnostic words


@pytest.mark.parametrize(
    ("sensor", "word", "flag", "complaints"),
    [
        ("CSAT3", 0b0000_0011_0100_0101, GOOD, ()),
        ("CSAT3", 0x8000 | 7, FAIL, ("speed of sound",)),
        ("CSAT3", 61503, FAIL, ("no data or acquiring",)),
        ("CSAT3", 61440, FAIL, ("lost trigger",)),
        ("CSAT3", -99999, FAIL, ("no data",)),
        ("CSAT3A", 0, GOOD, ()),
        ("CSAT3A", 5, FAIL, ("amplitude low", "poor lock")),
        ("IRGASON sonic", -1, FAIL, ("no data",)),
        ("CSAT3B", 128, FAIL, ("internal humidity",)),
        ("EC150", 0, GOOD, ()),
        ("EC150", 3, FAIL, ("bad data", "general fault")),
        ("IRGASON gas", 4, SUSPECT, ("start-up",)),
        ("LI-7500", 0b1111_1001, GOOD, ()),
        ("LI-7500", 0b1110_1001, GOOD, ("synchronization",)),
        ("LI-7500", 0b1011_1001, FAIL, ("detector",)),
        ("LI-7200", 0b1_0001_1110_0101, GOOD, ("synchronization", *OPTIONAL)),
        ("LI-7200", 0b0_0001_1111_0101, FAIL, (*OPTIONAL, "head not detected")),
        ("LI-7700", 0b0000_0000_1100_0001, GOOD, ("box", "bottom heater", "top heater")),
        ("LI-7700", 1 << 14, FAIL, ("no signal",)),
        ("LI-7700", 1 << 12, SUSPECT, ("bad temperature",)),
    ],
)  # fmt: skip
def test_a_word_says_what_is_wrong(sensor, word, flag, complaints):
    assert flags(quality.diagnostic(sensor), [word]) == [flag]
    assert diagnostics.bit_names(sensor, word) == complaints


def test_a_mean_of_words_is_no_word():
    assert flags(quality.diagnostic("CSAT3B"), [0.5, NAN, -3, 1e300]) == [2, 9, 4, 4]


def test_the_gain_of_a_licor_has_a_scale():
    words = np.array([0b1111_1000, 0b1111_1111, NAN])
    np.testing.assert_allclose(diagnostics.agc(words), [50, 93.75, NAN])
    np.testing.assert_allclose(diagnostics.agc(words, 6.6667), [53.3336, 100.0005, NAN])
    assert flags(quality.diagnostic("LI-7500", agc_above=70), words) == [1, 3, 9]
    assert flags(quality.diagnostic("LI-7500", agc_above=55, agc_offset=6.25), words) == [3, 3, 9]


# Across sensors


def test_two_sensors_agree():
    check = quality.agrees_with("sonic", within=2, fail=5)
    assert flags(check, [20, 20, 20, 20, NAN], sonic=[22, 23, 26, NAN, 20]) == [1, 3, 4, 2, 9]
    round_ = quality.agrees_with("vane", within=15, circular=True)
    assert flags(round_, [350, 350, 5], vane=[4, 10, 350]) == [1, 3, 1]


def test_a_level_lies_between_its_neighbours():
    check = quality.between_levels("low", "high", by=1)
    assert check.partners == ("low", "high")
    assert flags(check, [5, 11.5, -1.5, 5, NAN], low=[0, 0, 10, NAN, 1], high=[10, 10, 0, 9, 1]) == [1, 3, 3, 2, 9]


def test_photons_go_with_watts():
    check = quality.ppfd_agrees("sw")
    assert flags(check, [1000, 500, 2000, 5, NAN], sw=[500, 500, 500, 20, 500]) == [1, 3, 3, 2, 9]
    assert flags(check, [1000], sw=[NAN]) == [2]
