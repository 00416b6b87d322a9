"""The endpoints /train, /training and /cancel, which train on the saved digits."""

from pathlib import Path

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from common.data.my_digits import kept_digits
from common.web import records
from common.web.classifiers import Classifiers
from common.web.guard import is_this_computer, this_computer_only
from common.web.parameters import refusal
from common.web.routes.keeping import NOT_HERE, start_of
from common.web.training import Trainer, comparison_of, error_of, rows_of

NOT_NOW = refusal(409, "Training is already running, or no digits are saved.")


def training_routes(trainer: Trainer, classifiers: Classifiers, my_digits: Path) -> APIRouter:
    """Builds the endpoints for training."""
    routes = APIRouter()

    def record(request: Request) -> records.TrainingRecord:
        return _record(trainer, classifiers, is_this_computer(request))

    @routes.get("/training", summary="Progress of training")
    async def progress(request: Request) -> records.TrainingRecord:
        """Returns the progress of the latest training run."""
        return await run_in_threadpool(record, request)

    @routes.post(
        "/train",
        summary="Start training",
        dependencies=[Depends(this_computer_only)],
        responses=NOT_HERE | NOT_NOW,
    )
    async def start(request: Request) -> records.TrainingRecord:
        """Starts training on the saved digits in a separate process."""
        if not await run_in_threadpool(kept_digits, my_digits):
            raise HTTPException(409, "There are no saved digits to train on; save one first.")
        own = classifiers.own.predictor
        try:
            trainer.start(start_of(own.path, own.card))
        except RuntimeError as error:
            raise HTTPException(
                409, "Training is already running; wait until it ends, or cancel it."
            ) from error
        return record(request)

    @routes.post(
        "/cancel",
        summary="Cancel training",
        dependencies=[Depends(this_computer_only)],
        responses=NOT_HERE,
    )
    async def cancel(request: Request) -> records.TrainingRecord:
        """Cancels the training run in progress, which can take some seconds."""
        trainer.cancel()
        return record(request)

    return routes


def _record(trainer: Trainer, classifiers: Classifiers, allowed: bool) -> records.TrainingRecord:
    state, output = trainer.state(), trainer.output()
    rows, epochs = rows_of(output)
    start = trainer.start_model if state == "done" else None
    return records.TrainingRecord(
        state=state,
        name=trainer.name,
        start=classifiers.name_of_model(start) if start else None,
        seconds=round(trainer.seconds, 1),
        epochs=epochs,
        history=[records.TrainingRow(**row) for row in rows],
        error=error_of(output) if state == "failed" else None,
        comparison=comparison_of(output),
        allowed=allowed,
    )
