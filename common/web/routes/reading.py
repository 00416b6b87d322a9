"""The endpoints /read and /look, which read images, and /upright, which turns them."""

from dataclasses import asdict
from io import BytesIO
from itertools import chain
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from common.finding.hints import READ_EVERYTHING
from common.finding.layout import lines_of
from common.finding.orientation import turned_back
from common.images.decoding import open_in_colour, read_image
from common.preprocessing import digit_picture
from common.reading import Box, DigitReading, ReadingRecord
from common.web import records
from common.web.classifiers import Classifiers, Examined
from common.web.desk import Desk
from common.web.parameters import IMAGE_REQUEST, NO_MODEL, REFUSALS, ModelName
from common.web.pictures import data_url

MAX_SHOWN_SIDE = 1600  # pixels; maximum longer side of the image that the web page shows


def reading_routes(desk: Desk, classifiers: Classifiers) -> APIRouter:
    """Builds the endpoints that read images."""
    routes = APIRouter()

    @routes.post(
        "/read",
        summary="Read an image",
        response_model=ReadingRecord,
        responses=REFUSALS | NO_MODEL,
        **IMAGE_REQUEST,
    )
    async def read(
        request: Request,
        top: Annotated[
            int, Query(ge=0, le=9, description="Number of alternatives for each digit.")
        ] = 1,
        model: ModelName = None,
    ) -> Response:
        """Reads an image. The answer is what `predict_image.py --json -` prints."""

        def work(content: bytes) -> dict[str, Any]:
            image = read_image(content)
            return classifiers.recognizer(model).examine(image, "-")[1].as_dict(top)

        return JSONResponse(await desk.do(request, work))

    @routes.post(
        "/look",
        summary="Read an image, with pictures",
        response_model=records.LookRecord,
        responses=REFUSALS | NO_MODEL,
        **IMAGE_REQUEST,
    )
    async def look(request: Request, model: ModelName = None) -> Response:
        """Reads an image, and adds what the classifier sees of each digit and each ignored mark."""

        def work(content: bytes) -> dict[str, Any]:
            return _look(classifiers.examine(model, content))

        return JSONResponse(await desk.do(request, work))

    _add_upright(routes, desk)
    return routes


def _add_upright(routes: APIRouter, desk: Desk) -> None:
    """Adds the endpoint that turns images upright."""

    @routes.post(
        "/upright",
        summary="Turn an image upright",
        response_class=Response,
        **IMAGE_REQUEST,
        responses={200: {"content": {"image/png": {}}}, **REFUSALS},
    )
    async def upright(request: Request) -> Response:
        """Returns the image as a small upright PNG, for browsers that cannot show the original."""
        return Response(await desk.do(request, _upright), media_type="image/png")


def _look(examined: Examined) -> dict[str, Any]:
    """Builds the answer of /look, a `LookRecord` as a dict."""
    reading = examined.reading
    pictures = {glyph.box: data_url(digit_picture(glyph.ink)) for glyph in examined.glyphs}
    places = _places(examined)

    def described(marks: tuple[DigitReading, ...]) -> list[dict[str, Any]]:
        return [
            asdict(mark.record(9)) | {"picture": pictures[mark.box], "place": places[mark.box]}
            for mark in marks
        ]

    height, width = examined.shape
    return {
        "width": width,
        "height": height,
        "text": reading.text,
        "hint": reading.hint and reading.hint.replace(READ_EVERYTHING, "."),
        "rotation": reading.rotation,
        "digits": described(reading.digits),
        "left_out": described(reading.left_out),
    }


def _places(examined: Examined) -> dict[Box, int]:
    """Returns the position of each box in the reading order of the page, turned upright."""
    boxes = [glyph.box for glyph in examined.glyphs]
    rotation = examined.reading.rotation
    shape = examined.shape if rotation % 180 == 0 else examined.shape[::-1]
    lines = lines_of([turned_back(box, -rotation % 360, *shape) for box in boxes])
    return {boxes[index]: place for place, index in enumerate(chain(*lines))}


def _upright(content: bytes) -> bytes:
    image = open_in_colour(content)
    image.thumbnail((MAX_SHOWN_SIDE, MAX_SHOWN_SIDE))
    file = BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()
