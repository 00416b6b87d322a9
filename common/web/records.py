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
    digits: list[SeenDigit]
    left_out: list[SeenDigit] = Field(description="Ignored marks: not digits, or too uncertain.")


class WhyRecord(BaseModel):
    """How the classifier read a mark. All pictures are data: URLs of PNG files."""

    layers: list[str] = Field(
        description="What its first two layers respond to: up to sixteen maps of each, in a square."
    )
    occlusion: str = Field(
        description="28x28 pixels: red where a part speaks for the digit, blue where against it."
    )


class KeptRecord(BaseModel):
    """The digits that the user saved."""

    folder: str
    count: int = Field(ge=0)
    command: str = Field(description="Command that trains on them.")


class HealthRecord(BaseModel):
    """The state of the server, and its model."""

    status: str
    model: str


class ErrorRecord(BaseModel):
    """The reason why a request failed."""

    error: str
