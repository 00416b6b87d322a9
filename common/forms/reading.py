"""The readings of a form and its fields, and their representation in JSON."""

from dataclasses import asdict, dataclass
from typing import Any

from common.reading import Reading


@dataclass(frozen=True)
class FieldRecord:
    """The reading of a field, as it appears in JSON."""

    text: str
    """The most likely value that fits the field. If no likely value fits, the digits as read."""
    confidence: float
    """Probability that every digit is right and none is missing or extra, 0 to 1."""
    ok: bool
    """Whether the value fits the field and is certain enough to need no review."""
    reason: str | None
    """Reason why the value needs a review; null if it needs none."""
    plain: str | None
    """The digits as read without the rules of the field; null if they equal `text`."""


@dataclass(frozen=True)
class FieldReading:
    """The reading of a field, with its place in the image.

    Attributes:
        name: Name of the field.
        record: The reading, as it appears in JSON.
        corners: The corners of the field in the image, each x and y in pixels, in the order top
            left, top right, bottom right, bottom left.
        pictures: The picture that the classifier saw of each digit, as the bytes of uint8 (28, 28);
            see `preprocessing.digit_picture`. Empty if the value needs no review.
    """

    name: str
    record: FieldRecord
    corners: tuple[tuple[float, float], ...]
    pictures: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class FormReading(Reading):
    """The reading of a form. The digits of each field form one line; empty fields have none.

    Attributes:
        fields: One reading for each field, in the order of the field file; empty if the image
            could not be read.
    """

    fields: tuple[FieldReading, ...] = ()

    def as_dict(self, top: int = 1) -> dict[str, Any]:
        """Returns the JSON form with the extra key `fields`. Its value is None after an error."""
        fields = {field.name: asdict(field.record) for field in self.fields}
        return super().as_dict(top) | {"fields": None if self.error else fields}
