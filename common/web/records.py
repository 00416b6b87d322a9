"""The JSON answers of the HTTP API, for its OpenAPI description."""

from pydantic import BaseModel, Field


class Alternative(BaseModel):
    """Another digit that the mark could be."""

    digit: int = Field(ge=0, le=9)
    confidence: float = Field(ge=0, le=1)


class Digit(BaseModel):
    """One digit on the image."""

    digit: int = Field(ge=0, le=9)
    confidence: float = Field(ge=0, le=1, description="Calibrated probability.")
    line: int = Field(ge=0, description="Line of text; 0 is the top line.")
    box: list[int] = Field(
        min_length=4,
        max_length=4,
        description="Left, top, width and height in pixels of the upright image.",
    )
    alternatives: list[Alternative]


class SeenDigit(Digit):
    """A digit or an ignored mark, with the network's view of it."""

    place: int = Field(ge=0, description="Position in reading order, ignored marks included.")
    picture: str = Field(description="28x28 pixels, as a data: URL of a PNG file.")


class ReadingRecord(BaseModel):
    """The reading of an image, as `predict_image.py --json -` prints it."""

    image: str
    text: str | None = Field(description="All lines; null if the image could not be read.")
    lines: list[str]
    digits: list[Digit]
    error: str | None
    rotation: int = Field(
        description="Degrees clockwise by which the image was turned to be read: 0 to 270."
    )
    hint: str | None = Field(description="Likely reason why no digit was found; null if one was.")


class LookRecord(BaseModel):
    """The reading of an image, with everything that the web page shows."""

    width: int = Field(description="Width of the upright image in pixels.")
    height: int = Field(description="Height of the upright image in pixels.")
    text: str
    hint: str | None = Field(description="Likely reason why no digit was found; null if one was.")
    digits: list[SeenDigit]
    left_out: list[SeenDigit] = Field(description="Ignored marks: not digits, or too uncertain.")


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
