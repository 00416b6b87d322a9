"""What several endpoints share: parameters, the request body, and the refusals they document."""

from typing import Annotated, Any

from fastapi import Depends, HTTPException, Query

from common.reading import Box, DigitReading, Glyph
from common.web import records
from common.web.classifiers import MAX_NAME, Examined

Refusals = dict[int | str, dict[str, Any]]
"""Descriptions of answers by their status, for the OpenAPI description."""

IMAGE_REQUEST: dict[str, Any] = {
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "description": "An image file: PNG, JPEG, BMP, GIF, TIFF or WebP; HEIC or the "
            "first page of a PDF file if their libraries are installed.",
            "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
        }
    }
}
"""OpenAPI description of the request body, which FastAPI does not parse."""


def refusal(status: int, description: str) -> Refusals:
    """Describes an answer with an error."""
    return {status: {"model": records.ErrorRecord, "description": description}}


REFUSALS: Refusals = {
    **refusal(408, "The image arrived too slowly."),
    **refusal(413, "Too many bytes or pixels, or too little memory."),
    **refusal(415, "The format is not supported."),
    **refusal(422, "Damaged image or invalid parameter."),
    **refusal(503, "Too many requests at once."),
}
"""The refusals of every endpoint that takes an image."""

NO_MODEL = refusal(404, "There is no model of that name.")
NO_MARK = refusal(404, "No mark has that box, or there is no model of that name.")

ModelName = Annotated[
    str | None,
    Query(max_length=MAX_NAME, description="A model from /models; by default the server's own."),
]


def _box(
    x: Annotated[int, Query(description="Left edge of the mark's box, from /look.")],
    y: Annotated[int, Query(description="Top edge.")],
    width: Annotated[int, Query(description="Width of the box.")],
    height: Annotated[int, Query(description="Height of the box.")],
) -> Box:
    return Box(x, y, width, height)


MarkBox = Annotated[Box, Depends(_box)]
"""The box of a mark, from the query of a request."""


def marked(examined: Examined, box: Box) -> tuple[Glyph, DigitReading]:
    """Returns the ink and the reading of the mark in a box.

    Raises:
        HTTPException: With status 404, if no mark has that box.
    """
    reading = examined.reading
    glyph = next((glyph for glyph in examined.glyphs if glyph.box == box), None)
    mark = next((mark for mark in (*reading.digits, *reading.left_out) if mark.box == box), None)
    if glyph is None or mark is None:
        raise HTTPException(404, "No mark has that box; send a box from /look.")
    return glyph, mark
