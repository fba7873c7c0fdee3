"""The page in a real browser, on a real server of a simulated tower: what a person sees, and what must never happen."""

import contextlib
import csv
import io
import os
import queue
import re
import shutil
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import socketio

from fieldline.serve import live
from fieldline.sinks.embedded import Embedded
from fieldline.sources.memory import Memory
from growing import Site, header, row
from loopback import DIRECT, ServerError, fetch
from serving import served_by_command, serving

PROJECT = Path(__file__).parents[1]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
PATIENCE = 90_000  # [ms] for what takes a fraction of a second on a machine that has nothing else to do
LOADED = ".panel[data-loaded]"
FOLDED = ".fold:not([hidden])"  # the line in place of pictures without rows
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "__proto__",
    "constructor",
    "javascript:alert(1)",
    "\u202egnp.exe",
    "' onmouseover='alert(1)",
    "a/b?c=d&e#f",
)


def absent(words):
    (pytest.fail if "CI" in os.environ else pytest.skip)(words)


@pytest.fixture(scope="module")
def browser():
    """Chromium of this machine."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        absent("playwright is not installed: pip install playwright")
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        absent("chromium is not installed; on Debian: apt-get install chromium fonts-dejavu-core")
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield running
        running.close()


def command(*words):
    path = os.pathsep.join([str(PROJECT / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": path, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode in (0, 3), done.stdout + done.stderr
    return done.stdout


class Tower:
    """A simulated tower, its store and the server of it."""

    def __init__(self, folder):
        self.home = folder / "home"
        self.config = folder / "site.yaml"
        self.config.write_text(
            f"home: {self.home.as_posix()}\n"
            'defaults: {utc_offset: "-05:00"}\n'
            f"jobs: [{{name: tower, driver: umbs, files: ['{(folder / 'loggernet').as_posix()}/*.dat']}}]\n",
            encoding="utf-8",
        )
        self.loggernet = folder / "loggernet"
        self.url = ""
        self.store = Embedded(self.home / "store.duckdb")

    def simulate(self, *words):
        command("-m", "fieldline", "simulate", self.loggernet, *words)

    def run(self):
        return command("driver.py", "--config", self.config)

    def read(self, *words):
        """What `fieldline read` prints, as rows."""
        printed = command("-m", "fieldline", "read", *words, "--config", self.config, "--format", "csv")
        return list(csv.DictReader(io.StringIO(printed)))


@pytest.fixture(scope="module")
def tower(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tower")
    tower = Tower(folder)
    tower.simulate("--days", "1", "--faults", "all")
    tower.run()
    with served_by_command(tower.home, config=tower.config) as (tower.url, _):
        yield tower


class Seen:
    """A page and everything that went wrong in it."""

    def __init__(self, context, url):
        self.page = context.new_page()
        self.errors, self.elsewhere = [], []
        self.page.on("console", lambda one: self.errors.append(one.text) if one.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.errors.append(f"dialog {dialog.message}"), dialog.dismiss()))
        self.page.on("request", lambda one: self._asked(one.url))
        self.page.set_default_timeout(PATIENCE)
        self.url = url

    def _asked(self, url):
        if not url.startswith((self.url, "data:", "blob:")):
            self.elsewhere.append(url)

    def open(self, hash_="", wait=LOADED):
        self.page.goto(f"{self.url}/{hash_}")
        self.page.wait_for_selector(wait)
        return settled(self.page)

    def close(self, folder):
        """Keep a picture. Raises: AssertionError, when anything went wrong until now."""
        if not self.page.is_closed():
            self.page.screenshot(path=folder / f"page-{len(list(folder.glob('*.png')))}.png")
            self.page.close()
            assert self.errors == []
            assert self.elsewhere == [], "a request left this machine"

    def legend(self, panel, series):
        """Time [ms] and words of a series in the legend of a panel."""
        entry = self.page.locator(f'[data-panel="{panel}"] li[data-series="{series}"] .value')
        return int(entry.get_attribute("data-time")), entry.inner_text()


@pytest.fixture
def look(browser, tower, tmp_path):
    """A function that opens the page of the tower; a picture of it is kept, and nothing may have gone wrong by then."""
    with contextlib.ExitStack() as stack:
        seen = []

        def start(hash_="", url=tower.url, wait=LOADED, routes=None, **context):
            context = {"viewport": {"width": 1400, "height": 1000}, "timezone_id": "Asia/Tokyo"} | context
            made = browser.new_context(**context)
            stack.callback(made.close)
            for pattern, handler in (routes or {}).items():
                made.route(pattern, handler)
            seen.append(Seen(made, url))
            seen[-1].open(hash_, wait)
            return seen[-1]

        yield start
        for one in seen:
            one.close(tmp_path)


TEMPERATURE = "temperature-lines-air-temperature-c"
TABLE = "ameriflux_atmospheric/fastdata/umbs"
CARD = '[data-table="testoutput/Ameriflux_fastdata/46m"] .age'
LEGEND = f'[data-panel="{TEMPERATURE}"] li[data-series="{TABLE}/Temp_46m"] .value'


SECTIONS = [
    *("temperature", "wind", "gases", "analyser", "radiation", "par", "soil_temperature", "soil_moisture", "pressure"),
    *("precipitation", "fluxes", "power", "logger", "quality"),
]


def until(page, expression, arg=None, end=None):
    """Wait for something to be true on the page (playwright's own way needs eval, which the page forbids).

    Args:
        end: when waiting ends, as time.time() counts; None: PATIENCE from now.
    """
    end = end or time.time() + PATIENCE / 1000
    while not page.evaluate(expression, arg):
        assert time.time() < end, f"not true in time: {expression}"
        page.wait_for_timeout(40)


def becomes(page, found, wanted):
    """Wait for a function to give what is wanted."""
    end = time.time() + PATIENCE / 1000
    while (last := found()) != wanted:
        assert time.time() < end, f"found {last!r} to the end, expected {wanted!r}"
        page.wait_for_timeout(40)


SETTLED = """new Promise((done) => {
    const waits = (one) => {
        const { width, top, bottom } = one.getBoundingClientRect();
        return width && bottom > 0 && top < innerHeight;
    };
    const look = (left) => requestAnimationFrame(() => (left ? look(left - 1) : done(
        ![...document.querySelectorAll('.panel[data-stale]')].some(waits))));
    look(4);
})"""  # a picture may be looked for, asked for and drawn each in a frame of its own


def settled(page):
    """The page, when all pictures on the screen show what was asked for last, and have drawn it."""
    until(page, SETTLED)
    return page


def chart(seen, panel=TEMPERATURE):
    """The box of a plot in the window, after scrolling to it."""
    over = seen.page.locator(f'[data-panel="{panel}"] .u-over')
    over.scroll_into_view_if_needed()
    settled(seen.page)  # what is drawn above it meanwhile moves it
    over.scroll_into_view_if_needed()
    return over.bounding_box()


def test_every_picture_of_every_section_is_drawn_and_has_data(look):
    """No exception: the tower has every quantity. Three days, since the daily table has its row at midnight."""
    page = look("#last=3d").page
    all_shown = """() => { const next = document.querySelector('.panel:not([data-loaded])');
        if (next) next.scrollIntoView({block: 'center'}); return !next; }"""
    until(page, all_shown, end=time.time() + 4 * PATIENCE / 1000)  # some sixty pictures
    settled(page)
    notes = page.evaluate("[...document.querySelectorAll('.note:not([hidden])')].map((n) => n.textContent)")
    assert notes == []
    empty = "(all) => all.filter((one) => one.querySelector('.body').hidden).map((one) => one.dataset.panel)"
    assert page.eval_on_selector_all(".panel", empty) == []
    sections = "(all) => all.map((one) => one.id.replace('group-', ''))"
    assert page.eval_on_selector_all("main > section", sections) == SECTIONS
    kinds = set(page.eval_on_selector_all(".panel", "(all) => all.map((one) => one.dataset.kind)"))
    assert {"lines", "pair", "profile", "rose", "depth", "fingerprint", "flags", "missing", "balance"} <= kinds
    for card in page.locator(".card[data-table]").all():
        daily = "daily" in card.get_attribute("data-table")  # one row does not tell how often rows come
        assert card.locator(".word").inner_text() in (("interval not known",) if daily else ("on time", "late"))


def test_values_at_the_cursor_are_those_of_the_store(look, tower):
    seen = look("#last=3h")
    box = chart(seen)
    shown = {}
    for share in np.linspace(0.1, 0.9, 17):  # the tower has gaps, and they are at another place at each time of the day
        seen.page.mouse.move(box["x"] + share * box["width"], box["y"] + 50)
        settled(seen.page)
        if (
            seen.page.locator(f'[data-panel="{TEMPERATURE}"] li[data-series="{TABLE}/Temp_46m"] .value').inner_text()
            == "–"
        ):
            continue
        at, words = seen.legend(TEMPERATURE, f"{TABLE}/Temp_46m")
        shown[at] = words
        below = seen.page.locator(f'[data-panel="{TEMPERATURE}"] .at').inner_text()
        local = pd.Timestamp(at, unit="ms") - pd.Timedelta("5h")  # the station's clock
        assert below == f"{local.day} {local:%b %H:%M}"
    rows = tower.read("ameriflux_atmospheric", "fastdata", "--field", "Temp_46m")
    stored = {pd.Timestamp(row["time"]).value // 10**6: row["Temp_46m"] for row in rows}
    assert len(shown) > 3
    for at, words in shown.items():
        assert words == f"{float(stored[at]):.1f} °C".replace("-", "−")


def test_the_cursor_is_in_all_pictures_at_once(look):
    seen = look()
    box = chart(seen)
    seen.page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 40)
    shares = (
        "[...document.querySelectorAll('.panel:not([data-own]) .u-over')]"
        ".map((over) => over.querySelector('.u-cursor-x').style.transform.match(/[-\\d.]+/)[0] / over.clientWidth)"
    )
    until(seen.page, f"{shares}.length >= 3 && {shares}.every((share) => Math.abs(share - 0.4) < 0.01)")


def test_a_drag_zooms_all_pictures_and_a_double_click_goes_back(look):
    seen = look()
    page, box = seen.page, chart(seen)
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 60, steps=4)
    page.mouse.up()
    until(page, "location.hash.includes('from=')")
    words = dict(re.findall(r"(from|to)=([^&]+)", page.evaluate("decodeURIComponent(location.hash)")))
    length = pd.Timestamp(words["to"]) - pd.Timestamp(words["from"])
    assert pd.Timedelta("11.5h") < length < pd.Timedelta("12.5h")
    assert page.locator('[data-range][aria-pressed="true"]').count() == 0
    page.mouse.dblclick(box["x"] + 0.5 * box["width"], box["y"] + 60)
    until(page, "!location.hash.includes('from=')")
    becomes(page, lambda: page.locator('[data-range="1d"]').get_attribute("aria-pressed"), "true")


def test_rows_of_a_run_appear_without_a_reload(look, tower):
    seen = look("#last=3h")
    page = seen.page
    page.wait_for_selector('.live[data-how="live"]')
    page.evaluate("globalThis.sameDocument = true")
    before = seen.legend(TEMPERATURE, f"{TABLE}/Temp_46m")[0]
    newest = int(page.locator(CARD).get_attribute("data-newest"))
    tower.simulate("--faults", "all")
    tower.run()
    until(page, f"(old) => Number(document.querySelector({CARD!r}).dataset.newest) > old", newest)
    put(
        tower.store, "ameriflux_atmospheric", "fastdata", "umbs", {"Temp_46m": 3.25}, pd.Timestamp.now("UTC").floor("s")
    )
    until(page, f"(old) => Number(document.querySelector({LEGEND!r}).dataset.time) > old", before)
    assert page.evaluate("globalThis.sameDocument") is True


class Mast:
    """A small station whose logger file grows: each row is of now, and each value another one."""

    def __init__(self, folder):
        self.site = Site(folder, defaults={"utc_offset": "+00:00"})
        self.number = 0
        start = pd.Timestamp.now("UTC").floor("s").tz_localize(None) - pd.Timedelta("1h")
        self.site.put(header() + b"".join(self.line(start + pd.Timedelta(minutes=minute)) for minute in range(60)))

    def line(self, at):
        self.number += 1
        return row(self.number, time=at, value=self.number / 10)

    def run(self):
        """One more row, and a run of the driver: the row's time [ms], and when the run had ended [s]."""
        at = pd.Timestamp.now("UTC").floor("s").tz_localize(None)
        self.site.append(self.line(at))
        command("driver.py", "--config", self.site.config)
        return at.value // 10**6, time.time()


MAST_CARD = '[data-table="field/Met/tower"] .age'
MAST_VALUE = '.panel li[data-series="field/Met/tower/Temp"] .value'
SOON = 2.0  # [s] from the end of a run until everybody sees what it brought, on a machine that has nothing else to do


def test_what_a_run_brings_is_told_at_once_and_seen_without_a_reload(browser, tmp_path):
    """How long that takes is printed: on a busy machine it may be anything, but what the server waits for is less."""
    assert live.LOOK_SECONDS + live.PAUSE_SECONDS < SOON
    mast, told = Mast(tmp_path / "mast"), queue.Queue()
    mast.run()
    with served_by_command(mast.site.home, config=mast.site.config) as (url, _):
        context = browser.new_context()
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(f"{url}/#last=3h")
        page.wait_for_selector(LOADED, timeout=PATIENCE)
        page.wait_for_selector('.live[data-how="live"]', timeout=PATIENCE)
        client = socketio.Client(reconnection=False)
        client.on("latest_data", told.put)
        client.connect(url, auth={"measurements": ["Met"]}, wait_timeout=PATIENCE / 1000)
        told.get(timeout=PATIENCE / 1000)  # what there was before
        for _ in range(3):
            newest, ended = mast.run()
            shown = f"{mast.number / 10:.1f}"
            heard = []
            while not heard:  # a change of older rows is told without any
                heard = told.get(timeout=PATIENCE / 1000)["rows"]
            assert [(one["time"], one["fields"]["Temp"]) for one in heard] == [(newest, mast.number / 10)]
            seen = f"""([newest, shown]) => document.querySelector('{MAST_CARD}')?.dataset.newest === newest
                && document.querySelector('{MAST_VALUE}')?.innerText.startsWith(shown)"""
            until(page, seen, [str(newest), shown])
            print(f"seen {time.time() - ended:.1f} s after the run")
        client.disconnect()
        context.close()


def put(store, bucket, measurement, station, fields, at):
    columns = {"station": [station]} | {name: [value] for name, value in fields.items()}
    frame = pd.DataFrame(columns, index=pd.DatetimeIndex([at]).as_unit("ns"))
    store.write(bucket, measurement, frame, ("station",))


def test_without_events_the_page_asks(browser, tower):
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.route("**/api/events", lambda route: route.abort())
    page.goto(tower.url)
    page.wait_for_selector('.live[data-how="asking"]', timeout=PATIENCE)
    context.close()


def test_rows_that_come_while_the_page_is_loaded_are_not_missed(look, tmp_path):
    """After it asked for the status, and before the server tells it of news."""
    with serving(tmp_path / "home", keys=False, bucket="b", tables=[]) as server:
        now = pd.Timestamp.now("UTC").floor("s")
        put(server.store, "b", "m", "s", {"Temp_2m": 1.0}, now - pd.Timedelta("1h"))

        def late(route):
            put(server.store, "b", "m", "s", {"Temp_2m": 2.5}, now)
            put(server.store, "b", "m", "other", {"Temp_2m": 3.5}, now)
            route.continue_()

        seen = look("#last=3h", url=server.url, routes={"**/api/events": late})
        newest = seen.page.locator('[data-table="b/m/s"] .age')
        becomes(seen.page, lambda: newest.get_attribute("data-newest"), str(now.value // 10**6))
        for station, value in (("s", "2.5"), ("other", "3.5")):
            entry = f"document.querySelector('.panel li[data-series=\"b/m/{station}/Temp_2m\"] .value')"
            until(seen.page, f"{entry}?.innerText.startsWith('{value}')")
        seen.close(tmp_path)


def test_a_clock_that_a_slow_answer_made_late_hides_no_row(look, tmp_path):
    with serving(tmp_path / "home", keys=False, bucket="b", tables=[]) as server:
        put(server.store, "b", "m", "s", {"Temp_2m": 1.0}, pd.Timestamp.now("UTC").floor("s") - pd.Timedelta("1h"))
        slow = [8]  # [s] of the first answer only

        def late(route):
            answer = route.fetch()
            time.sleep(slow.pop() if slow else 0)
            route.fulfill(response=answer)

        seen = look("#last=3h", url=server.url, routes={"**/api/status": late})
        seen.page.wait_for_selector('.live[data-how="live"]')
        put(server.store, "b", "m", "s", {"Temp_2m": 2.5}, pd.Timestamp.now("UTC").floor("s"))
        value = "document.querySelector('.panel li[data-series=\"b/m/s/Temp_2m\"] .value')?.innerText"
        until(seen.page, f"{value}?.startsWith('2.5')")
        seen.close(tmp_path)


def test_a_link_shows_the_same_view(look):
    seen = look("#last=12h&zone=utc&theme=dark&flags=hide")
    page = seen.page
    page.locator(f'[data-panel="{TEMPERATURE}"] li[data-series="{TABLE}/Temp_34m"] button').click()
    page.locator("main > section").nth(1).locator("h2 button").first.click()
    page.locator("input.find").fill("air")
    link = page.evaluate("location.href")
    other = look(link.removeprefix(seen.url + "/")).page
    for one in (page, other):
        assert one.locator('[data-range="12h"]').get_attribute("aria-pressed") == "true"
        assert one.locator('[data-zone="utc"]').get_attribute("aria-pressed") == "true"
        assert one.evaluate("document.documentElement.dataset.theme") == "dark"
        assert one.locator("select").input_value() == "hide"
        assert one.locator("input.find").input_value() == "air"
        off = one.locator(f'[data-panel="{TEMPERATURE}"] li[data-series="{TABLE}/Temp_34m"] button')
        assert off.get_attribute("aria-pressed") == "false"
    assert page.evaluate("location.hash") == other.evaluate("location.hash")


def test_a_legend_says_what_is_off_before_the_values_come(browser, tower):
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.route("**/api/series?*", lambda route: None)  # asked, and never answered
    page.goto(f"{tower.url}/#off={TABLE}/Temp_34m")
    pressed = {}
    for field in ("Temp_34m", "Temp_46m"):
        button = page.locator(f'[data-panel="{TEMPERATURE}"] li[data-series="{TABLE}/{field}"] button')
        pressed[field] = [button.get_attribute("aria-pressed")]
        button.click()
        pressed[field].append(button.get_attribute("aria-pressed"))
    context.close()
    assert pressed == {"Temp_34m": ["false", "true"], "Temp_46m": ["true", "false"]}


def first_of(page, kind):
    """The first picture of a kind, on the screen and drawn."""
    name = page.locator(f'.panel[data-kind="{kind}"]').first.get_attribute("data-panel")
    page.locator(f'[data-panel="{name}"]').scroll_into_view_if_needed()
    page.wait_for_selector(f'[data-panel="{name}"][data-loaded]')
    settled(page).locator(f'[data-panel="{name}"]').scroll_into_view_if_needed()  # those above it may have moved it
    return settled(page).locator(f'[data-panel="{name}"]')


def test_hidden_values_are_not_asked_for(look):
    page = look("#flags=hide&last=3d").page
    page.evaluate("performance.setResourceTimingBufferSize(2000)")
    for kind in ("rose", "depth", "fingerprint", "balance", "profile"):
        first_of(page, kind)
    for path in ("series", "rose", "soil", "fingerprint"):
        names = """(path) => performance.getEntriesByType('resource').map((one) => one.name)
            .filter((name) => name.includes(path))"""
        asked = page.evaluate(names, f"/api/{path}?")
        assert asked and all("good=1" in one for one in asked), path


def test_what_is_shown_can_be_downloaded(look, tower):
    seen = look("#last=3h")
    panel = seen.page.locator(f'[data-panel="{TEMPERATURE}"]')
    panel.locator("summary").click()
    panel.locator('a[download][href*="measurement=fastdata"]').first.wait_for(state="attached")
    links = panel.locator("a[download]").evaluate_all("(all) => all.map((one) => one.href)")
    [mine] = [link for link in links if "measurement=fastdata" in link and "format=csv" in link]
    rows = list(csv.DictReader(io.StringIO(fetch(mine).decode("utf-8"))))
    assert len(rows) > 100
    assert {"time", "Temp_46m", "Temp_34m", "Temp_15m", "Temp_avg_3m"} <= set(rows[0])


@pytest.mark.parametrize("kind", ["lines", "profile", "pair", "rose", "depth", "fingerprint", "flags", "missing"])
def test_a_picture_can_be_saved(look, tmp_path, kind):
    seen = look("#last=3d")
    panel = first_of(seen.page, kind)
    panel.locator("summary").click()
    with seen.page.expect_download() as waiting:
        panel.get_by_text("Save as PNG").click()
    assert re.fullmatch(r"[\w.-]+_\d{8}T\d{4}_\d{8}T\d{4}\.png", waiting.value.suggested_filename)
    waiting.value.save_as(tmp_path / "saved" / f"{kind}.png")
    content = (tmp_path / "saved" / f"{kind}.png").read_bytes()
    box = panel.bounding_box()
    assert content.startswith(b"\x89PNG\r\n")
    size = [int.from_bytes(content[place : place + 4], "big") for place in (16, 20)]
    assert size == [round(2 * box["width"]), round(2 * box["height"])]
    assert len(content) > 8000  # not an empty sheet


def test_any_two_series_of_a_picture_can_be_compared(look):
    seen = look("#last=3d")
    page, panel = seen.page, first_of(seen.page, "lines")
    two = [f"{TABLE}/Temp_46m", f"{TABLE}/Temp_avg_3m"]
    for entry in panel.locator("li[data-series]").all():
        if entry.get_attribute("data-series") not in two:
            entry.locator("button").click()
    panel.locator("summary").click()
    panel.get_by_text("Compare 46 m and 3 m").click()
    chosen = page.locator(f"""[data-panel='["{two[0]}","{two[1]}"]']""")
    chosen.scroll_into_view_if_needed()
    until(page, "[...document.querySelectorAll('.fit')].some((one) => one.textContent.startsWith('46 m = '))")
    settled(page)
    fit = chosen.locator(".fit").inner_text()
    assert re.match(r"46 m = \d\.\d+ × 3 m .*R² = 0\.\d+, mean difference [+−]\d+\.\d+ °C", fit)
    other = look(page.url.removeprefix(seen.url + "/")).page
    assert other.locator(f"""[data-panel='["{two[0]}","{two[1]}"]']""").count() == 1
    chosen.locator("summary").click()
    chosen.get_by_text("Take this picture away").click()
    assert chosen.count() == 0
    assert "pairs" not in page.evaluate("location.hash")
    page.goto(f"{seen.url}/#pairs=nonsense&pairs=[1,2]&pairs=%5B%22__proto__%22,%22constructor%22%5D")
    page.reload()
    page.wait_for_selector(LOADED)  # whatever somebody writes there


@pytest.mark.parametrize("width", [360, 768])
def test_nothing_is_wider_than_a_small_screen(look, width):
    page = look(viewport={"width": width, "height": 740}, has_touch=True, is_mobile=True).page
    for top in (0, 2000, 5000):
        page.evaluate(f"scrollTo(0, {top})")
        assert settled(page).evaluate("document.documentElement.scrollWidth") <= width


def test_dark_is_dark(look):
    page = look(color_scheme="dark").page
    light = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    assert max(page.evaluate(light)) < 60
    page.locator("#theme").click()
    assert min(page.evaluate(light)) > 200
    assert "theme=light" in page.evaluate("location.hash")


def test_each_thing_that_can_be_pressed_has_a_name(look):
    page = look("#last=3d").page
    for kind in ("lines", "pair", "rose", "fingerprint"):
        first_of(page, kind)
    bare = """[...document.querySelectorAll('button, a, summary, input, select, [tabindex="0"]')]
        .filter((one) => !(one.getAttribute('aria-label') || one.textContent.trim() || one.labels?.length))
        .map((one) => one.outerHTML.slice(0, 100))"""
    assert page.evaluate(bare) == []
    charts = page.locator('.panel[data-loaded] .chart[tabindex="0"]')
    described = (
        "(all) => all.filter((one) => !document.getElementById(one.getAttribute('aria-describedby'))?.textContent)"
    )
    assert charts.count() > 3
    assert charts.evaluate_all(f"(all) => ({described})(all).length") == 0
    assert page.locator(".card").evaluate_all("(all) => all.every((one) => one.getAttribute('aria-label'))")


def test_all_can_be_done_from_the_keyboard(look):
    page = look("#last=3h").page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the pictures"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('chart')"):
            break
    assert page.evaluate("document.activeElement.getAttribute('aria-roledescription')") == "chart"
    assert page.evaluate(
        "document.getElementById(document.activeElement.getAttribute('aria-describedby')).textContent"
    ).startswith("Air temperature.")
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    until(page, "/46 m −?\\d+\\.\\d °C/.test(document.getElementById('say').textContent)")
    first = page.locator("#say").inner_text()
    page.keyboard.press("Shift+ArrowLeft")
    assert page.locator("#say").inner_text() != first
    page.keyboard.press("+")
    until(page, "location.hash.includes('from=')")
    page.keyboard.press("Backspace")
    until(page, "!location.hash.includes('from=')")


def test_the_fingerprint_can_be_read_from_the_keyboard(look):
    page = look("#last=3d").page
    panel = first_of(page, "fingerprint")
    panel.locator(".chart").focus()
    page.keyboard.press("End")  # of the values, not of the day
    page.keyboard.press("ArrowLeft")
    until(page, "/20\\d\\d \\d\\d:\\d\\d: −?\\d+\\.\\d °C/.test(document.getElementById('say').textContent)")
    becomes(page, panel.locator(".reading").inner_text, page.locator("#say").inner_text())


def test_numbers_of_a_picture_can_be_shown(look, tmp_path):
    """Of the line of two sensors by hand: y = 2 x + 1, the wind always from the east."""
    with serving(tmp_path / "home", keys=False, bucket="b", tables=[]) as server:
        times = pd.date_range(end=pd.Timestamp.now("UTC").floor("s"), periods=100, freq="1min").as_unit("ns")
        x = np.arange(100) / 10
        wind = {"Wind_speed_10m": 3.0, "Wind_dir_10m": 90.0}
        frame = pd.DataFrame({"station": "s", "Temp_20m": 2 * x + 1, "Temp_10m": x, **wind}, index=times)
        units = {"Temp_20m": "degC", "Temp_10m": "degC", "Wind_speed_10m": "m s-1", "Wind_dir_10m": "deg"}
        server.store.write("b", "m", frame, ("station",), units)
        seen = look("#last=3h", url=server.url)
        found = {}
        for kind in ("lines", "pair", "rose"):
            panel = first_of(seen.page, kind)
            panel.locator("summary").click()
            panel.get_by_text("Show the numbers").click()
            rows = panel.locator(".numbers tr").evaluate_all(
                "(all) => all.map((row) => [...row.cells].map((c) => c.innerText))"
            )
            found[kind] = {name: dict(zip(rows[0][1:], cells, strict=True)) for name, *cells in rows[1:]}
        assert found["lines"]["20 m"]["highest"] == "20.8"
        assert found["pair"] == {
            "20 m over 10 m": {
                "slope": "2.0000",
                "offset [°C]": "+1.00",
                "R²": "1.0000",
                "mean difference [°C]": "+5.95",
                "rms difference [°C]": f"{np.sqrt(np.mean((x + 1) ** 2)):.2f}",
                "n": "100",
            }
        }
        assert (found["rose"]["E"]["all"], found["rose"]["W"]["all"]) == ("100.0 %", "0.0 %")
        seen.close(tmp_path)


def network(store, stations, rows=3):
    """Stations of one measurement, with two fields each."""
    now = pd.Timestamp.now("UTC").floor("s")
    for back in range(rows):
        names = [f"node_{number:05}" for number in stations]
        index = pd.DatetimeIndex([now - pd.Timedelta(minutes=back)] * len(names)).as_unit("ns")
        store.write("b", "nodes", pd.DataFrame({"station": names, "Temp": 4.0, "RH": 50.0}, index=index), ("station",))


def test_a_network_of_many_stations_stays_light(look, tmp_path):
    """Of 1200 stations so many pictures that a browser can hold, and the cards that say something."""
    with serving(tmp_path / "home", keys=False, bucket="b", tables=[]) as server:
        network(server.store, range(1200))
        old = pd.DatetimeIndex([pd.Timestamp.now("UTC").floor("s") - pd.Timedelta("2D")]).as_unit("ns")
        server.store.write(
            "b", "nodes", pd.DataFrame({"station": ["node_quiet"], "Temp": 1.0}, index=old), ("station",)
        )
        seen = look("#last=3h", url=server.url)
        page = seen.page
        assert page.locator("#stations").inner_text() == "1,201 stations"
        assert "1,201 tables" in page.locator(".card.sum").inner_text()
        cards = page.locator(".card[data-table]").evaluate_all("(all) => all.map((one) => one.dataset.table)")
        assert cards == ["b/nodes/node_quiet"]
        sections = page.locator("main > section").count()
        assert page.evaluate("document.querySelectorAll('.panel').length") <= 48 * sections
        first = page.locator("main > section").first
        before = first.locator(".panel").count()
        first.locator(".further").click()
        assert first.locator(".panel").count() > before
        page.locator("input.find").fill("node_01150")
        until(page, "document.querySelectorAll('.card[data-table=\"b/nodes/node_01150\"]').length === 1")
        shown = page.locator(".panel:visible[data-kind=lines]")
        assert shown.count() == 2
        shown.first.locator("li[data-series='b/nodes/node_01150/Temp']").wait_for()
        seen.close(tmp_path)


def test_series_of_telegraf_are_lines_with_a_name_each(look, tmp_path):
    """No tag names a device: cpu0 and cpu1 are two lines, two cards, and one picture."""
    times = pd.date_range(end=pd.Timestamp.now("UTC").floor("10s"), periods=60, freq="10s").as_unit("ns")
    values = ".panel:not([hidden]) li[data-series*=usage_user] .value"
    with serving(tmp_path / "home", keys=False, bucket="b", tables=[]) as server:
        for core in (0, 1):
            frame = pd.DataFrame({"cpu": f"cpu{core}", "host": "atlas", "usage_user": 20.0 + core}, index=times)
            server.store.write("b", "cpu", frame, ("cpu", "host"))
        seen = look("#last=3h", url=server.url)
        page = seen.page
        until(
            page,
            "(all) => [...document.querySelectorAll(all)].map((one) => one.textContent).join() === '20.00,21.00'",
            values,
        )
        picture = page.locator(".panel", has_text="cpu: usage user")
        assert picture.locator(".legend .label").all_inner_texts() == ["cpu0", "cpu1"]
        names = page.locator(".card[data-table] .name").all_inner_texts()
        assert [" ".join(one.split()) for one in names] == ["cpu cpu0", "cpu cpu1"]
        picture.locator(".menu summary").click()
        links = picture.locator(".menu a[download]")
        becomes(page, links.all_inner_texts, ["Download as CSV", "Download as Parquet"])
        picture.locator(".menu summary").click()
        picture.locator(".legend button", has_text="cpu1").click()
        until(page, "new URLSearchParams(location.hash.slice(1)).get('off') === 'b/cpu/cpu=cpu1,host=atlas/usage_user'")
        page.locator(".card[data-table] button").first.click()  # one series alone
        until(
            page,
            "(all) => [...document.querySelectorAll(all)].map((one) => one.textContent).join() === '20.00'",
            values,
        )
        seen.close(tmp_path)


def test_a_station_that_is_new_is_shown_without_a_reload(look, tmp_path):
    with serving(tmp_path / "home", keys=False, bucket="b", tables=[]) as server:
        network(server.store, [1, 2])
        seen = look("#last=3h", url=server.url)
        seen.page.wait_for_selector('.live[data-how="live"]')
        network(server.store, [3])
        seen.page.wait_for_selector("li[data-series='b/nodes/node_00003/Temp']", state="attached")
        seen.close(tmp_path)


def test_rain_is_bars_over_the_time_in_which_it_fell(look, tmp_path):
    with serving(tmp_path / "home", keys=False, bucket="b", tables=[]) as server:
        hours = pd.date_range(end=pd.Timestamp.now("UTC").floor("h"), periods=20, freq="1h").as_unit("ns")
        frame = pd.DataFrame({"station": "s", "Rain_Tot": [0.0] * 10 + [2.0] + [0.0] * 9}, index=hours)
        server.store.write("b", "rain", frame, ("station",), {"Rain_Tot": "mm"})
        seen = look("#last=1d", url=server.url)
        inked = """(moments) => {
            const over = document.querySelector('.panel .u-over').getBoundingClientRect();
            const canvas = document.querySelector('.panel canvas'), from = canvas.getBoundingClientRect();
            const ratio = canvas.width / from.width, y = over.top - from.top + 0.37 * over.height;
            const at = (time) => over.left - from.left + over.width * (1 - (Date.now() - time) / 86_400_000);
            const line = canvas.getContext('2d').getImageData(0, Math.round(y * ratio), canvas.width, 1).data;
            return moments.map((time) => line[4 * Math.round(at(time) * ratio) + 3] > 100);
        }"""
        minutes = [-70, -50, -30, -10, 10, 30]  # from the row, which stands at the end of its hour
        moments = [hours[10].value // 10**6 + 60_000 * minute for minute in minutes]
        assert seen.page.evaluate(inked, moments) == [False, True, True, True, False, False]
        seen.close(tmp_path)


def test_the_clock_is_the_stations_or_utc_and_never_the_browsers(look):
    """Words without the year: at its end that of the station and that of UTC are not the same."""
    today = pd.Timestamp.now("UTC")
    month, name = (3, "Mar") if today.month > 6 else (10, "Oct")
    day = f"{today.year}-{month:02}-25"
    page = look(f"#from={day}T10:00:00.000Z&to={day}T16:00:00.000Z", wait=FOLDED).page
    page.locator(FOLDED).first.get_by_text("Show", exact=True).click()
    page.wait_for_selector(".panel .note p")
    words = page.locator(".custom summary")
    assert words.inner_text().replace(f" {today.year}", "") == f"25 {name} 05:00 – 11:00"
    page.locator('[data-zone="utc"]').click()
    assert words.inner_text().replace(f" {today.year}", "") == f"25 {name} 10:00 – 16:00"
    assert page.locator(".note p").first.inner_text().startswith(f"No rows from 25 {name} {today.year} ")


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2023-06-25T10:00", "2023-06-25T16:00", "25 Jun 2023 10:00 – 16:00"),
        ("2023-06-25T10:00", "2023-06-26T16:00", "25 Jun 2023 10:00 – 26 Jun 2023 16:00"),
        ("2023-12-31T10:00", "2024-01-01T16:00", "31 Dec 2023 10:00 – 1 Jan 2024 16:00"),
        ("2023-01-31T10:00", "2024-01-01T16:00", "31 Jan 2023 – 1 Jan 2024"),
    ],
)
def test_a_range_of_another_year_has_its_year(look, start, end, words):
    page = look(f"#zone=utc&from={start}:00.000Z&to={end}:00.000Z", wait=FOLDED).page
    assert page.locator(".custom summary").inner_text() == words


def test_each_table_says_how_it_is_doing(look, tmp_path):
    now = pd.Timestamp.now("UTC").floor("s")
    tables = {  # the newest row, minutes ago, the number of rows, and the word
        "punctual": (0, 60, "good", "on time"),
        "tardy": (20, 60, "late", "late"),
        "mute": (120, 60, "silent", "silent"),
        "early": (-60, 60, "ahead", "ahead of the clock"),
        "single": (1, 1, "unknown", "interval not known"),
    }
    with serving(tmp_path / "home", keys=False, bucket="b", tables=[]) as server:
        for name, (ago, rows, *_) in tables.items():
            times = pd.date_range(end=now - pd.Timedelta(minutes=ago), periods=rows, freq="1min").as_unit("ns")
            server.store.write("b", name, pd.DataFrame({"Temp_2m": np.arange(float(rows))}, index=times))
        seen = look("#last=3h", url=server.url)
        tones = {}
        for name, (*_, state, word) in tables.items():
            card = seen.page.locator(f'[data-table="b/{name}/"]')
            assert (card.get_attribute("data-state"), card.locator(".word").inner_text()) == (state, word)
            tones[state] = card.locator(".lamp").evaluate("(one) => getComputedStyle(one).backgroundColor")
        assert len({tones[state] for state in ("good", "late", "silent", "unknown")}) == 4
        assert tones["ahead"] == tones["late"]
        seen.close(tmp_path)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.1, "0.1 s"), (0.05, "0.05 s"), (5, "5 s"), (60, "1 min"), (90, "90 s"), (3600, "1 h"), (86400, "1 d")],
)
def test_a_card_says_how_often_rows_come_as_the_command_line_does(look, tmp_path, seconds, words):
    with serving(tmp_path / "home", keys=False, bucket="b", tables=[]) as server:
        apart = pd.Timedelta(seconds=seconds)
        times = pd.date_range(end=pd.Timestamp.now("UTC").floor("s"), periods=30, freq=apart).as_unit("ns")
        server.store.write("b", "m", pd.DataFrame({"Temp_2m": np.arange(30.0)}, index=times))
        seen = look(url=server.url, wait=".card[data-table]")
        assert f"every {words} ·" in seen.page.locator(".card[data-table]").inner_text()
        seen.close(tmp_path)


def test_a_run_that_failed_says_why(look, tmp_path):
    with serving(tmp_path / "home", keys=False, bucket="b", tables=[]) as server:
        now = pd.Timestamp.now("UTC").floor("s")
        put(server.store, "b", "m", "s", {"Temp_2m": 1.0}, now)
        memory = Memory(tmp_path / "home" / "state.db")
        memory.keep_notes(began=now.isoformat(), ended=now.isoformat(), status="1")
        folder, why = "/mnt/z/", "umbs.dat: found <b>no</b> file, expected one. Is the drive connected?"
        memory.add_runs(now.value, [{"job": "tower", "ok": False, "message": folder + why}])
        memory.close()
        seen = look(url=server.url)
        card = seen.page.locator('.card[aria-label="last run"]')
        assert card.locator(".word").inner_text() == "failed"
        assert card.locator(".trouble").inner_text() == f"tower: {why}"
        assert card.locator(".trouble").get_attribute("title") == f"tower: {folder}{why}"
        seen.close(tmp_path)


def test_the_numbers_of_totals_are_their_sum(look, tmp_path):
    end = pd.Timestamp("2024-06-02T00:00Z")
    with serving(tmp_path / "home", keys=False, bucket="b", tables=[]) as server:
        times = pd.date_range(end=end, periods=2 * 288, freq="5min").as_unit("ns")
        rain = np.where(np.arange(len(times)) % 10 == 0, 0.2, 0.0)
        server.store.write("b", "met", pd.DataFrame({"Rain_mm_Tot": rain}, index=times), (), {"Rain_mm_Tot": "mm"})
        seen = look("#from=2024-06-01T00:00:00.000Z&to=2024-06-02T00:00:00.000Z", url=server.url)
        panel = first_of(seen.page, "lines")
        panel.locator("summary").click()
        panel.get_by_text("Show the numbers").click()
        names = panel.locator("thead th").all_inner_texts()
        cells = panel.locator("tbody tr").first.locator("td").all_inner_texts()
        assert "mean" not in names
        day = rain[(times >= end - pd.Timedelta("1D")) & (times < end)]
        assert float(cells[names.index("in all") - 1]) == pytest.approx(day.sum(), abs=0.051)
        assert "in all" in panel.locator("p.unseen").inner_text()
        seen.close(tmp_path)


def test_a_filter_leaves_what_has_its_words(look):
    page = look().page
    page.locator("input.find").fill("soil moisture")
    titles = page.locator(".panel:visible h3").all_inner_texts()
    assert titles and all("oil moisture" in title for title in titles)
    page.locator("input.find").fill("no such thing")
    assert page.locator("#nothing").is_visible()


def module(page, name, expression):
    """What an expression gives in which `m` is a module of the page."""
    version = page.locator('script[type="module"]').last.get_attribute("src").split("/")[2]
    return page.evaluate(f"import('/static/{version}/{name}').then((m) => {expression})")


def test_numbers_units_and_times_are_written_as_people_write_them(look):
    page = look("#last=3h").page
    units = {"degC": "°C", "umol m-2 s-1": "µmol m⁻² s⁻¹", "umol/(m^2 s)": "µmol m⁻² s⁻¹", "W/m^2": "W m⁻²", "": ""}
    for given, wanted in (units | {"constructor": "constructor", "%": "%"}).items():
        assert module(page, "words.js", f"m.unit({given!r})") == wanted
    for given, wanted in (((-0.04, 1), "0.0"), ((-5.25, 2), "−5.25"), ((3e9, 1), "3.00×10⁹"), ((1e-9, 2), "1.00×10⁻⁹")):
        assert module(page, "words.js", f"m.number({given[0]}, {given[1]})") == wanted
    assert module(page, "words.js", "[1, 0.5, 0.25, 20, 0.001].map(m.decimalsOf)") == [0, 1, 2, 0, 3]
    for given, wanted in (
        ("[0, 2e8, 4e8], 2e8", ["0", "200 M", "400 M"]),
        ("[-5e12, 0, 5e12], 5e12", ["−5 T", "0", "5 T"]),
        ("[1e7, 1.05e7], 5e5", ["10.0 M", "10.5 M"]),
        ("[9e6, 9.5e6], 5e5", ["9000000", "9500000"]),
        ("[0, 0.25], 0.25", ["0.00", "0.25"]),
        ("[1e20, 2e20], 1e20", ["1.00×10²⁰", "2.00×10²⁰"]),
        ("[], 1", []),
    ):
        assert module(page, "words.js", f"m.axisWords({given})") == wanted
    x, y = np.arange(50.0), 2.5 * np.arange(50.0) + np.sin(np.arange(50.0))
    made = module(page, "pictures/pair.js", f"m.fitted({{x: {x.tolist()}, y: {y.tolist()}, n: 50}})")
    slope, offset = np.polyfit(x, y, 1)
    assert made["slope"] == pytest.approx(slope)
    assert made["offset"] == pytest.approx(offset)
    assert made["r2"] == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2)
    assert made["bias"] == pytest.approx((y - x).mean())


@pytest.mark.parametrize("zone", ["-05:00", "+05:45", "America/Detroit", "UTC"])
def test_an_axis_has_whole_hours_and_days_of_its_clock(look, zone):
    page = look("#last=3h").page
    start, end = (pd.Timestamp(day, tz="UTC").value // 10**6 for day in ("2026-10-30", "2026-11-04"))
    there = {"-05:00": "Etc/GMT+5", "+05:45": "Asia/Kathmandu"}.get(zone, zone)
    for step in (3_600_000, 6 * 3_600_000, 86_400_000):
        ticks = module(page, "clock.js", f"(m.stationZone({zone!r}), m.ticks({start}, {end}, {step}))")
        local = pd.DatetimeIndex(pd.to_datetime(ticks, unit="ms", utc=True)).tz_convert(there)
        assert len(local) >= (end - start) // step - 1
        assert (local.minute == 0).all()
        assert (local.hour % max(step // 3_600_000, 1) == 0).all() or step == 3_600_000
        assert local.is_monotonic_increasing


def test_names_from_data_are_text(look, tmp_path):
    with serving(tmp_path / "home", keys=False, bucket="b", tables=[]) as server:
        times = pd.date_range(end=pd.Timestamp.now("UTC").floor("s"), periods=60, freq="1min").as_unit("ns")
        for name in HOSTILE:
            frame = pd.DataFrame({"station": name, **{field: np.arange(60.0) for field in HOSTILE}}, index=times)
            units = dict.fromkeys(HOSTILE, "<b>unit</b>")
            server.store.write("b", name, frame, ("station",), units)
        seen = look("#last=3h", url=server.url)
        page = seen.page
        page.mouse.move(400, 500)
        settled(page)
        text = page.locator("body").inner_text()
        assert "<img src=x onerror=alert(1)>" in text
        assert page.locator("main img, main script, #status img, #status script, main b").count() == 0
        assert page.locator(".note:visible").count() == 0, page.locator(".note:visible").all_inner_texts()
        assert page.evaluate("Object.keys(Object.prototype)") == []
        hrefs = page.evaluate("[...document.querySelectorAll('a')].map((one) => one.getAttribute('href'))")
        assert all(href.startswith(("#", "/")) for href in hrefs)
        seen.close(tmp_path)


def test_where_there_are_keys_the_page_wants_one(browser, tmp_path):
    with serving(tmp_path / "home", keys=True, bucket="b", tables=[]) as server:
        put(server.store, "b", "tower", "s", {"Temp_2m": 1.0}, pd.Timestamp.now("UTC").floor("s"))
        context = browser.new_context(http_credentials={"username": "any", "password": "wrong"})
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(server.url)
        page.wait_for_selector("main .notice >> text=API key", timeout=PATIENCE)
        context.close()
        context = browser.new_context(http_credentials={"username": "any", "password": server.key})
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(server.url)
        page.wait_for_selector(LOADED, timeout=PATIENCE)
        page.wait_for_selector('.live[data-how="live"]', timeout=PATIENCE)
        context.close()


def test_an_empty_store_says_what_to_do(look, tmp_path):
    with serving(tmp_path / "home", keys=False, bucket=None, tables=[]) as server:
        seen = look(url=server.url, wait=".welcome")
        assert "fieldline run" in seen.page.locator(".welcome").inner_text()
        seen.close(tmp_path)


def test_the_files_are_kept_by_the_browser_and_named_rightly(tower):
    def got(path, **headers):
        with DIRECT.open(urllib.request.Request(tower.url + path, headers=headers)) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()

    _, headers, body = got("/")
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["cache-control"] == "no-cache"
    assert "unsafe-inline" not in headers["content-security-policy"]
    assert not re.search(rb"https?://|<style|style=|\bon\w+=|<script>", body)
    *_, script = re.findall(rb'type="module" src="([^"]+)"', body)
    _, headers, _ = got(script.decode())
    assert headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in headers["cache-control"]
    with pytest.raises(urllib.error.HTTPError) as unchanged:
        got(script.decode(), **{"If-None-Match": headers["etag"]})
    assert unchanged.value.code == 304
    assert got("/favicon.ico")[1]["content-type"] == "image/svg+xml"
    for path in ("/static/x/index.html", "/static/x/../page.py", "/static/x/%2e%2e/page.py", "/static/x/nothing.js"):
        with pytest.raises(ServerError, match="404"):
            fetch(tower.url + path)


def test_no_module_of_the_page_makes_markup_or_asks_elsewhere():
    folder = PROJECT / "src" / "fieldline" / "serve" / "page"
    for path in folder.rglob("*.js"):
        if path.parent.name != "vendor":
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text), (
                path.name
            )
            assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), path.name
            assert text.startswith("/**"), f"{path.name} does not say what it is"


def test_a_download_has_all_rows_with_their_flags_though_bad_values_are_hidden(look, tower):
    seen = look("#last=1d&flags=hide")
    panel = seen.page.locator(f'[data-panel="{TEMPERATURE}"]')
    panel.locator("summary").click()
    panel.locator('a[download][href*="measurement=fastdata"]').first.wait_for(state="attached")
    assert panel.get_by_text("all rows, with flags").count() == 1
    links = panel.locator("a[download]").evaluate_all("(all) => all.map((one) => one.href)")
    [mine] = [link for link in links if "measurement=fastdata" in link and "format=csv" in link]
    rows = list(csv.DictReader(io.StringIO(fetch(mine).decode("utf-8"))))
    names = ("Temp_46m", "Temp_34m", "Temp_15m", "Temp_avg_3m")
    assert {f"{name}_qc" for name in names} <= set(rows[0])
    stored = tower.read("ameriflux_atmospheric", "fastdata", *(w for n in names for w in ("--field", f"{n}_qc")))
    told = {row["time"]: row for row in rows}
    flags = [(row[f"{n}_qc"], told[row["time"]][f"{n}_qc"]) for row in stored if row["time"] in told for n in names]
    assert len(flags) > 1000
    assert [given for given, _ in flags] == [found for _, found in flags]


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """A server of two sensors of one quantity, read every 5 s for two days."""
    rng = np.random.default_rng(6)
    times = pd.date_range(end=pd.Timestamp("2026-06-03", tz="UTC"), periods=34_560, freq="5s").as_unit("ns")
    truth = 15 + 8 * np.sin(np.arange(len(times)) / 2_750)
    noisy = {f"Temp_{h}m": truth * k + rng.normal(0, 0.4, len(times)) for h, k in ((46, 1.0), (34, 1.1))}
    with serving(tmp_path_factory.mktemp("bench") / "home", keys=False, bucket="b", tables=[]) as server:
        frame = pd.DataFrame({"station": "s", **noisy}, times)
        server.store.write("b", "fast", frame, ("station",), dict.fromkeys(noisy, "degC"))
        yield server


DAY = "#from=2026-06-02T00:00:00.000Z&to=2026-06-03T00:00:00.000Z"


def test_a_fit_of_two_sensors_is_the_same_on_every_screen(look, bench, tmp_path):
    fits = []
    for width in (360, 1900):
        seen = look(DAY, url=bench.url, wait=".panel", viewport={"width": width, "height": 800})
        pair = seen.page.locator('[data-kind="pair"]').first
        pair.scroll_into_view_if_needed()
        seen.page.wait_for_selector('[data-kind="pair"][data-loaded]')
        settled(seen.page)
        fits.append(pair.locator(".fit").inner_text())
        boxes = [pair.locator(one).first.bounding_box() for one in ("figure canvas", ".u-over")]
        assert boxes[0]["x"] >= boxes[1]["x"] + boxes[1]["width"] - 1, "the one lies over the other"
        seen.close(tmp_path)
    assert len(set(fits)) == 1
    assert re.search(r"R² = 0\.\d+.* n = 1,440$", fits[0])


def test_rows_outside_of_the_range_count_for_nothing(look, bench, tmp_path):
    hash_ = "#from=2026-06-02T12:00:02.000Z&to=2026-06-02T12:05:02.000Z"
    seen = look(hash_, url=bench.url)
    start, end = (pd.Timestamp(f"2026-06-02T12:{clock}", tz="UTC") for clock in ("00:02", "05:02"))
    inside = bench.store.read("b", "fast", fields=["Temp_46m"], start=start, end=end)
    panel = seen.page.locator('.panel[data-kind="lines"][data-loaded]').first
    at = panel.locator('li[data-series="b/fast/s/Temp_46m"] .value').get_attribute("data-time")
    assert int(at) == inside.index[-1].value // 10**6
    panel.locator("summary").click()
    panel.get_by_text("Show the numbers").click()
    [row] = [r for r in panel.locator("tbody tr").all() if r.locator("th").inner_text().startswith("46 m")]
    shown = [float(cell.replace("−", "-")) for cell in row.locator("td").all_inner_texts()[:4]]
    values = inside["Temp_46m"]
    wanted = [values.iloc[-1], values.min(), values.mean(), values.max()]
    assert shown == pytest.approx(wanted, abs=0.051)
    pair = seen.page.locator('[data-kind="pair"]').first
    pair.scroll_into_view_if_needed()
    seen.page.wait_for_selector('[data-kind="pair"][data-loaded]')
    assert pair.locator(".fit").inner_text().endswith(f"n = {len(values)}")
    seen.close(tmp_path)


def test_a_sign_is_that_of_the_digits_shown(look):
    page = look("#last=3h").page
    signed = {(1.25, 1): "+1.3", (-1.25, 1): "−1.3", (0.04, 1): "0.0", (-0.04, 1): "0.0", (0, 2): "0.00"}
    added = {(1.26, 1): " + 1.3", (-0.32, 1): " − 0.3", (0.04, 1): "", (-0.04, 1): "", (0, 2): ""}
    for name, cases in (("signed", signed), ("added", added)):
        for (value, decimals), wanted in cases.items():
            assert module(page, "pictures/pair.js", f"m.{name}({value}, {decimals})") == wanted


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_pressed_button_can_be_read_under_the_mouse(look, scheme):
    page = look("#last=3h", color_scheme=scheme).page
    for words in ('[data-range="3h"]', '[data-zone="station"]'):
        page.locator(words).hover()
        colours = page.locator(words).evaluate(
            "(one) => [getComputedStyle(one).color, getComputedStyle(one).backgroundColor]"
        )
        assert contrast(*colours) >= 4.5, (words, colours)


def contrast(*colours):
    """How far two colours are apart by WCAG 2: 1 (not at all) to 21."""
    light = []
    for words in colours:
        parts = [int(part) / 255 for part in re.findall(r"\d+", words)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        light.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(light) + 0.05) / (min(light) + 0.05)


def test_words_stand_out_from_the_paper_in_both_themes():
    """4.5 is what WCAG 2.2 asks of text of this size (1.4.3, AA)."""
    css = (PROJECT / "src/fieldline/serve/page/page.css").read_text(encoding="utf-8")
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", css.split(head)[1].split("}")[0]))
                   for head in (":root {", ':root[data-theme="dark"] {'))  # fmt: skip

    def apart(theme, ink, under):
        return contrast(*(f"rgb{tuple(bytes.fromhex(theme[name][1:]))}" for name in (ink, under)))

    for theme in (light, light | dark):
        for ink in ("ink", "soft", "accent", "good", "late", "silent", "empty", "fail"):
            assert apart(theme, ink, "paper") >= 4.5, ink
        for ink in ("ink", "soft"):
            assert apart(theme, ink, "ground") >= 4.5 and apart(theme, ink, "well") >= 4.5, ink
        assert apart(theme, "on-accent", "accent") >= 4.5


def test_a_link_can_follow_the_time_or_hold_the_range(look):
    seen = look("#last=3h", permissions=["clipboard-read", "clipboard-write"])
    page = seen.page
    for which, words in (("moving", "last=3h"), ("fixed", "from=.*&to=")):
        page.locator("#link").click()
        page.locator(f'[data-link="{which}"]').click()
        until(page, f"navigator.clipboard.readText().then((text) => /^http.*{words}/.test(text))")
    assert "last=3h" in page.evaluate("location.hash"), "what is seen stays as it is"


def test_back_leads_to_the_range_before_and_leaves_the_clock_alone(look):
    page = look("#last=3h").page
    page.locator('[data-range="12h"]').click()
    page.locator('[data-zone="utc"]').click()
    page.go_back()
    until(page, "location.hash.includes('last=3h') && location.hash.includes('zone=utc')")
    assert page.locator('[data-zone="utc"]').get_attribute("aria-pressed") == "true"


def test_an_archive_is_led_to_by_one_button(look, bench, tmp_path):
    seen = look("#from=2028-06-02T00:00:00.000Z&to=2028-06-03T00:00:00.000Z", url=bench.url)
    page = seen.page
    page.wait_for_selector(".bygone:not([hidden])")
    assert page.locator(".panel:visible:not([data-kind=missing])").count() == 0
    page.locator(FOLDED).first.get_by_text("Show", exact=True).click()
    page.wait_for_selector(".panel[data-loaded] .note p")
    assert page.locator("button:visible", has_text="Go there").count() == 1
    words = page.locator(".panel[data-loaded]:has(.note p)").first.locator("p.unseen").inner_text()
    assert words.endswith(": no rows in this range.")
    assert module(page, "clock.js", "[399, 401, 3650].map((days) => m.span(days * 86400000))") == [
        "399 d",
        "1.1 y",
        "10.0 y",
    ]
    page.locator("button:visible", has_text="Go there").click()
    page.wait_for_selector('.panel[data-kind="lines"] .body:not([hidden])')
    seen.close(tmp_path)


# ---- tables of other times and places


ARCHIVE = {"west": ("quick", "2021-04-09T14:00Z", "1min"), "east": ("quick", "2015-07-13T12:00Z", "1min"),
           "hill": ("days", "2018-04-26T00:00Z", "1D")}  # fmt: skip


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A server of three stations, none of which has rows of the last years; two write the same fields."""
    with serving(tmp_path_factory.mktemp("archive") / "home", keys=False, bucket="b", tables=[]) as server:
        for station, (measurement, end, apart) in ARCHIVE.items():
            times = pd.date_range(end=end, periods=200, freq=apart).as_unit("ns")
            frame = pd.DataFrame({"station": station, "AirTemp": np.arange(200.0), "RH": 50.0}, index=times)
            server.store.write("b", measurement, frame, ("station",), {"AirTemp": "degC", "RH": "%"})
        yield server


def card_of(page, station):
    return page.locator(f'[data-table="b/{ARCHIVE[station][0]}/{station}"]')


def cards(page):
    names = page.locator(".card[data-table]").evaluate_all("(all) => all.map((one) => one.dataset.table.split('/')[2])")
    return sorted(names)


def seen_to(page):
    """Where the range that is shown ends, to the minute."""
    end = module(page, "state.js", "m.view.end")
    return pd.Timestamp(end, unit="ms", tz="UTC").floor("min")


def series_shown(page, part=2):
    """The stations of the series that are shown (part 3: their fields)."""
    names = "(all) => all.map((one) => one.dataset.series)"
    return {name.split("/")[part] for name in page.locator(".panel:visible li[data-series]").evaluate_all(names)}


def tables_shown(page):
    """The tables ("bucket/measurement/station") of the series that are shown."""
    names = "(all) => all.map((one) => one.dataset.series)"
    return {name.rsplit("/", 1)[0] for name in page.locator(".panel:visible li[data-series]").evaluate_all(names)}


def test_a_store_of_old_rows_opens_at_the_newest_and_folds_what_has_none(look, archive, tmp_path):
    seen = look(url=archive.url)
    page = seen.page
    assert seen_to(page) == pd.Timestamp(ARCHIVE["west"][1])
    assert page.locator(".bygone").inner_text().startswith("No row is of the last day.")
    assert page.locator(".note:visible").count() == 0
    assert page.locator(".panel:visible .u-over").count() >= 2
    line = page.locator(FOLDED).first
    assert re.match(r"\d+ pictures? ha(s|ve) no rows in this range; the newest is of 26 Apr 2018", line.inner_text())
    before = page.locator(".panel:visible").count()
    line.get_by_text("Show", exact=True).click()
    assert page.locator(".panel:visible").count() > before
    line.get_by_text("Fold", exact=True).click()
    assert page.locator(".panel:visible").count() == before
    line.get_by_text("Go to it").click()
    until(page, "location.hash.includes('to=2018-04-26T')")
    page.go_back()
    until(page, "!location.hash.includes('to=')")
    becomes(page, lambda: seen_to(page), pd.Timestamp(ARCHIVE["west"][1]))  # a step back leads to the newest rows again
    page.locator(".bygone button").click()
    until(page, "location.hash.includes('last=1d')")
    assert page.locator('[data-range="1d"]').get_attribute("aria-pressed") == "true"
    assert page.locator(".panel:visible:not([data-kind=missing])").count() == 0
    seen.close(tmp_path)


LOGGERS = PROJECT.parent / "shared" / "data" / "loggers"
OLD = (
    "CareyLabVT__ManualDownloadsSCCData/CR3000_FCRmet_20150713.dat",
    "CareyLabVT__ManualDownloadsSCCData/CR6_FCRcatwalk_Catwalk_20210226.csv",
    "jpshanno__ingestr/campbell_scientific_tao5.dat",
)


def test_old_files_of_loggers_can_be_looked_at_one_after_the_other(look, tmp_path):
    if not LOGGERS.is_dir():
        absent("the collection of real logger files is not beside the project")
    tower = Tower(tmp_path)
    tower.loggernet.mkdir()
    for name in OLD:
        shutil.copy(LOGGERS / name, (tower.loggernet / Path(name).name).with_suffix(".dat"))
    tower.run()
    with served_by_command(tower.home, config=tower.config) as (url, _):
        seen = look(url=url)
        page = seen.page
        assert "26 Feb 2021" in page.locator(".bygone").inner_text()
        assert page.evaluate("document.documentElement.scrollHeight") < 10_000
        for card, day in (("Table1/CR3000", "13 Jul 2015"), ("Table_24/FRF_Village", "26 Apr 2018")):
            page.locator(f'[data-table$="{card}"]').click()
            until(page, "document.querySelectorAll('.panel:not([hidden])[data-loaded] .u-over').length > 0")
            assert day in page.locator(".custom summary").inner_text()
            assert {name.split("/", 1)[1] for name in tables_shown(page)} == {card}
            page.locator(f'[data-table$="{card}"]').click()
        seen.close(tmp_path)


def test_rows_that_come_to_an_old_store_lead_back_to_now(look, tmp_path):
    with serving(tmp_path / "home", keys=False, bucket="b", tables=[]) as server:
        put(server.store, "b", "m", "s", {"Temp_2m": 1.0}, pd.Timestamp("2020-01-01T00:00Z"))
        seen = look(url=server.url)
        seen.page.wait_for_selector('.live[data-how="live"]')
        assert seen_to(seen.page).year == 2020
        put(server.store, "b", "m", "s", {"Temp_2m": 2.5}, pd.Timestamp.now("UTC").floor("s"))
        value = "document.querySelector('.panel li[data-series=\"b/m/s/Temp_2m\"] .value')?.innerText"
        until(seen.page, f"{value}?.startsWith('2.5')")
        assert seen.page.locator(".bygone").is_hidden()
        seen.close(tmp_path)


def test_a_field_without_values_is_folded_until_it_has_some(look, tmp_path):
    with serving(tmp_path / "home", keys=False, bucket="b", tables=[]) as server:
        now = pd.Timestamp.now("UTC").floor("s")
        put(server.store, "b", "m", "s", {"Temp_2m": 1.0, "RH_2m": 50.0}, now - pd.Timedelta("3D"))
        for minute in range(5):
            put(server.store, "b", "m", "s", {"Temp_2m": 2.0}, now - pd.Timedelta(minutes=minute))
        seen = look("#last=3h", url=server.url)
        page = seen.page
        page.wait_for_selector('.live[data-how="live"]')
        page.wait_for_selector(FOLDED)
        assert series_shown(page, 3) == {"Temp_2m"}
        put(server.store, "b", "m", "s", {"Temp_2m": 2.0, "RH_2m": 51.5}, pd.Timestamp.now("UTC").floor("s"))
        value = "document.querySelector('.panel:not([hidden]) li[data-series=\"b/m/s/RH_2m\"] .value')?.innerText"
        until(page, f"{value}?.startsWith('51.5')")
        seen.close(tmp_path)


@pytest.mark.parametrize("station", ["east", "hill"])
def test_a_filter_for_a_station_shows_that_station_and_its_newest_rows(look, archive, tmp_path, station):
    seen = look(f"#find={station}", url=archive.url)
    page = seen.page
    assert cards(page) == [station]
    assert seen_to(page) == pd.Timestamp(ARCHIVE[station][1])
    assert series_shown(page) == {station}
    page.locator("input.find").fill("")
    assert cards(page) == sorted(ARCHIVE)
    until(page, "document.querySelectorAll('.panel:not([hidden]) li[data-series^=\"b/quick/west/\"]').length > 0")
    assert {"west", "east"} <= series_shown(page)
    assert seen_to(page) == pd.Timestamp(ARCHIVE["west"][1])
    seen.close(tmp_path)


@pytest.mark.parametrize("hash_", ["", "#last=3h"])
def test_a_press_on_a_card_shows_its_table_where_it_has_rows(look, archive, tmp_path, hash_):
    seen = look(hash_, url=archive.url, wait=".card[data-table]")
    page = seen.page
    card_of(page, "east").locator("button").focus()
    page.keyboard.press("Enter")
    until(page, "document.querySelectorAll('.panel:not([hidden])[data-loaded] .u-over').length > 0")
    assert (cards(page), series_shown(page)) == (["east"], {"east"})
    assert seen_to(page) == pd.Timestamp(ARCHIVE["east"][1])
    assert page.locator("input.find").input_value() == "table:b/quick/east"
    assert card_of(page, "east").locator("button").get_attribute("aria-pressed") == "true"
    assert page.evaluate("document.activeElement.closest('.card')?.dataset.table") == "b/quick/east"
    card_of(page, "east").click()
    assert cards(page) == sorted(ARCHIVE)
    seen.close(tmp_path)


def test_daily_rows_have_a_range_of_their_own_where_a_day_is_shown(look, tmp_path):
    with serving(tmp_path / "home", keys=False, bucket="b", tables=[]) as server:
        times = pd.date_range(end=pd.Timestamp.now("UTC").floor("D"), periods=30, freq="1D").as_unit("ns")
        server.store.write(
            "b", "daily", pd.DataFrame({"Temp_2m": np.arange(30.0)}, index=times), (), {"Temp_2m": "degC"}
        )
        for hash_, how, days in (("#last=1d", "every row, the last 14 d", 14), ("#last=1m", "every row", 30)):
            seen = look(hash_, url=server.url)
            panel = first_of(seen.page, "lines")
            assert panel.locator(".how").inner_text() == how
            panel.locator("summary").click()
            panel.get_by_text("Show the numbers").click()
            start = module(seen.page, "state.js", "m.view.end") - days * 86_400_000
            lowest = np.flatnonzero(times.as_unit("ms").asi8 >= start)[0]
            assert panel.locator("tbody td").all_inner_texts()[1] == f"{lowest}.0"
            box = panel.locator(".u-over").bounding_box()
            seen.page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 30)
            settled(seen.page)
            at = int(panel.locator("li .value").get_attribute("data-time"))
            under = pd.Timestamp.now("UTC") - pd.Timedelta(days=days) / 4
            assert abs(pd.Timestamp(at, unit="ms", tz="UTC") - under) <= pd.Timedelta("13h")
            seen.close(tmp_path)


def test_a_table_that_has_few_daily_rows_yet_shows_these(look, tmp_path):
    with serving(tmp_path / "home", keys=False, bucket="b", tables=[]) as server:
        times = pd.date_range(end=pd.Timestamp.now("UTC").floor("D"), periods=3, freq="1D").as_unit("ns")
        server.store.write("b", "daily", pd.DataFrame({"Temp_2m": [1.0, 2.0, 3.0]}, index=times), ())
        seen = look("#last=1d", url=server.url)
        panel = first_of(seen.page, "lines")
        assert panel.locator(".how").inner_text() in ("every row, the last 3 d", "every row, the last 4 d")
        panel.locator("summary").click()
        panel.get_by_text("Show the numbers").click()
        assert panel.locator("tbody td").all_inner_texts()[1].startswith("1.")
        seen.close(tmp_path)


@pytest.mark.parametrize("width", [360, 1400])
def test_no_title_and_no_unit_is_cut_off(look, width):
    page = look("#find=photosynthetic", viewport={"width": width, "height": 1000}).page
    cut = "(all) => all.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent)"
    assert page.locator(".panel:visible h3").count() > 3
    assert page.locator(".panel:visible h3").evaluate_all(cut) == []
    units = page.locator(".panel:visible h3 .unit").evaluate_all("(all) => all.map((one) => one.clientHeight)")
    assert max(units) < 24, "on one line"


def test_frames_of_one_row_end_together(look):
    page = look("#find=photosynthetic").page
    assert page.locator(".panel:visible").first.bounding_box()["width"] > 800, "long names take two columns"
    ends = """(all) => all.map((one) => one.getBoundingClientRect()).map(({ top, bottom }) => [top, bottom])"""
    until(page, f"(({ends})([...document.querySelectorAll('.grid .panel')]).length) > 3")
    rows = {}
    for top, bottom in page.locator("main > section:visible").first.locator(".panel:visible").evaluate_all(ends):
        rows.setdefault(top, set()).add(round(bottom))
    assert {len(ends) for ends in rows.values()} == {1}


@pytest.mark.parametrize("hash_", ["", "#from=2025-11-24T10:00:00.000Z&to=2026-01-02T12:00:00.000Z"])
def test_the_row_of_buttons_is_one_row_at_1400_pixels(look, tmp_path, hash_):
    with serving(tmp_path / "home", keys=False, bucket="b", tables=[]) as server:
        for name in ("CR3000_CCRdam", "CR6_FCRcatwalk", "FRF_Village", "Station", "Another_one"):
            put(server.store, "b", "m", name, {"Temp_2m": 1.0}, pd.Timestamp.now("UTC").floor("s"))
        seen = look(hash_, url=server.url, wait="#link", viewport={"width": 1385, "height": 800})
        tops = seen.page.locator("#toolbar > *").evaluate_all(
            "(all) => all.map((one) => one.getBoundingClientRect().top)"
        )
        assert max(tops) - min(tops) < 10
        seen.close(tmp_path)


def test_equal_grades_do_not_hide_each_other(look, tmp_path):
    with serving(tmp_path / "home", keys=False, bucket="b", tables=[]) as server:
        times = pd.date_range(end=pd.Timestamp.now("UTC").floor("s"), periods=60, freq="30min").as_unit("ns")
        grades = dict.fromkeys(("FC_SSITC_TEST", "H_SSITC_TEST", "LE_SSITC_TEST"), 1.0)
        server.store.write("b", "flux", pd.DataFrame(grades, index=times), (), dict.fromkeys(grades, "grade"))
        seen = look("#last=1d", url=server.url)
        name = first_of(seen.page, "diagnostics").get_attribute("data-panel")
        assert seen.page.locator(f'[data-panel="{name}"] li[data-series]').count() == 3
        across = [0.4 + 0.0173 * place for place in range(12)]  # in a few is a line of the grid, which mixes colours
        found = inks(seen.page, name, [(x, y / 400) for x in across for y in range(400)])
        strong = [
            frozenset(tuple(one[:3]) for one in column if one[3] > 250 and max(one[:3]) - min(one[:3]) > 60)
            for column in (found[400 * place : 400 * place + 400] for place in range(len(across)))
        ]
        assert len(statistics.mode(strong)) == 3
        value = seen.page.locator(f'[data-panel="{name}"] li .value').first.inner_text()
        assert value.startswith("1"), "what is said is what was measured"
        seen.close(tmp_path)


# ---- what the pictures say


@pytest.fixture(scope="module")
def meadow(tmp_path_factory):
    """A server of two days, a row a minute, of which everybody knows what is in it.

    Temp_10m is the hour of the day, but 999 and failed from 05:00 to 05:09 of the second day; Temp_5m is 21; Temp_2m is
    20, and in each second row 24. No row came from 07:00 to 07:59. The soil has 6, 9 and 12 degrees. The clock is UTC.
    """
    times = pd.date_range("2026-06-01T00:00", "2026-06-02T23:59", freq="1min", tz="UTC").as_unit("ns")
    hours = times.hour + times.minute / 60
    bad = (times >= "2026-06-02T05:00Z") & (times < "2026-06-02T05:10Z")
    quick = np.where(np.arange(len(times)) % 2, 24.0, 20.0)
    fields = {"Temp_10m": np.where(bad, 999.0, hours), "Temp_5m": 21.0, "Temp_2m": quick}
    flags = {"Temp_10m_qc": np.where(bad, 4, 1), "Temp_10m_qcbits": np.where(bad, 2, 0)}
    soil = {"Soil_temp_5cm": 6.0, "Soil_temp_20cm": 9.0, "Soil_temp_50cm": 12.0}
    frame = pd.DataFrame({"station": "s", **fields, **flags, **soil}, times)
    frame = frame[(times < "2026-06-02T07:00Z") | (times >= "2026-06-02T08:00Z")]
    with serving(tmp_path_factory.mktemp("meadow") / "home", keys=False, bucket="b", tables=[]) as server:
        server.store.write("b", "m", frame, ("station",), dict.fromkeys((*fields, *soil), "degC"))
        yield server


def between(start, end):
    """The part of the address for hours of the second day."""
    return f"#zone=utc&from=2026-06-02T{start}:00.000Z&to=2026-06-02T{end}:00.000Z"


def test_the_profile_is_that_of_the_cursors_time(look, meadow, tmp_path):
    seen = look(between("09:00", "12:00"), url=meadow.url, viewport={"width": 1400, "height": 1400})
    profile = first_of(seen.page, "profile")
    titles = "(all) => all.map((one) => one.textContent)"
    assert profile.locator("circle title").evaluate_all(titles)[0] == "2 m: 22.0 °C"  # the newest window
    box = seen.page.locator('[data-kind="lines"] .u-over').first.bounding_box()
    for share, moment, temperature in ((0.5, "10:30", "10.5"), (1 / 3, "10:00", "10.0")):
        seen.page.mouse.move(box["x"] + share * box["width"], box["y"] + 40)
        until(seen.page, f"document.querySelector('.panel .at').textContent === '2 Jun {moment}'")
        settled(seen.page)
        assert profile.locator(".reading").inner_text() == f"2 Jun 2026 {moment}"
        assert profile.locator("circle title").evaluate_all(titles) == [
            "2 m: 22.0 °C",
            "5 m: 21.0 °C",
            f"10 m: {temperature} °C",
        ]
    seen.close(tmp_path)


def inks(page, panel, marks):
    """The colours [r, g, b, a] of the plot of a panel at some shares of its width and height."""
    return page.evaluate(
        """([panel, marks]) => {
            const root = document.querySelector(`[data-panel="${panel}"]`), canvas = root.querySelector('canvas');
            const over = root.querySelector('.u-over').getBoundingClientRect(), from = canvas.getBoundingClientRect();
            const ratio = canvas.width / from.width;
            const all = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            return marks.map(([x, y]) => {
                const left = Math.round((over.left - from.left + x * over.width) * ratio);
                const top = Math.round((over.top - from.top + y * over.height) * ratio);
                return [...all.data.slice(4 * (top * all.width + left), 4 * (top * all.width + left) + 4)];
            });
        }""",
        [panel, marks],
    )


def test_a_gap_is_drawn_as_a_gap_and_windows_have_a_band(look, meadow, tmp_path):
    seen = look(between("00:00", "12:00") + "&off=b%2Fm%2Fs%2FTemp_10m&off=b%2Fm%2Fs%2FTemp_5m", url=meadow.url)
    name = first_of(seen.page, "lines").get_attribute("data-panel")
    assert "means" in seen.page.locator(f'[data-panel="{name}"] .how').inner_text()
    mean, band, gap = (0.2, 0.5), (0.2, 0.3), [(0.625, y / 50) for y in range(2, 49)]
    drawn, tinted, *empty = inks(seen.page, name, [mean, band, *gap])
    grey = [one for one in empty if one[3] and max(one[:3]) - min(one[:3]) > 12]
    assert drawn[3] > 200 and max(drawn[:3]) - min(drawn[:3]) > 60, "the mean, 22, in the middle"
    assert 20 < tinted[3] < 80, "between 20 and 24"
    assert grey == [], "nothing but the grid from 07:00 to 08:00"
    seen.close(tmp_path)


def test_bad_values_are_marked_flagged_and_may_be_hidden(look, meadow, tmp_path):
    for flags, value in (("mark", "999.0 °C"), ("none", "999.0 °C"), ("hide", "–")):
        seen = look(between("04:00", "06:00") + f"&flags={flags}", url=meadow.url)
        page, name = seen.page, first_of(seen.page, "lines").get_attribute("data-panel")
        entry = page.locator(f'[data-panel="{name}"] li[data-series="b/m/s/Temp_10m"]')
        box = chart(seen, name)
        page.mouse.move(box["x"] + box["width"] * 65 / 120, box["y"] + 40)
        until(page, f"document.querySelector('[data-panel=\"{name}\"] .at').textContent === '2 Jun 05:05'")
        settled(page)
        shown = entry.locator(".value").inner_text()
        assert shown == value or (flags == "hide" and not shown.startswith("999"))
        assert entry.locator(".flag").inner_text() == ("" if flags == "hide" else "fail")
        strip = page.locator(f'[data-panel="{name}"] .flagstrip')
        assert strip.is_visible() is (flags != "none")
        seen.close(tmp_path)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("depth", r"2 Jun 2026 11:59: 6\.0 °C; 2 Jun 2026 11:59: 9\.0 °C; 2 Jun 2026 11:59: 12\.0 °C"),
        ("flags", r"Temp_10m: good, 2 Jun 2026 09:00 to 2 Jun 2026 11:59"),
        ("missing", r"m s, 2 Jun 2026: 91\.7 % of the rows"),  # 11 of 12 hours
        ("fingerprint", r"2 Jun 2026 \d\d:\d\d: \d+\.\d °C"),
    ],
)
def test_pictures_of_pieces_say_what_stands_under_the_cursor(look, meadow, tmp_path, kind, words):
    seen = look(between("09:00", "12:00"), url=meadow.url)
    first_of(seen.page, kind).locator(".chart").focus()
    seen.page.keyboard.press("End")
    if kind == "flags":
        seen.page.keyboard.press("ArrowLeft")  # the last row stands at 11:59, and ends what is known
    until(seen.page, f"/{words}/.test(document.getElementById('say').textContent)")
    seen.close(tmp_path)
