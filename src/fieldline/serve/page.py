"""The page: its files, read once, under addresses that change with their content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from fastapi import APIRouter, HTTPException
from starlette.requests import Request
from starlette.responses import Response

from .context import Context

FOLDER = Path(__file__).with_name("page")
KINDS = {  # said here: what Windows says of .js depends on what was installed there
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_FOREVER = "public, max-age=31536000, immutable"


def router(context: Context) -> APIRouter:
    """`/`, `/static/VERSION/NAME` and `/favicon.ico`; nobody needs a key for them, since they hold no data."""
    files = read(FOLDER)
    version = digest(files)
    index = filled(files, version)
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    def page(request: Request) -> Response:
        return _answer(request, index, "index.html", "no-cache")

    @routes.get("/favicon.ico")
    def icon(request: Request) -> Response:
        return _answer(request, files["icon.svg"], "icon.svg", "max-age=86400")

    @routes.get("/static/{asked}/{name:path}")
    def static(request: Request, asked: str, name: str) -> Response:
        if name not in files or name == "index.html":
            raise HTTPException(404)
        return _answer(request, files[name], name, _FOREVER if asked == version else "no-cache")

    return routes


def read(folder: Path) -> dict[str, bytes]:
    """The files of a folder that a browser may have, by their path in it."""
    found = sorted(path for path in folder.rglob("*") if path.suffix in KINDS)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def digest(files: Mapping[str, bytes]) -> str:
    """A short name of this content: another one as soon as a byte is another."""
    parts = (part for name, content in sorted(files.items()) for part in (name.encode(), content))
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def filled(files: Mapping[str, bytes], version: str) -> bytes:
    """The first file, with the addresses of the others; all modules are asked for at once, not as they are found."""
    modules = [name for name in files if name.endswith(".js") and not name.startswith("vendor/")]
    links = "\n".join(f'  <link rel="modulepreload" href="/static/{{version}}/{name}">' for name in modules)
    text = files["index.html"].decode("utf-8").replace("{modules}", links).replace("{version}", version)
    return text.encode("utf-8")


def _answer(request: Request, content: bytes, name: str, cache: str) -> Response:
    """A file, or the word that the browser has it already."""
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": cache}
    if tag in [known.strip().removeprefix("W/") for known in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=KINDS[Path(name).suffix], headers=headers)
