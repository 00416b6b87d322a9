"""The endpoints /keep, /kept and /discard, which save, list and delete the user's digits."""

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi import Path as InPath
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from common.data.my_digits import MAX_KEPT, keep_digit, kept_digits, listed_digits, path_of
from common.files import shown
from common.storage.card import SavedCard
from common.storage.model_files import PRETRAINED
from common.web import records
from common.web.classifiers import Classifiers
from common.web.desk import Desk
from common.web.guard import this_computer_only
from common.web.parameters import (
    IMAGE_REQUEST,
    NO_MARK,
    REFUSALS,
    MarkBox,
    ModelName,
    marked,
    refusal,
)

NOT_SAVED = refusal(500, "The digit cannot be saved.")
NO_PLACE = refusal(409, f"{MAX_KEPT:,} digits, the maximum, are already saved.")
NO_DIGIT = refusal(404, "There is no such digit.") | refusal(422, "Invalid parameter.")
NOT_HERE = refusal(403, "The request comes from another computer or another web site.")

Kept = Callable[[], records.KeptRecord]
"""A function that returns the list of saved digits for an answer."""

LABEL = "The digit that the picture shows."
NAME = "^[0-9a-f]{16}$"


def keeping_routes(desk: Desk, classifiers: Classifiers, my_digits: Path) -> APIRouter:
    """Builds the endpoints for the user's own digits."""
    routes = APIRouter()

    def kept() -> records.KeptRecord:
        own = classifiers.own.predictor
        return records.KeptRecord(
            folder=shown(my_digits),
            count=kept_digits(my_digits),
            command=training_command(my_digits, own.path, own.card),
            digits=[
                records.KeptDigit(digit=digit, name=name)
                for digit, name in listed_digits(my_digits)
            ],
        )

    _add_kept(routes, kept, my_digits)
    _add_keep(routes, kept, desk, classifiers, my_digits)
    return routes


def _add_kept(routes: APIRouter, kept: Kept, my_digits: Path) -> None:
    """Adds the endpoints that list, show and delete digits."""

    @routes.get("/kept", summary="List the saved digits")
    def list_digits() -> records.KeptRecord:
        """Lists the most recently saved digits, and returns the command that trains on all."""
        return kept()

    @routes.get(
        "/kept/{digit}/{name}",
        summary="Picture of a saved digit",
        response_class=FileResponse,
        responses={200: {"content": {"image/png": {}}}, **NO_DIGIT},
    )
    def picture(
        digit: Annotated[int, InPath(ge=0, le=9, description=LABEL)],
        name: Annotated[
            str, InPath(pattern=NAME, description="Name of the saved digit, from /kept.")
        ],
    ) -> FileResponse:
        """Returns the picture of a saved digit."""
        return FileResponse(_file_of(my_digits, digit, name), media_type="image/png")

    @routes.post(
        "/discard",
        summary="Delete a saved digit",
        dependencies=[Depends(this_computer_only)],
        responses=NO_DIGIT | NOT_HERE,
    )
    def discard(
        digit: Annotated[int, Query(ge=0, le=9, description=LABEL)],
        name: Annotated[
            str, Query(pattern=NAME, description="Name of the saved digit, from /kept.")
        ],
    ) -> records.KeptRecord:
        """Deletes a saved digit."""
        _file_of(my_digits, digit, name).unlink()
        return kept()


def _add_keep(
    routes: APIRouter, kept: Kept, desk: Desk, classifiers: Classifiers, my_digits: Path
) -> None:
    """Adds the endpoint that saves digits."""

    @routes.post(
        "/keep",
        summary="Save a digit",
        **IMAGE_REQUEST,
        responses=REFUSALS | NO_MARK | NO_PLACE | NOT_SAVED,
    )
    async def keep(
        request: Request,
        digit: Annotated[int, Query(ge=0, le=9, description="The correct digit.")],
        box: MarkBox,
        model: ModelName = None,
    ) -> records.KeptRecord:
        """Saves one digit of an image for training."""

        def work(content: bytes) -> None:
            if kept_digits(my_digits) >= MAX_KEPT:
                raise HTTPException(
                    409,
                    f"{shown(my_digits)} has the maximum of {MAX_KEPT:,} digits; delete some.",
                )
            glyph, _ = marked(classifiers.examine(model, content), box)
            keep_digit(glyph.ink, digit, my_digits)

        await desk.do(request, work)
        return await run_in_threadpool(kept)


def _file_of(my_digits: Path, digit: int, name: str) -> Path:
    path = path_of(my_digits, digit, name)
    if path is None:
        raise HTTPException(404, "There is no such digit; GET /kept lists the saved digits.")
    return path


def training_command(my_digits: Path, model: Path, card: SavedCard | None) -> str:
    """Returns the command that fine-tunes the model from `start_of` on the user's own digits."""
    paths = (shown(path) for path in (my_digits, start_of(model, card)))
    return "python train_model.py --data {} --from {}".format(*map(shlex.quote, paths))


def start_of(model: Path, card: SavedCard | None) -> Path:
    """Returns the `.keras` file from which training on the user's own digits starts.

    Usually, this is the file of the model in use. If that model was already fine-tuned on some of
    these digits, training starts from the model before that fine-tuning. If there is no card, or if
    the file is missing, training starts from the pretrained model.

    Args:
        model: Any file of the model in use.
        card: The card of that model when it was loaded, or None.
    """
    start = model.with_suffix(".keras")
    if card and card.get("own"):  # fine-tuned on some of these digits already
        start = Path(card.get("start") or "")
    if not card or not os.path.isfile(start):  # Path.is_file raises if the name is too long
        start = PRETRAINED.with_suffix(".keras")
    return start
