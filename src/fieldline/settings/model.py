"""What can be set: every setting with its default, which is the default everywhere, and a sentence for the docs.

A validator raises ValueError with words that follow the name of the setting: "must be ...".
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from ..patterns import OnError, but, expand

LONGEST_OFFSET = 14 * 60  # [min] Kiribati keeps UTC+14, no clock is further from UTC
OFFSET = re.compile(r"[+-]([0-9]{2}):([0-5][0-9])")
DRIVE = re.compile("[A-Za-z]:")
JOB_NAME = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9_.-]+")  # never only dots: a name may become a file name


def _clock(text: str) -> str:
    """Accept a fixed offset from UTC such as -05:00, or a zone such as America/Detroit."""
    match = OFFSET.fullmatch(text)
    if match is None:
        return _zone(text)
    if int(match[1]) * 60 + int(match[2]) > LONGEST_OFFSET:
        raise ValueError("must be at most 14 hours from UTC")
    return text


def _zone(text: str) -> str:
    from zoneinfo import ZoneInfo  # here, since most loggers keep a fixed offset

    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):  # no such zone, a path that leads out of the database, one of its folders
        raise ValueError("must be an offset such as -05:00 or a zone such as America/Detroit") from None
    return text


def _url(text: str) -> str:
    if text and not re.match(r"https?://[^/\s]", text, re.IGNORECASE):
        raise ValueError("must begin with http:// or https:// and the name of a machine")
    if "?" in text or "#" in text or "@" in text.partition("://")[2].partition("/")[2]:
        raise ValueError("must be an address alone: a login goes into the token, as name:password")
    return text.rstrip("/")


def _server(text: str) -> str:
    if re.match(r"https?://[^/]+/(orgs|ui|signin|login|api|onboarding|query|write)(/|$)", text, re.IGNORECASE):
        raise ValueError("must be the address of the server, without the path of a page or a question")
    return _url(text)


def _proxy(text: str) -> str:
    if text and not re.match(r"http://[^/\s]", text, re.IGNORECASE):
        raise ValueError("must begin with http:// and the name of a machine, also where the server has https://")
    if "@" in text:
        raise ValueError("must be an address alone: a login goes into secret.py, as proxy_login")
    return text.rstrip("/")


def _job_name(text: str) -> str:
    if not JOB_NAME.fullmatch(text):
        raise ValueError("must be made of letters, digits, - _ and . only")
    return text


def _driver(text: str) -> str:
    if not text.isidentifier():
        raise ValueError("must be the name of a module in drivers/, such as umbs for drivers/umbs.py")
    return text


def _folder(value: object) -> object:
    if value == "":
        raise ValueError("must not be empty")
    if isinstance(value, str) and DRIVE.match(value):
        if os.name != "nt":
            raise ValueError("must be a folder of this machine, and only Windows has drive letters")
        _refuse_drive_alone(value)
    return value


def _refuse_drive_alone(text: str) -> None:
    """D:data is a folder below the one that some program last worked in on D:, so another one for every account."""
    path = PureWindowsPath(text)
    if DRIVE.match(text) and not path.root:
        raise ValueError(f"must have a slash after {path.drive}")


def _pattern(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    _refuse_drive_alone(text)
    return text


Bucket = Annotated[str, Field(min_length=1)]
Clock = Annotated[str, AfterValidator(_clock)]
Days = Annotated[int, Field(ge=1, le=36500)]  # a century, so that no date overflows
Unknown = Literal["load", "refuse"]
Url = Annotated[str, AfterValidator(_url)]
Server = Annotated[str, AfterValidator(_server)]


class Section(BaseModel):
    """What every group of settings has in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _left_out(cls, values: object) -> object:
        """Take a setting that is null for one that is not there; an unknown name stays an error."""
        if not isinstance(values, dict):
            return values
        return {name: value for name, value in values.items() if value is not None or name not in cls.model_fields}


class Influxdb(Section):
    """The InfluxDB server to write to when `store` is influxdb."""

    url: Server = Field(default="", description="address of the server; needed when `store` is influxdb")
    org: str = Field(default="", description="organization; empty where the server has none")
    token: SecretStr | None = Field(
        default=None, description="goes into secret.py or INFLUXDB_TOKEN, never into the YAML"
    )
    bucket: Bucket | None = Field(
        default=None, description="used instead of `defaults.bucket` when `store` is influxdb"
    )
    buckets: dict[str, Bucket] = Field(
        default={}, description="bucket of a table -> bucket of the server; the free plan has two in all"
    )
    plan: Literal["any", "free"] = Field(
        default="any", description="limits that are kept to; free: 5 MB in five minutes"
    )
    columns: int | None = Field(
        default=None, ge=10, le=10000, description="columns that a measurement may have (Serverless 200, v3 Core 500)"
    )
    flags: Literal["beside", "apart"] = Field(
        default="beside", description="apart: in a measurement of their own, `<measurement>_flags`"
    )
    timeout_seconds: int = Field(default=30, ge=1, le=600, description="how long an answer may take [s]")
    proxy: Annotated[str, AfterValidator(_proxy)] = Field(
        default="", description="address of a proxy on the way, such as http://proxy.example.edu:3128; empty: none"
    )
    proxy_login: SecretStr | None = Field(
        default=None, description="name:password, goes into secret.py or INFLUXDB_PROXY_LOGIN, never into the YAML"
    )
    ca_file: str = Field(
        default="",
        description="certificate of the authority that signed the server's, besides those that this computer trusts;"
        " relative to the project folder",
    )


class Outbox(Section):
    """Rows that wait on this machine until InfluxDB takes them."""

    seconds: int = Field(default=120, ge=1, le=86400, description="how long the deliveries of one run may take [s]")
    newest_first: bool = Field(
        default=False, description="after an outage, send what is new before what waited (and again in its turn)"
    )
    megabytes: int = Field(
        default=2000, ge=1, le=1_000_000, description="how much may wait; beyond it the oldest rows are deleted"
    )
    days: Days | None = Field(
        default=None, description="how long rows may wait, counted while this computer is on; null: for ever"
    )


class Archive(Section):
    """The bytes of the loggers' files as they were read, compressed."""

    keep_days: Days | None = Field(default=90, description="days that they are kept; null: for ever")
    megabytes: int | None = Field(
        default=5000, ge=1, le=10_000_000, description="how much is kept, the newest of it; null: any amount"
    )


class Alerts(Section):
    """When Grafana tells that something is wrong; 0: never."""

    no_data_minutes: int = Field(
        default=20,
        ge=0,
        le=10080,
        description="no row for as long, and for three intervals of its table [min]; 0: never",
    )
    battery_volts: float = Field(default=11.8, ge=0, le=1000, description="a battery below this [V]; 0: never")
    failed_percent: float = Field(
        default=20, ge=0, le=100, description="more failed values than this in six hours [%]; 0: never"
    )
    stuck: bool = Field(default=True, description="a sensor whose check `flat_line` says that it is stuck")
    waiting_rows: int = Field(
        default=50_000, ge=0, le=10**9, description="more rows than this wait for the server; 0: never"
    )
    failed_runs: int = Field(default=2, ge=0, le=1000, description="as many failed jobs in an hour; 0: never")


class Grafana(Section):
    """The Grafana server that dashboards are sent to."""

    url: Url = Field(default="", description="address of the server; empty: dashboards are only written to files")
    token: SecretStr | None = Field(
        default=None, description="goes into secret.py or GRAFANA_TOKEN, never into the YAML"
    )
    folder: str = Field(default="fieldline", min_length=1, max_length=100, description="folder of the dashboards")
    source: Annotated[str, AfterValidator(_job_name)] = Field(
        default="fieldline",
        description="data sources are called so, with the name of their bucket behind it; of two installations in one"
        " Grafana each has its own",
    )
    store_url: Url = Field(
        default="", description="where Grafana finds the store, if that is not where fieldline finds it"
    )
    email: str = Field(default="", description="who is told of alerts; several with a semicolon between them")
    alerts: Alerts = Alerts()


class Defaults(Section):
    """What a job uses where it says nothing else."""

    bucket: Bucket = Field(default="field", description="bucket that rows are written to")
    utc_offset: Clock = Field(
        default="+00:00", description="clock of the loggers: an offset such as -05:00, or an IANA zone"
    )
    keep_days: Days | None = Field(default=None, description="days that a bucket keeps its rows; null: for ever")


class Log(Section):
    """The log files in `home`."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="least important message kept"
    )
    megabytes: int = Field(default=5, ge=1, le=1000, description="size at which a new log file is begun")
    keep: int = Field(default=5, ge=1, le=1000, description="number of full log files that are kept")


def _plain(value: object) -> object:
    """What the text of a parameter means: a number, true or false, a list of those, or the text itself."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, str):
        word = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}.get(value.lower())
        if word is not None:
            return word
        try:
            return float(value)
        except ValueError:
            return value
    return value


Parameters = Annotated[dict[str, object] | Literal[False], BeforeValidator(_plain)]


class Site(Section):
    """Where the station stands, for checks against the sun; and where its instruments are, for the page."""

    latitude: float | None = Field(default=None, ge=-90, le=90, description="degrees, north positive")
    longitude: float | None = Field(default=None, ge=-180, le=180, description="degrees, east positive")
    altitude: float = Field(default=0.0, ge=-450, le=9000, description="above the sea [m]")
    heights: dict[str, Annotated[float, Field(ge=-1000, le=1000)]] = Field(
        default={}, description="field -> above the ground [m], below with a minus, where its name does not tell"
    )
    instruments: dict[str, str] = Field(
        default={}, description="pattern of fields -> what measures them, where no class says it; for descriptions"
    )


class Quality(Section):
    """Which checks values must pass, besides those that a driver declares."""

    site: Site = Site()

    defaults: bool = Field(
        default=True, description="physical limits by the AmeriFlux variable that a column's name tells"
    )
    aliases: dict[str, str] = Field(
        default={}, description="patterns of column names -> AmeriFlux variables, besides the usual"
    )
    checks: dict[str, dict[str, dict[str, Parameters]]] = Field(
        default={}, description="measurement -> field -> check -> its parameters, or false; names may hold `*`"
    )
    maintenance: str = Field(
        default="config/maintenance.yaml", description="log of maintenance, relative to the project folder"
    )


class Job(Section):
    """Files that are read together. A setting that is null is as in `defaults` (`unknown`: as at the top)."""

    name: Annotated[str, AfterValidator(_job_name)] = Field(description="letters, digits, - _ and . ; used once only")
    driver: Annotated[str, AfterValidator(_driver)] | None = Field(
        default=None, description="module of drivers/ that knows the tables; null: they are loaded as their headers say"
    )
    files: tuple[Annotated[str, AfterValidator(_pattern)], ...] = Field(
        min_length=1, description="paths or patterns, relative to the project folder"
    )
    without: tuple[Annotated[str, AfterValidator(_pattern)], ...] = Field(
        default=(), description="of these, the files to leave out: patterns of names, or of paths if a slash is in them"
    )
    bucket: Bucket | None = Field(default=None, description="as in `defaults`")
    utc_offset: Clock | None = Field(default=None, description="as in `defaults`")
    keep_days: Days | None = Field(default=None, description="as in `defaults`")
    unknown: Unknown | None = Field(default=None, description="as at the top")

    def expand(self, pattern: str, project: Path, onerror: OnError | None = None) -> list[Path]:
        """The files that one of `files` stands for, but for those that `without` leaves out; see patterns.expand."""
        return but(expand(pattern, project, onerror), self.without, project)


class Settings(Section):
    """All that can be configured."""

    home: Annotated[Path, BeforeValidator(_folder)] = Field(
        default=Path("data"), description="folder for everything that fieldline writes, relative to the project folder"
    )
    store: Literal["embedded", "influxdb"] = Field(default="embedded", description="where rows are kept")
    influxdb: Influxdb = Influxdb()
    outbox: Outbox = Outbox()
    archive: Archive = Archive()
    grafana: Grafana = Grafana()
    defaults: Defaults = Defaults()
    unknown: Unknown = Field(default="load", description="what happens to a TOA5 table that no driver knows")
    every_minutes: int = Field(default=5, ge=1, le=1440, description="pause between the runs of --forever [min]")
    wait_seconds: int = Field(default=60, ge=0, le=3600, description="how long a run waits for the embedded store [s]")
    log: Log = Log()
    quality: Quality = Quality()
    jobs: tuple[Job, ...] = ()

    def for_job(self, job: Job) -> Defaults:
        """Return the bucket, clock and retention that `job` works with: its own, else the defaults."""
        own = {name: getattr(job, name) for name in Defaults.model_fields}
        return self.defaults.model_copy(update={name: value for name, value in own.items() if value is not None})
