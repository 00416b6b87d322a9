"""The JSON answers of the HTTP API, for its OpenAPI description."""

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
    """A digit or an ignored mark, with the picture of it that the classifier sees."""

    picture: str
    """28x28 pixels, as a data: URL of a PNG file."""
    place: int
    """Position in reading order, ignored marks included."""


RECORDS = (AlternativeRecord, DigitRecord, NumberRecord, ModelsRecord, ReadingRecord, SeenDigit)
for record in RECORDS:
    with_config(ConfigDict(use_attribute_docstrings=True))(record)


class LookRecord(BaseModel):
    """The reading of an image, with everything that the web page shows."""

    width: int = Field(description="Width of the upright image in pixels.")
    height: int = Field(description="Height of the upright image in pixels.")
    text: str
    hint: str | None = Field(description="Likely reason why no digit was found; null if one was.")
    rotation: int = Field(description="Degrees clockwise by which the image was turned to be read.")
    digits: list[SeenDigit]
    left_out: list[SeenDigit] = Field(description="Ignored marks: not digits, or too uncertain.")


class NearestDigit(BaseModel):
    """A training digit that looks like a mark."""

    digit: int = Field(description="Its label.")
    picture: str = Field(description="28x28 pixels, as a data: URL of a PNG file.")


class WhyRecord(BaseModel):
    """How the classifier read a mark. All pictures are data: URLs of PNG files."""

    layers: list[str] = Field(
        description="What its first two layers respond to: up to sixteen maps of each, in a square."
    )
    occlusion: str = Field(
        description="28x28 pixels: red where a part speaks for the digit, blue where against it."
    )
    nearest: list[NearestDigit] = Field(
        description="The training digits of MNIST that look most like the mark, the nearest first."
    )
    nearest_error: str | None = Field(description="Reason why they cannot be shown.")


class KeptDigit(BaseModel):
    """A digit that the user saved; `GET /kept/{digit}/{name}` is its picture."""

    digit: int = Field(description="Its label.")
    name: str


class KeptRecord(BaseModel):
    """The digits that the user saved."""

    folder: str
    count: int = Field(ge=0)
    command: str = Field(description="Command that trains on them.")
    digits: list[KeptDigit] = Field(description="Those saved by this server, the newest first.")


class TrainingRow(BaseModel):
    """The metrics of a training at one moment. Those on validation images follow each epoch."""

    epoch: float
    loss: float | None = None
    accuracy: float | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None


class TrainingRecord(BaseModel):
    """The latest training."""

    state: State
    name: str | None = Field(description="Name of the new model.")
    start: str | None = Field(
        description="The model from which it started; null before the end, and if it cannot read."
    )
    seconds: float = Field(description="Duration so far.")
    epochs: int | None = Field(description="Total number of epochs; null before it is known.")
    history: list[TrainingRow]
    error: str | None = Field(description="Reason why the training failed.")
    comparison: str | None = Field(description="Table with the accuracy before and after.")
    allowed: bool = Field(description="Whether this client may train and delete.")


class ModelRecord(BaseModel):
    """A model that can read. `network`, `data`, `own` and `accuracy` come from its card."""

    name: str = Field(description="Its name, for the parameter `model` of other requests.")
    network: str | None
    data: str | None = Field(description="The data set that it was trained on.")
    own: str | None = Field(description="The user's own digits that it was fine-tuned on.")
    accuracy: float | None = Field(description="Test accuracy, 0 to 1.")
    default: bool = Field(description="Whether it is the server's own model.")
    deletable: bool = Field(description="Whether this client may delete it.")


class HealthRecord(BaseModel):
    """The state of the server, and its model."""

    status: str
    model: str


class ErrorRecord(BaseModel):
    """The reason why a request failed."""

    error: str
