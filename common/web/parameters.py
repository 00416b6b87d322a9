"""Parameters, request bodies and documented refusals that several endpoints share."""

from typing import Annotated, Any

from fastapi import Depends, HTTPException, Query

from common.reading import Box, DigitReading, Glyph
from common.web import records
from common.web.classifiers import MAX_NAME, Examined

Refusals = dict[int | str, dict[str, Any]]
"""Error answers by HTTP status, in FastAPI's format for the OpenAPI description."""

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
"""OpenAPI description of a request whose body is an image. FastAPI cannot derive it."""


def refusal(status: int, description: str) -> Refusals:
    """Returns the description of one error answer for the OpenAPI description."""
    return {status: {"model": records.ErrorRecord, "description": description}}


REFUSALS: Refusals = {
    **refusal(408, "The image arrived too slowly."),
    **refusal(413, "The image has too many bytes or pixels, or the server has too little memory."),
    **refusal(415, "The body is not an image, or its format is not supported."),
    **refusal(422, "The image is damaged, or a parameter is invalid."),
    **refusal(503, "Too many requests at once."),
}
"""The refusals of every endpoint that takes an image."""

NO_MODEL = refusal(404, "There is no model of that name.")
NO_MARK = refusal(404, "No mark has that box, or there is no model of that name.")

ModelName = Annotated[
    str | None,
    Query(
        max_length=MAX_NAME,
        description="Name of a model from /models; by default, the server's own model.",
    ),
]


def _box(
    x: Annotated[int, Query(description="Left edge of the mark's box in pixels, from /look.")],
    y: Annotated[int, Query(description="Top edge of the box in pixels.")],
    width: Annotated[int, Query(description="Width of the box in pixels.")],
    height: Annotated[int, Query(description="Height of the box in pixels.")],
) -> Box:
    return Box(x, y, width, height)


MarkBox = Annotated[Box, Depends(_box)]
"""The box of a mark, from the query parameters of a request."""


def marked(examined: Examined, box: Box) -> tuple[Glyph, DigitReading]:
    """Returns the ink and the reading of the mark with a given box.

    Raises:
        HTTPException: With status 404, if no mark has that box.
    """
    reading = examined.reading
    glyph = next((glyph for glyph in examined.glyphs if glyph.box == box), None)
    mark = next((mark for mark in (*reading.digits, *reading.left_out) if mark.box == box), None)
    if glyph is None or mark is None:
        raise HTTPException(404, "No mark has that box; send a box from /look.")
    return glyph, mark
