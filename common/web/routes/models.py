"""Tells which models can read: /models and /health."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter

from common.images.contents import name_of
from common.storage.card import SavedCard
from common.web import records
from common.web.classifiers import Choice, Classifiers


def model_routes(classifiers: Classifiers) -> APIRouter:
    """Builds the endpoints for the models."""
    routes = APIRouter()

    @routes.get("/health", summary="State of the server")
    async def health() -> records.HealthRecord:
        """Reports that the server is up, and its model."""
        return records.HealthRecord(status="ok", model=name_of(classifiers.own.predictor.path.name))

    @routes.get("/models", summary="List the models")
    def models() -> list[records.ModelRecord]:
        """Lists the models that can read: the server's own, then those in `models/`."""
        own, *others = classifiers.choices()
        return [_model(own, True), *(_model(other, False) for other in others)]

    return routes


def _model(choice: Choice, is_own: bool) -> records.ModelRecord:
    card: SavedCard | dict[str, Any] = choice.card or {}
    accuracy = card.get("test_accuracy")
    return records.ModelRecord(
        name=choice.name,
        network=card.get("network"),
        data=_name(card.get("data")),
        own=_name(card.get("own")),
        accuracy=accuracy if accuracy is not None and 0 <= accuracy <= 1 else None,
        default=is_own,
    )


def _name(data: str | None) -> str | None:
    """The name of a data set, without the folder in which it was found."""
    return None if data is None else name_of(Path(data).name)
