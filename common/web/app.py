"""Builds the ASGI application, which serves the web pages and the HTTP API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as AnyHTTPException

from common import UserError
from common.images.contents import name_of
from common.recognizer import DigitRecognizer
from common.storage.model_files import MODELS
from common.web.classifiers import Classifiers
from common.web.desk import Desk
from common.web.guard import Guard
from common.web.routes.explaining import explaining_routes
from common.web.routes.forms import form_routes
from common.web.routes.keeping import keeping_routes
from common.web.routes.models import model_routes
from common.web.routes.reading import reading_routes
from common.web.routes.training import training_routes
from common.web.training import Trainer

PAGE = Path(__file__).parent / "page"
API_PAGE_FILES = Path(fastapi_offline.__file__).parent / "static"


def make_app(
    recognizer: DigitRecognizer, my_digits: Path, host: str = "127.0.0.1", models: Path = MODELS
) -> FastAPI:
    """Builds the ASGI application.

    Args:
        recognizer: Reads the images of requests that do not name another model.
        my_digits: Folder in which the digits of the user are saved.
        host: Host name to accept in requests; see `Guard`.
        models: Folder with the models that requests can name.
    """
    trainer = Trainer(my_digits, models)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        trainer.close()

    app = FastAPI(
        lifespan=lifespan,
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
    app.add_exception_handler(OSError, _unusable_file)
    desk = Desk()
    classifiers = Classifiers(recognizer, models)
    _add_pages(app)
    app.include_router(model_routes(trainer, classifiers))
    app.include_router(reading_routes(desk, classifiers))
    app.include_router(explaining_routes(desk, classifiers))
    app.include_router(keeping_routes(desk, classifiers, my_digits))
    app.include_router(training_routes(trainer, classifiers, my_digits))
    app.include_router(form_routes(desk))
    return app


def _add_pages(app: FastAPI) -> None:
    app.mount("/page", StaticFiles(directory=PAGE))
    app.mount("/api-page", StaticFiles(directory=API_PAGE_FILES))

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    @app.get("/form", include_in_schema=False)
    async def form_page() -> FileResponse:
        return FileResponse(PAGE / "form.html")

    @app.get("/docs", include_in_schema=False)
    async def api_page() -> FileResponse:
        return FileResponse(PAGE / "api.html")


async def _error_answer(_: Request, error: Any) -> JSONResponse:
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _invalid_parameter(_: Request, error: Any) -> JSONResponse:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    return JSONResponse({"error": f"{where}: {first['msg']}"}, 422)


async def _server_error(_: Request, error: Any) -> JSONResponse:
    """Answers with 500 if the server fails on a valid request, for example on a full disk."""
    return JSONResponse({"error": str(error)}, 500)


async def _unusable_file(_: Request, error: Any) -> JSONResponse:
    """Answers with 500 if a file cannot be read, or is deleted while it is used."""
    return JSONResponse({"error": name_of(f"Cannot use a file: {error}")}, 500)
