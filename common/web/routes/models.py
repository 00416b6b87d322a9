"""The endpoints /models, /discard-model and /health, which list and delete models."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request

from common.images.contents import name_of
from common.storage.card import SavedCard
from common.web import records
from common.web.classifiers import MAX_NAME, UNKNOWN_MODEL, Choice, Classifiers
from common.web.guard import is_this_computer, this_computer_only
from common.web.parameters import NO_MODEL, refusal
from common.web.routes.keeping import NOT_HERE
from common.web.training import Trainer

NOT_DELETABLE = refusal(409, "The model was not trained on the web page, or it is in use.")
UNDELETABLE = "Only unused models that were trained on the web page can be deleted."


def model_routes(trainer: Trainer, classifiers: Classifiers) -> APIRouter:
    """Builds the endpoints for the models."""
    routes = APIRouter()

    def is_deletable(choice: Choice) -> bool:
        is_in_training = trainer.state() == "running" and trainer.name == choice.name
        is_in_use = classifiers.is_own(choice.path) or is_in_training
        return not is_in_use and trainer.has_made(choice.name, choice.card)

    def listed(request: Request) -> list[records.ModelRecord]:
        is_ours = is_this_computer(request)
        return [
            _model(choice, deletable=is_ours and is_deletable(choice), is_own=number == 0)
            for number, choice in enumerate(classifiers.choices())
        ]

    @routes.get("/health", summary="State of the server")
    async def health() -> records.HealthRecord:
        """Reports that the server is running, and returns the file name of its own model."""
        return records.HealthRecord(status="ok", model=name_of(classifiers.own.predictor.path.name))

    @routes.get("/models", summary="List the models")
    def models(request: Request) -> list[records.ModelRecord]:
        """Lists the server's own model, then the other classifiers in `models/`."""
        return listed(request)

    @routes.post(
        "/discard-model",
        summary="Delete a model",
        dependencies=[Depends(this_computer_only)],
        responses=NO_MODEL | NOT_DELETABLE | NOT_HERE,
    )
    def discard_model(
        request: Request,
        model: Annotated[
            str, Query(max_length=MAX_NAME, description="Name of a model from /models.")
        ],
    ) -> list[records.ModelRecord]:
        """Deletes a model that was trained on the web page."""
        choice = next((each for each in classifiers.choices() if each.name == model), None)
        if choice is None:
            raise HTTPException(404, UNKNOWN_MODEL)
        if not is_deletable(choice):
            raise HTTPException(409, UNDELETABLE)
        classifiers.delete(model)
        return listed(request)

    return routes


def _model(choice: Choice, deletable: bool, is_own: bool) -> records.ModelRecord:
    card: SavedCard | dict[str, Any] = choice.card or {}
    accuracy = card.get("test_accuracy")
    return records.ModelRecord(
        name=choice.name,
        network=card.get("network"),
        data=_name(card.get("data")),
        own=_name(card.get("own")),
        accuracy=accuracy if accuracy is not None and 0 <= accuracy <= 1 else None,
        default=is_own,
        deletable=deletable,
    )


def _name(data: str | None) -> str | None:
    """Returns the name of a data set without its folder."""
    return None if data is None else name_of(Path(data).name)
