"""The ASGI application: the web page, and the HTTP API for it and for other programs."""

import os
import shlex
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import fastapi_offline
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as AnyHTTPException

from common import UserError
from common.evaluation.explanation import MAX_SIDE, Explainer, heat_of
from common.files import shown
from common.images.decoding import (
    name_of,
    open_in_colour,
    read_image,
)
from common.preprocessing import digit_picture, resized
from common.reading import Box, DigitReading, Glyph, Reading, ReadingRecord
from common.recognizer import DigitRecognizer
from common.storage.card import SavedCard
from common.storage.model_files import PRETRAINED
from common.web import records
from common.web.desk import Desk
from common.web.guard import Guard
from common.web.my_digits import keep_digit, kept_digits
from common.web.pictures import data_url, heat_picture, layer_picture, occlusion_picture, png

PAGE = Path(__file__).parent / "page"
API_PAGE_FILES = Path(fastapi_offline.__file__).parent / "static"

MAX_SHOWN_SIDE = 1600  # pixels; longer side of the image that the web page shows

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

REFUSALS: dict[int | str, dict[str, Any]] = {
    408: {"model": records.ErrorRecord, "description": "The image arrived too slowly."},
    413: {
        "model": records.ErrorRecord,
        "description": "Too many bytes or pixels, or too little memory.",
    },
    415: {"model": records.ErrorRecord, "description": "The format is not supported."},
    422: {"model": records.ErrorRecord, "description": "Damaged image or invalid parameter."},
    503: {"model": records.ErrorRecord, "description": "Too many requests at once."},
}

NO_MARK: dict[int | str, dict[str, Any]] = {
    404: {"model": records.ErrorRecord, "description": "No mark has that box."},
}
NOT_SAVED: dict[int | str, dict[str, Any]] = {
    500: {"model": records.ErrorRecord, "description": "The digit cannot be saved."},
}


def _box(
    x: Annotated[int, Query(description="Left edge of the mark's box, from /look.")],
    y: Annotated[int, Query(description="Top edge.")],
    width: Annotated[int, Query(description="Width of the box.")],
    height: Annotated[int, Query(description="Height of the box.")],
) -> Box:
    return Box(x, y, width, height)


MarkBox = Annotated[Box, Depends(_box)]
"""The box of a mark, from the query of a request."""


def make_app(recognizer: DigitRecognizer, my_digits: Path, host: str = "127.0.0.1") -> FastAPI:
    """Builds the ASGI application.

    Args:
        recognizer: The recognizer that reads the images.
        my_digits: Folder for the digits that the user saves.
        host: Host name that requests may use, see `Guard`.
    """
    app = FastAPI(
        title="Handwritten digits",
        description="Reads handwritten digits from images, as `predict_image.py` does.",
        version="1",
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(Guard, host=host)
    app.add_exception_handler(AnyHTTPException, _error_answer)
    app.add_exception_handler(RequestValidationError, _invalid_parameter)
    app.add_exception_handler(UserError, _server_error)
    app.add_exception_handler(OSError, _unusable_folder)
    desk = Desk()
    _add_pages(app)
    _add_reading(app, desk, recognizer)
    _add_explaining(app, desk, recognizer)
    _add_keeping(app, desk, recognizer, my_digits)
    return app


def _add_pages(app: FastAPI) -> None:
    app.mount("/page", StaticFiles(directory=PAGE))
    app.mount("/api-page", StaticFiles(directory=API_PAGE_FILES))

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    @app.get("/docs", include_in_schema=False)
    async def api_page() -> FileResponse:
        return FileResponse(PAGE / "api.html")


def _add_reading(app: FastAPI, desk: Desk, recognizer: DigitRecognizer) -> None:
    @app.get("/health")
    async def health() -> records.HealthRecord:
        """Reports that the server is up, and its model."""
        return records.HealthRecord(status="ok", model=recognizer.predictor.path.name)

    @app.post("/read", response_model=ReadingRecord, responses=REFUSALS, **IMAGE_REQUEST)
    async def read(request: Request, top: Annotated[int, Query(ge=0, le=9)] = 1) -> Response:
        """Reads an image. The answer is what `predict_image.py --json -` prints.

        `top`: Number of alternatives for each digit.
        """
        reading = await desk.do(request, lambda content: _read(recognizer, content))
        return JSONResponse(reading.as_dict(top))

    @app.post("/look", response_model=records.LookRecord, responses=REFUSALS, **IMAGE_REQUEST)
    async def look(request: Request) -> Response:
        """Reads an image, and adds the network's view of each digit and each ignored mark."""
        return JSONResponse(await desk.do(request, lambda content: _look(recognizer, content)))

    @app.post(
        "/upright",
        response_class=Response,
        **IMAGE_REQUEST,
        responses={200: {"content": {"image/png": {}}}, **REFUSALS},
    )
    async def upright(request: Request) -> Response:
        """Returns the image upright and small, for browsers that cannot show the original."""
        return Response(await desk.do(request, _upright), media_type="image/png")


def _add_explaining(app: FastAPI, desk: Desk, recognizer: DigitRecognizer) -> None:
    explainer = Explainer(recognizer)

    @app.post("/why", responses=REFUSALS | NO_MARK, **IMAGE_REQUEST)
    async def why(request: Request, box: MarkBox) -> records.WhyRecord:
        """Shows how the classifier read one mark of an image."""

        def work(content: bytes) -> records.WhyRecord:
            glyph, mark = _marked(recognizer, content, box)
            why = explainer.explain_mark(mark, digit_picture(glyph.ink))
            return records.WhyRecord(
                layers=[data_url(layer_picture(maps)) for maps in why.layers],
                occlusion=data_url(occlusion_picture(why.picture, why.occlusion)),
            )

        return await desk.do(request, work)

    @app.post(
        "/heat",
        response_class=Response,
        **IMAGE_REQUEST,
        responses={200: {"content": {"image/png": {}}}, **REFUSALS},
    )
    async def heat(request: Request) -> Response:
        """Draws where the finder sees the centres of digits, to be laid over the upright image."""

        def work(content: bytes) -> bytes:
            image = read_image(content)
            reading = recognizer.examine(image)[1]
            small = resized(image, min(1.0, MAX_SIDE / max(image.shape)))
            return png(heat_picture(heat_of(small, reading.rotation, recognizer.finder)))

        return Response(await desk.do(request, work), media_type="image/png")


def _add_keeping(app: FastAPI, desk: Desk, recognizer: DigitRecognizer, my_digits: Path) -> None:
    def kept() -> records.KeptRecord:
        return records.KeptRecord(
            folder=shown(my_digits),
            count=kept_digits(my_digits),
            command=training_command(
                my_digits, recognizer.predictor.path, recognizer.predictor.card
            ),
        )

    @app.get("/kept")
    async def count_digits() -> records.KeptRecord:
        """Counts the digits that the user saved, and gives the command to train on them."""
        return kept()

    @app.post("/keep", **IMAGE_REQUEST, responses=REFUSALS | NO_MARK | NOT_SAVED)
    async def keep(
        request: Request,
        digit: Annotated[int, Query(ge=0, le=9, description="The correct digit.")],
        box: MarkBox,
    ) -> records.KeptRecord:
        """Saves one digit of an image for training."""

        def work(content: bytes) -> None:
            glyph, _ = _marked(recognizer, content, box)
            keep_digit(glyph.ink, digit, my_digits)

        await desk.do(request, work)
        return kept()


def training_command(my_digits: Path, model: Path, card: SavedCard | None) -> str:
    """The command that trains on the user's own digits.

    Training starts from the model in use. If that model has already seen some of these digits,
    training starts from the model it was fine-tuned from instead, or from the pretrained one.

    Args:
        my_digits: Folder with the user's own digits.
        model: The model in use.
        card: The card of that model, as it was when the model was loaded.
    """
    start = model.with_suffix(".keras")
    if card and card.get("own"):  # fine-tuned on some of these digits already
        start = Path(card.get("start") or "")
    if not card or not os.path.isfile(start):  # Path.is_file raises if the name is too long
        start = PRETRAINED.with_suffix(".keras")
    paths = (shown(path) for path in (my_digits, start))
    return "python train_model.py --data {} --from {}".format(*map(shlex.quote, paths))


def _read(recognizer: DigitRecognizer, content: bytes) -> Reading:
    return recognizer.examine(read_image(content), "-")[1]


def _marked(recognizer: DigitRecognizer, content: bytes, box: Box) -> tuple[Glyph, DigitReading]:
    """Reads an image, and returns the ink and the reading of the mark in a box."""
    glyphs, reading = recognizer.examine(read_image(content))
    glyph = next((glyph for glyph in glyphs if glyph.box == box), None)
    mark = next((mark for mark in (*reading.digits, *reading.left_out) if mark.box == box), None)
    if glyph is None or mark is None:
        raise HTTPException(404, "No mark has that box; send a box from /look.")
    return glyph, mark


def _look(recognizer: DigitRecognizer, content: bytes) -> dict[str, Any]:
    """The answer of /look: a `LookRecord` as a dict."""
    image = read_image(content)
    glyphs, reading = recognizer.examine(image, "-")
    pictures = {glyph.box: data_url(digit_picture(glyph.ink)) for glyph in glyphs}

    places = {glyph.box: place for place, glyph in enumerate(glyphs)}

    def described(marks: tuple[DigitReading, ...]) -> list[dict[str, Any]]:
        return [
            asdict(mark.record(9)) | {"picture": pictures[mark.box], "place": places[mark.box]}
            for mark in marks
        ]

    height, width = image.shape
    return {
        "width": width,
        "height": height,
        "text": reading.text,
        "hint": reading.hint,
        "rotation": reading.rotation,
        "digits": described(reading.digits),
        "left_out": described(reading.left_out),
    }


def _upright(content: bytes) -> bytes:
    image = open_in_colour(content)
    image.thumbnail((MAX_SHOWN_SIDE, MAX_SHOWN_SIDE))
    file = BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()


async def _error_answer(_: Request, error: Any) -> JSONResponse:
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _invalid_parameter(_: Request, error: Any) -> JSONResponse:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    return JSONResponse({"error": f"{where}: {first['msg']}"}, 422)


async def _server_error(_: Request, error: Any) -> JSONResponse:
    """Answers with 500 if the server fails on a valid request, such as on a full disk."""
    return JSONResponse({"error": str(error)}, 500)


async def _unusable_folder(_: Request, error: Any) -> JSONResponse:
    """Answers with 500 if the folder of saved digits is not readable, or changes meanwhile."""
    return JSONResponse({"error": name_of(f"Cannot use the saved digits: {error}")}, 500)
