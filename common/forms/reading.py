"""What was read in the fields of a form, and its JSON form."""

from dataclasses import asdict, dataclass
from typing import Any

from common.reading import Reading


@dataclass(frozen=True)
class FieldRecord:
    """The JSON form of what was read in a field."""

    text: str
    """The most likely digits that fit the field; if none do, the digits as read."""
    confidence: float
    """Probability that all digits are right, and no digit is missing or extra, 0 to 1."""
    ok: bool
    """Whether the value fits the field and is certain enough to need no review."""
    reason: str | None
    """Why the value needs a review; null if it does not."""
    plain: str | None
    """The digits as read without knowledge of the field; null if they are the same."""


@dataclass(frozen=True)
class FieldReading:
    """What was read in a field.

    Attributes:
        name: Name of the field.
        record: What was read, in its JSON form.
        corners: Place of the field on the image: x and y of its top left, top right, bottom right
            and bottom left corner, in pixels.
        pictures: If the value needs a review, what the classifier saw of each digit: the pixels of
            28x28 pictures, uint8; see `preprocessing.digit_picture`.
    """

    name: str
    record: FieldRecord
    corners: tuple[tuple[float, float], ...]
    pictures: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class FormReading(Reading):
    """What is written in the fields of a form. Each field with digits is a line.

    Attributes:
        fields: One reading for each field, in the order of the field file; empty if the image
            could not be read.
    """

    fields: tuple[FieldReading, ...] = ()

    def as_dict(self, top: int = 1) -> dict[str, Any]:
        """Returns the JSON form as nested dicts, with the key `fields`: null after an error."""
        fields = {field.name: asdict(field.record) for field in self.fields}
        return super().as_dict(top) | {"fields": None if self.error else fields}
