"""A path to checked Settings: the file, secret.py and the environment laid over each other, every problem in words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ..errors import ConfigError
from .document import Document, Place, Value, dotted, parse
from .model import Settings
from .secrets import SECRET_NAMES, Given, given, read_secret

Problem: TypeAlias = tuple[int, str]  # line in the file, 0 for one that is elsewhere; what is wrong

LARGEST = 1_000_000  # [byte] a configuration; what is larger is another file, given by mistake
LONGEST = 60  # [character] of a value that a message quotes

WORDS = {  # the kind of an error to pydantic: what the value must be
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a smaller whole number",
    "tuple_type": "must be a list: write [one] or [one, two]",
    "model_type": "must be a group of settings, each written `name: value`",
    "path_type": "must be a path",
    "string_too_short": "must not be empty",
    "too_short": "must have at least one entry",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be one of {expected}",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "dict_type": "must be a group, each line written `name: value`",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "value_error": "{error}",
}


def from_project(
    project: Path, path: Path | None = None, home: Path | None = None, environ: Mapping[str, str] = {}
) -> Settings:
    """Read config/site.yaml (or `path`) of a project with its secret.py, if there is one, and `environ`.

    Args:
        project: the folder that relative paths start from, `path` and `home` among them.
        path: another YAML file than config/site.yaml.
        home: wins over `home` in the YAML.

    Raises: ConfigError.
    """
    secret = read_secret(project / "secret.py")
    return load(path or Path("config/site.yaml"), project=project, secret=secret, environ=environ, home=home)


def load(
    path: Path,
    *,
    project: Path,
    secret: Mapping[str, object] | None = None,
    environ: Mapping[str, str] = {},
    home: Path | None = None,
) -> Settings:
    """Read `path`; the environment wins over `secret`, which wins over the file.

    Raises: ConfigError that lists every problem, one a line, never with a secret in it.
    """
    document = read(project / path, project)
    outside = given(secret or {}, environ)
    problems = [*_unknown_secrets(secret or {}), *_duplicate_names(document)]
    settings, found = _check(document, outside)
    problems = sorted([*document.problems, *problems, *found], key=lambda problem: problem[0])
    if problems or settings is None:
        raise ConfigError([f"{document.name}:{line}: {text}" if line else text for line, text in problems])
    return _with_certificate(_at_home(settings, document, project, home), document, project)


def read(path: Path, project: Path) -> Document:
    """The values of a YAML file. Raises: ConfigError."""
    name = path.relative_to(project).as_posix() if path.is_relative_to(project) else str(path)
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise ConfigError([f"{name}: is not there; relative paths start from {project}"]) from None
    except OSError as error:
        kind = "is a folder, must be a YAML file" if path.is_dir() else f"cannot be read: {error.strerror}"
        raise ConfigError([f"{name}: {kind}"]) from None
    if len(content) > LARGEST:
        raise ConfigError([f"{name}: is larger than 1 MB, so it cannot be a configuration"])
    return parse(_decode(content, name), name)


def _decode(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"{name}:{line}: found byte 0x{content[error.start]:02X}, expected UTF-8: save the file as UTF-8"
        raise ConfigError([found]) from None


def _duplicate_names(document: Document) -> Iterator[Problem]:
    jobs, first = document.values.get("jobs"), dict[str, int]()
    for index, job in enumerate(jobs if isinstance(jobs, list) else []):
        place: Place = ("jobs", index, "name")
        name = job.get("name") if isinstance(job, dict) else None
        if not isinstance(name, str):
            continue
        line = document.line(place)
        if first.setdefault(name, line) != line:
            yield line, f"{dotted(place)} is {_quoted(name)}, as in line {first[name]}: a name is used once only"


def _unknown_secrets(secret: Mapping[str, object]) -> Iterator[Problem]:
    for name in secret:
        if name not in SECRET_NAMES:
            yield 0, f"secret.py: unknown name {name!r}; {_hint(name, SECRET_NAMES)}"


def _check(document: Document, outside: Sequence[Given]) -> tuple[Settings | None, list[Problem]]:
    """Lay `outside` over the document and check the whole; return Settings, or what is wrong."""
    try:
        settings = Settings.model_validate(_overlaid(document.values, outside))
    except ValidationError as error:
        return None, list(problems_of(error.errors(include_url=False), document, outside))
    if settings.store == "influxdb" and not settings.influxdb.url and ("influxdb", "url") not in document.refused:
        return None, [(document.line(("store",)), "influxdb.url is not set, and store: influxdb needs it")]
    return settings, []


def _overlaid(values: Mapping[str, Value], outside: Sequence[Given]) -> dict[str, Any]:
    """Return `values` with those from outside in their places; a group that is not one is left for the check."""
    merged: dict[str, Any] = {**values}
    for name in ("influxdb", "grafana", "defaults"):
        group = merged.setdefault(name, {})
        merged[name] = {**group} if isinstance(group, dict) else group
    if merged.get("store") == "influxdb" and isinstance(merged["influxdb"], dict):
        bucket = merged["influxdb"].get("bucket")
        if isinstance(bucket, str) and bucket and isinstance(merged["defaults"], dict):
            merged["defaults"]["bucket"] = bucket
    for one in outside:
        if isinstance(merged[str(one.place[0])], dict):
            merged[str(one.place[0])][one.place[1]] = one.value
    return merged


def problems_of(
    errors: Sequence[ErrorDetails], document: Document, outside: Sequence[Given] = (), root: type[BaseModel] = Settings
) -> Iterator[Problem]:
    """Word the errors of a document that `root` describes, but for those that only follow from another one."""
    sources = {one.place: one.where for one in outside}
    for error in errors:
        place = error["loc"]
        told = any(place[:length] in document.refused for length in range(len(place) + 1))
        inside = any(other is not error and other["loc"][: len(place)] == place for other in errors)
        if not told and not inside:
            yield _in_words(error, document, sources, root)


def _in_words(error: ErrorDetails, document: Document, sources: Mapping[Place, str], root: type[BaseModel]) -> Problem:
    place, kind = error["loc"], error["type"]
    line, name = document.line(place), dotted(place)
    if kind == "extra_forbidden":
        return line, f"unknown setting {name!r}; {_hint(str(place[-1]), _known(root, place))}"
    if kind == "missing":
        return line, f"{name} is not set: {_model(root, place[:-1]).model_fields[str(place[-1])].description}"
    context = {key: str(value) for key, value in error.get("ctx", {}).items()}
    if kind == "literal_error":
        context["expected"] = context["expected"].replace("'", "").replace(" or ", ", ")
    words = WORDS[kind].format(**context) if kind in WORDS else f"does not fit: {kind}"
    if place in sources:
        return 0, f"{sources[place]} {words}"
    hidden = kind == "model_type" or place[-1] in ("url", "proxy")  # a password may stand in a URL
    return line, f"{name} {words}" if hidden else f"{name} is {_quoted(error['input'])}, {words}"


def _quoted(value: object) -> str:
    if isinstance(value, str):
        return repr(value if len(value) <= LONGEST else value[: LONGEST - 3] + "...")
    return "a group of settings" if isinstance(value, dict) else "a list" if value else "empty"


def _model(root: type[BaseModel], place: Place) -> type[BaseModel]:
    """Return the model that describes the group of settings at `place`."""
    model = root
    for part in place:
        if isinstance(part, str):
            fields = {info.alias or name: info for name, info in model.model_fields.items()}
            annotation: Any = fields[part].annotation
            model = (get_args(annotation) or (annotation,))[0]
    return model


def _known(root: type[BaseModel], place: Place) -> list[str]:
    fields = _model(root, place[:-1]).model_fields
    return [info.alias or name for name, info in fields.items() if name not in ("token", "proxy_login")]


def _hint(name: str, known: Collection[str]) -> str:
    from difflib import get_close_matches  # here, since a run that goes well has no use for it

    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"


def _at_home(settings: Settings, document: Document, project: Path, home: Path | None) -> Settings:
    folder = home or settings.home
    full = _full(folder, project)
    if full is None:
        where = f"{document.name}:{document.line(('home',))}"
        raise ConfigError([f"{where}: home is {str(folder)!r}, must be a folder: there is no such user"])
    return settings.model_copy(update={"home": full})


def _with_certificate(settings: Settings, document: Document, project: Path) -> Settings:
    """`influxdb.ca_file` with its whole path. Raises: ConfigError, when it is needed and not there."""
    own = settings.influxdb
    if not own.ca_file or settings.store != "influxdb":
        return settings
    path = _full(Path(own.ca_file), project)
    if path is None or not path.is_file():
        where = f"{document.name}:{document.line(('influxdb', 'ca_file'))}"
        raise ConfigError([f"{where}: influxdb.ca_file is {_quoted(own.ca_file)}, must be a file that is there"])
    return settings.model_copy(update={"influxdb": own.model_copy(update={"ca_file": str(path)})})


def _full(path: Path, project: Path) -> Path | None:
    """A path from the project folder; None: ~name of a user who is not there."""
    try:
        return project / path.expanduser()
    except RuntimeError:
        return None
