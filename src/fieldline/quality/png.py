"""Grids as small PNG images in one page: a palette of colours, zlib, and nothing else (PNG specification, part 11)."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int, int]  # red, green, blue, opacity: 0 to 255


def png(pixels: NDArray[np.uint8], palette: Sequence[Colour]) -> bytes:
    """An image file.

    Args:
        pixels: rows of columns, each the number of a colour in `palette`; at least one pixel.
        palette: at most 256 colours.

    Raises: ValueError, for pixels that are none or have no colour.
    """
    height, width = pixels.shape
    if not pixels.size or int(pixels.max()) >= len(palette):
        raise ValueError(f"png(): {width} x {height} pixels, {len(palette)} colours: each pixel needs a colour")
    lines = np.zeros((height, width + 1), np.uint8)  # each line begins with its filter: 0, none
    lines[:, 1:] = pixels
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", bytes(part for colour in palette for part in colour[:3])),
            _chunk(b"tRNS", bytes(colour[3] for colour in palette)),
            _chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)),
            _chunk(b"IEND", b""),
        )
    )


def data_uri(pixels: NDArray[np.uint8], palette: Sequence[Colour]) -> str:
    """The image as text for the `src` of an <img>."""
    return "data:image/png;base64," + base64.b64encode(png(pixels, palette)).decode("ascii")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
