"""What the server answers with, for its OpenAPI description."""

from pydantic import BaseModel, Field


class Alternative(BaseModel):
    """Another digit that it might be."""

    digit: int = Field(ge=0, le=9)
    confidence: float = Field(ge=0, le=1)


class Digit(BaseModel):
    """One digit as it was read."""

    digit: int = Field(ge=0, le=9)
    confidence: float = Field(ge=0, le=1, description="Calibrated probability.")
    line: int = Field(ge=0, description="Line of writing, counted from 0 at the top.")
    box: list[int] = Field(
        min_length=4,
        max_length=4,
        description="Left, top, width and height in pixels of the upright image.",
    )
    alternatives: list[Alternative]


class SeenDigit(Digit):
    """A digit with what the network sees of it."""

    place: int = Field(ge=0, description="In reading order, with what is left out.")
    picture: str = Field(description="28x28 pixels, a PNG as a data: URL.")


class ReadingRecord(BaseModel):
    """What is written on an image; the same record as `predict_image.py --json -` prints."""

    image: str
    text: str | None = Field(description="All lines; null where the image could not be read.")
    lines: list[str]
    digits: list[Digit]
    error: str | None
    rotation: int = Field(
        description="Degrees clockwise by which the image was turned to be read: 0 to 270."
    )
    hint: str | None = Field(description="Where there is no digit: why perhaps, and what helps.")


class LookRecord(BaseModel):
    """What the page shows of an image."""

    width: int = Field(description="Of the upright image, in pixels.")
    height: int
    text: str
    hint: str | None = Field(description="Where there is no digit: why perhaps, and what helps.")
    digits: list[SeenDigit]
    left_out: list[SeenDigit] = Field(description="Marks that are no digit, or not surely one.")


class KeptRecord(BaseModel):
    """The user's own digits."""

    folder: str
    count: int = Field(ge=0)
    command: str = Field(description="What to type to train on them.")


class HealthRecord(BaseModel):
    """That the server is up, and with which model."""

    status: str
    model: str


class ErrorRecord(BaseModel):
    """Why there is no answer."""

    error: str
