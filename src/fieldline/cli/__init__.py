"""The command line: verbs, options and exit codes. What a verb does is imported when it is called."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..errors import Busy, ConfigError, FieldlineError, UsageError

DONE, FAILED, USAGE, QUARANTINED, BUSY = 0, 1, 2, 3, 75

_VERBS = {
    "run": ("do every configured job once", "fieldline run --dry-run"),
    "new-db": ("make the bucket that a file's tables belong to", "fieldline new-db C:/Campbellsci/LoggerNet/46m.dat"),
    "update-db": ("load what is new in files now", "fieldline update-db C:/Campbellsci/LoggerNet/46m.dat"),
    "read": ("print what the store holds", "fieldline read field fastdata --field Temp_46m --every 10m"),
    "status": ("show how every file and table is doing", "fieldline status --config config/demo.yaml"),
    "quality": (
        "show what the checks said of the data",
        "fieldline quality field fastdata --from -7d --html quality.html",
    ),
    "recheck": (
        "run the checks again over rows that are stored",
        "fieldline recheck ameriflux_atmospheric fastdata --from -7d",
    ),
    "outbox": ("show and send what waits for InfluxDB, and what it refused", "fieldline outbox show --refused"),
    "doctor": ("look at everything that a run needs, and say what to do", "fieldline doctor"),
    "replay": ("load rows of the raw archive again", "fieldline replay --from -3d --dry-run"),
    "serve": ("show the store in a browser, and to Grafana and Telegraf", "fieldline serve --config config/demo.yaml"),
    "dashboards": (
        "make dashboards and alerts for Grafana",
        "fieldline dashboards export grafana/demo --demo\n"
        "         fieldline dashboards push --dry-run\n"
        "         fieldline dashboards share umbs",
    ),
    "keys": ("say who may read and write through the server", "fieldline keys add telegraf --write field"),
    "simulate": ("write the files of a simulated flux tower", "fieldline simulate demo/loggernet --days 2"),
}
_MODULES = {"run": "jobs", "new-db": "jobs", "update-db": "jobs"}  # others are called like their verb
_SCRIPTS = {"run": "driver.py", "new-db": "new-db.py", "update-db": "update-db.py"}
_EXITS = (
    "exit status: 0 done or nothing new, 1 a job failed (nothing is lost, the next run tries again),\n"
    "2 usage or configuration, 3 done, but rows were quarantined, 75 another run is under way"
)


def main(verb: str | None = None, argv: Sequence[str] | None = None, project: Path | None = None) -> int:
    """Run one verb and return the exit status.

    Args:
        verb: what a script at the top of the project stands for; None: the first argument says it.
        argv: the arguments; None: those of the process.
        project: the folder that holds config/, drivers/ and secret.py; None: the checkout that this package lies in,
            else the working directory. A script passes its own, because Task Scheduler starts programs in System32.
    """
    _open_streams()
    options, rest = _parser(verb).parse_known_args(_joined(sys.argv[1:] if argv is None else argv))
    if rest:
        options.parser.error(f"unrecognized arguments: {' '.join(rest)}")  # with the usage of this verb, not of all
    options.project = project or _project()
    try:
        status = _act(options)
        sys.stdout.flush()  # here, where it is caught that nobody reads it any more
        return status
    except FieldlineError as error:
        from .hints import whole

        print(whole(str(error), options), file=sys.stderr)
        return BUSY if isinstance(error, Busy) else USAGE if isinstance(error, ConfigError | UsageError) else FAILED
    except ModuleNotFoundError as error:
        return _in_the_projects_python(options.project, error)
    except KeyboardInterrupt:
        print("stopped; nothing is lost, the next run goes on", file=sys.stderr)
        return FAILED
    except (OSError, UnicodeEncodeError) as error:
        return _of_the_system(error)


def _of_the_system(error: OSError | UnicodeEncodeError) -> int:
    """The exit status after an error for which there is nothing to mend in fieldline; every other one goes on."""
    if isinstance(error, OSError) and _is_closed_pipe(error):
        sys.stderr.close()  # else Python would tell it there once more
        return DONE
    if isinstance(error, UnicodeEncodeError) and sys.getfilesystemencoding() != "utf-8":
        print(f"{error.object!r}: this Python can't use such a name; set PYTHONUTF8=1", file=sys.stderr)
        return FAILED
    raise error


def _open_streams() -> None:
    """Make what is printed no reason to fail: a Windows console may know no 'µ', and pythonw.exe has none at all."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _is_closed_pipe(error: OSError) -> bool:
    """Whether nobody reads any more what is printed, as in `fieldline read ... | head`; Windows says EINVAL then."""
    return isinstance(error, BrokenPipeError) or (
        sys.platform == "win32" and error.errno == errno.EINVAL and error.filename is None
    )


def _in_the_projects_python(project: Path, error: ModuleNotFoundError) -> int:
    """Start the same command again with the Python of .venv, which has what is missing here."""
    import subprocess

    python = project / ".venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists() or Path(sys.prefix) == project / ".venv":
        launcher = "py" if sys.platform == "win32" else "python3"
        print(f"{error}; run `{launcher} quickstart.py` once, it installs what is needed", file=sys.stderr)
        return FAILED
    return subprocess.call([python, *sys.argv])


def _joined(words: Sequence[str]) -> list[str]:
    """`--start -3h` as `--start=-3h`: argparse would take -3h for an option."""
    joined = list[str]()
    for word in words:
        if joined and joined[-1] in ("--start", "--end", "--from", "--to") and word.startswith("-"):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _act(options: argparse.Namespace) -> int:
    """Hand over to the verb's module."""
    module = importlib.import_module(f".{_MODULES.get(options.verb, options.verb)}", __name__)
    return int(module.main(options))


class _Parser(argparse.ArgumentParser):
    """Takes options between its words: before Python 3.12.7 argparse refuses NAME in `keys add --write B NAME`."""

    _mixing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's, with words left out that may be, wherever the others stand."""
        if self._mixing or not any(one.nargs in ("?", "*") for one in self._get_positional_actions()):
            return super().parse_known_args(args, namespace)
        self._mixing = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixing = False


def _project() -> Path:
    checkout = Path(__file__).resolve().parents[3]
    return checkout if (checkout / "config").is_dir() else Path.cwd()


def _parser(verb: str | None) -> argparse.ArgumentParser:
    """One parser for a script, one with verbs for the command `fieldline`."""
    if verb:
        return _with_options(
            _Parser(
                prog=_SCRIPTS[verb],
                description=_sentence(_VERBS[verb][0]),
                epilog=f"example: python {_VERBS[verb][1].replace(f'fieldline {verb}', _SCRIPTS[verb])}\n{_EXITS}",
                formatter_class=argparse.RawDescriptionHelpFormatter,
            ),
            verb,
        )
    parser = _Parser(
        prog="fieldline",
        description="Field loggers to time-series databases and dashboards.",
        epilog=f"example: fieldline run --config config/demo.yaml\n{_EXITS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    from .. import __version__

    parser.add_argument("--version", action="version", version=f"fieldline {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, (text, example) in _VERBS.items():
        sub = verbs.add_parser(
            name,
            help=text,
            description=_sentence(text),
            epilog=f"example: {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _with_options(sub, name)
    return parser


def _sentence(text: str) -> str:
    """With a capital and a full stop; names such as InfluxDB keep theirs."""
    return f"{text[:1].upper()}{text[1:]}."


def _with_options(parser: argparse.ArgumentParser, verb: str) -> argparse.ArgumentParser:
    parser.set_defaults(verb=verb, parser=parser)
    if verb != "simulate":
        parser.add_argument("--config", type=Path, metavar="FILE", help="the configuration (default: config/site.yaml)")
        parser.add_argument(
            "--home", type=Path, metavar="DIR", help="where fieldline keeps what it writes (default: as configured)"
        )
    if verb in ("run", "new-db", "update-db", "status", "quality", "outbox", "doctor"):
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    if verb in _OPTIONS:
        _OPTIONS[verb](parser)
    if verb in ("run", "new-db", "update-db", "replay"):
        parser.add_argument("--dry-run", action="store_true", help="read and check, and write nothing")
    return parser


def _run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--job", metavar="NAME", help="do this job only")
    parser.add_argument("--forever", action="store_true", help="repeat every few minutes until stopped (every_minutes)")


def _file_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a logger's file")


def _new_db_options(parser: argparse.ArgumentParser) -> None:
    _file_options(parser)
    parser.add_argument("--update", action="store_true", help="let a bucket that is there keep rows as configured")


def _replay_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="start", metavar="T", help="rows from this time on (default: the oldest)")
    parser.add_argument("--to", dest="end", metavar="T", help="up to this time, itself excluded (default: the newest)")


def _outbox_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "act",
        nargs="?",
        choices=("list", "show", "send", "retry", "export", "drop"),
        default="list",
        help="what to do (default: list)",
    )
    parser.add_argument("numbers", nargs="*", type=int, metavar="N", help="parcels, by their numbers (default: all)")
    parser.add_argument("--refused", action="store_true", help="those that were refused for good, not those that wait")
    parser.add_argument("--newest", action="store_true", help="send: the newest rows first")
    parser.add_argument("--out", type=Path, metavar="FILE", help="export: write line protocol to this file")
    parser.add_argument("--bucket", metavar="BUCKET", help="export: only rows of this bucket")
    parser.add_argument("--rows", type=int, metavar="N", help="drop: how many rows, as the first call said")


def _read_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bucket", nargs="?", metavar="BUCKET", help="left out: list what there is")
    parser.add_argument(
        "measurement", nargs="?", metavar="MEASUREMENT", help="left out: list the bucket's measurements"
    )
    parser.add_argument("--field", action="append", metavar="F", help="only this field; may be given several times")
    parser.add_argument("--flags", action="store_true", help="list a bucket's fields with the flags beside them")
    parser.add_argument("--start", metavar="T", help="from this time on (2021-06-25T10:50Z, or -3h: three hours ago)")
    parser.add_argument("--end", metavar="T", help="up to this time, itself excluded")
    parser.add_argument(
        "--every",
        metavar="WIDTH",
        help="one row for each window of this width, such as 10m, 1h or 1d; then --start -6h begins with a whole one",
    )
    parser.add_argument(
        "--agg",
        choices=("mean", "min", "max", "first", "last", "count", "sum"),
        help="what a window becomes (default: mean, of a wind direction that of vectors; of rain and other totals sum)",
    )
    parser.add_argument(
        "--format", choices=("csv", "json", "parquet"), help="default: what the name after --out ends in, else csv"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write to this file (.csv, .json, .parquet)")


def _range_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bucket", nargs="?", metavar="BUCKET", help="left out: every bucket")
    parser.add_argument("measurement", nargs="?", metavar="MEASUREMENT", help="left out: every measurement")
    parser.add_argument("--from", dest="start", metavar="T", help="from this time on (default: the oldest row)")
    parser.add_argument("--to", dest="end", metavar="T", help="up to this time, itself excluded (default: the newest)")


def _quality_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bucket", nargs="?", metavar="BUCKET", help="left out: every bucket")
    parser.add_argument("measurement", nargs="?", metavar="MEASUREMENT", help="left out: every measurement with flags")
    parser.add_argument("--from", dest="start", metavar="T", help="from this time on (default: the newest seven days)")
    parser.add_argument(
        "--to", dest="end", metavar="T", help="up to this time, itself excluded (default: the newest record)"
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with pictures")
    parser.add_argument("--all", action="store_true", help="list fields too of which every value is good")


def _simulate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="where the files go; files that are there are continued"
    )
    parser.add_argument(
        "--days", type=float, default=1.0, metavar="N", help="how far back a new file begins (default: 1)"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="another seed, another weather (default: 1)")
    parser.add_argument("--until", metavar="T", help="up to this time on the station's clock (default: now)")
    parser.add_argument("--faults", default="none", metavar="NAME,...", help="what goes wrong: all, none, or names")


def _serve_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="where to listen (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8086, metavar="N", help="default: 8086, as InfluxDB; 0: a free one")


def _keys_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "act", nargs="?", choices=("add", "list", "revoke"), default="list", help="what to do (default: list)"
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="what the key is for; revoke also takes its number")
    parser.add_argument(
        "--read", action="append", metavar="BUCKET", help="add: what it may read; several times, or '*' for all"
    )
    parser.add_argument("--write", action="append", metavar="BUCKET", help="add: what it may write; as --read")
    parser.add_argument("--days", type=float, metavar="N", help="add: how long it holds (default: until revoked)")


def _dashboards_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "act",
        nargs="?",
        choices=("export", "push", "share", "unshare", "list"),
        default="list",
        help="what to do (default: list what is in Grafana)",
    )
    parser.add_argument(
        "target", nargs="?", metavar="WHAT", help="export: the folder to write to; (un)share: a station or dashboard"
    )
    parser.add_argument("--station", metavar="S", help="dashboards of this station only")
    parser.add_argument("--dry-run", action="store_true", help="push: show what would change, and write nothing")
    parser.add_argument("--overwrite", action="store_true", help="push: also what was changed in Grafana")
    parser.add_argument("--share", action="store_true", help="push: then give every station's copy a public link")
    parser.add_argument("--demo", action="store_true", help="of the simulated tower, whatever is configured")
    parser.add_argument("--declared", action="store_true", help="of what drivers declare; the store is not asked")


_OPTIONS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "run": _run_options,
    "new-db": _new_db_options,
    "update-db": _file_options,
    "read": _read_options,
    "recheck": _range_options,
    "quality": _quality_options,
    "replay": _replay_options,
    "outbox": _outbox_options,
    "serve": _serve_options,
    "dashboards": _dashboards_options,
    "keys": _keys_options,
    "simulate": _simulate_options,
}
