"""The endpoints /find-fields and /check-fields, which help to write field files."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from common import printable
from common.forms.field_file import MAX_BYTES, FieldFileError, parsed_form
from common.forms.proposals import proposed_entries
from common.images.decoding import read_image
from common.web.desk import Desk
from common.web.parameters import IMAGE_REQUEST, REFUSALS, refusal

# The empty schema allows any body: /check-fields reports what is wrong with it.
FILE_REQUEST: dict[str, Any] = {
    "openapi_extra": {
        "requestBody": {
            "description": "A field file; docs/forms.md describes the format.",
            "content": {"application/json": {"schema": {}}},
        }
    }
}
FILE_REFUSALS = {
    **refusal(408, "The file arrived too slowly."),
    **refusal(413, "The file has too many bytes."),
    **refusal(503, "Too many requests at once."),
}


class ProposedField(BaseModel):
    """A proposed field, as an entry of a field file."""

    name: str
    box: list[float] = Field(description="Left, top, width and height in per cent of the page.")
    digits: int | list[int] = Field(
        description="Number of digits, or the minimum and the maximum number."
    )


class ProposalRecord(BaseModel):
    """The proposed fields of an empty form."""

    fields: list[ProposedField]


class CheckRecord(BaseModel):
    """The result of checking a field file."""

    problem: str | None = Field(description="What is wrong with the file; null if it is valid.")


def form_routes(desk: Desk) -> APIRouter:
    """Builds the endpoints that help to write field files."""
    routes = APIRouter()

    @routes.post(
        "/find-fields", summary="Propose the fields of a form", responses=REFUSALS, **IMAGE_REQUEST
    )
    async def find_fields(request: Request) -> ProposalRecord:
        """Proposes a field for each box and comb in the image of an empty form."""

        def work(content: bytes) -> ProposalRecord:
            return ProposalRecord.model_validate({"fields": proposed_entries(read_image(content))})

        return await desk.do(request, work)

    @routes.post(
        "/check-fields", summary="Check a field file", responses=FILE_REFUSALS, **FILE_REQUEST
    )
    async def check_fields(request: Request) -> CheckRecord:
        """Checks a field file as `predict_image.py --fields` does, except for its template."""
        return CheckRecord(problem=await desk.do(request, _problem))

    return routes


def _problem(content: bytes) -> str | None:
    if len(content) > MAX_BYTES:
        return f"The file has {len(content):,} bytes; expected at most {MAX_BYTES:,}."
    try:
        parsed_form(content, "The file")
    except FieldFileError as error:
        return printable(str(error))
    return None
