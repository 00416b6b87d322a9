"""Describes the JSON answers of the HTTP API, for its OpenAPI description."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, with_config

from common.reading import (
    AlternativeRecord,
    DigitRecord,
    ModelsRecord,
    NumberRecord,
    ReadingRecord,
)
from common.web.training import State


@dataclass(frozen=True)
class SeenDigit(DigitRecord):
    """A digit or an ignored mark, with its picture as the classifier sees it."""

    picture: str
    """The picture of 28x28 pixels, as a data: URL of a PNG file."""
    place: int
    """Position in reading order, counted over digits and ignored marks."""


RECORDS = (AlternativeRecord, DigitRecord, NumberRecord, ModelsRecord, ReadingRecord, SeenDigit)
for record in RECORDS:
    with_config(ConfigDict(use_attribute_docstrings=True))(record)


class LookRecord(BaseModel):
    """The reading of an image, with everything that the web page shows."""

    width: int = Field(description="Width of the upright image in pixels.")
    height: int = Field(description="Height of the upright image in pixels.")
    text: str
    hint: str | None = Field(
        description="Likely reason why no digit was found; null if there are digits."
    )
    rotation: int = Field(
        description="Clockwise angle in degrees by which the image was turned before reading."
    )
    digits: list[SeenDigit]
    left_out: list[SeenDigit] = Field(
        description="Marks that were ignored, because they are not digits or are too uncertain."
    )


class NearestDigit(BaseModel):
    """A training digit that looks like a mark."""

    digit: int = Field(description="The label of the training digit.")
    picture: str = Field(description="Its 28x28 pixels, as a data: URL of a PNG file.")


class WhyRecord(BaseModel):
    """Explains how the classifier read a mark. All pictures are data: URLs of PNG files."""

    layers: list[str] = Field(
        description="One picture for each of the first two layers: up to sixteen feature maps."
    )
    occlusion: str = Field(
        description="28x28 pixels: evidence for the digit in red, evidence against it in blue."
    )
    nearest: list[NearestDigit] = Field(
        description="MNIST training digits that look most like the mark, the most similar first."
    )
    nearest_error: str | None = Field(description="Reason why `nearest` is empty; null otherwise.")


class KeptDigit(BaseModel):
    """A digit that the user saved. `GET /kept/{digit}/{name}` returns its picture."""

    digit: int = Field(description="The label of the digit.")
    name: str


class KeptRecord(BaseModel):
    """The digits that the user saved."""

    folder: str
    count: int = Field(ge=0)
    command: str = Field(description="Command that trains on the saved digits.")
    digits: list[KeptDigit] = Field(description="The most recently saved digits, the newest first.")


class TrainingRow(BaseModel):
    """Metrics at one moment of training. Validation metrics exist only at the end of an epoch."""

    epoch: float
    loss: float | None = None
    accuracy: float | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None


class TrainingRecord(BaseModel):
    """The state of the latest training run."""

    state: State
    name: str | None = Field(description="Name of the new model.")
    start: str | None = Field(
        description="Model from which the training started; null until the training is done, "
        "and if requests cannot name that model."
    )
    seconds: float = Field(description="Duration of the training so far.")
    epochs: int | None = Field(description="Total number of epochs; null before it is known.")
    history: list[TrainingRow]
    error: str | None = Field(description="Reason why the training failed.")
    comparison: str | None = Field(
        description="Table with the accuracy before and after the training."
    )
    allowed: bool = Field(
        description="Whether this client may start training and delete digits and models."
    )


class ModelRecord(BaseModel):
    """A model that requests can name. Its card gives `network`, `data`, `own` and `accuracy`."""

    name: str = Field(description="Name of the model, for the parameter `model` of other requests.")
    network: str | None
    data: str | None = Field(description="Data set on which the model was trained.")
    own: str | None = Field(description="The user's own digits on which the model was fine-tuned.")
    accuracy: float | None = Field(description="Accuracy on test images, 0 to 1.")
    default: bool = Field(description="Whether this is the server's own model.")
    deletable: bool = Field(description="Whether this client may delete the model.")


class HealthRecord(BaseModel):
    """The state of the server, and the file name of its own model."""

    status: str
    model: str


class ErrorRecord(BaseModel):
    """The reason why a request failed."""

    error: str
