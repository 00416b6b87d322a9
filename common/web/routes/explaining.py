"""The endpoints /why and /heat, which show how the networks read an image."""

from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from common import printable
from common.data.formats import DataError
from common.evaluation.explanation import MAX_SIDE, heat_of
from common.evaluation.neighbours import TrainingDigits
from common.images.decoding import read_image
from common.preprocessing import digit_picture, resized
from common.web import records
from common.web.classifiers import Classifiers
from common.web.desk import Desk
from common.web.parameters import IMAGE_REQUEST, NO_MARK, REFUSALS, MarkBox, ModelName, marked
from common.web.pictures import data_url, heat_picture, layer_picture, occlusion_picture, png


def explaining_routes(desk: Desk, classifiers: Classifiers) -> APIRouter:
    """Builds the endpoints that explain readings."""
    routes = APIRouter()
    training_digits = TrainingDigits()

    @routes.post(
        "/why", summary="Explain how a mark was read", responses=REFUSALS | NO_MARK, **IMAGE_REQUEST
    )
    async def why(request: Request, box: MarkBox, model: ModelName = None) -> records.WhyRecord:
        """Explains how the classifier read one mark of an image."""

        def work(content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
            glyph, mark = marked(classifiers.examine(model, content), box)
            explained = classifiers.explainer(model).explain_mark(mark, digit_picture(glyph.ink))
            shown = {
                "layers": [data_url(layer_picture(maps)) for maps in explained.layers],
                "occlusion": data_url(occlusion_picture(explained.picture, explained.occlusion)),
            }
            return explained.picture, shown

        picture, shown = await desk.do(request, work)
        nearest, error = await run_in_threadpool(_nearest, training_digits, picture)
        return records.WhyRecord(**shown, nearest=nearest, nearest_error=error)

    _add_heat(routes, desk, classifiers)
    return routes


def _add_heat(routes: APIRouter, desk: Desk, classifiers: Classifiers) -> None:
    """Adds the endpoint that shows the heat map."""

    @routes.post(
        "/heat",
        summary="Show where the finder looks",
        response_class=Response,
        **IMAGE_REQUEST,
        responses={200: {"content": {"image/png": {}}}, **REFUSALS},
    )
    async def heat(request: Request) -> Response:
        """Draws the finder's heat map of digit centres, as an overlay for the upright image."""

        def work(content: bytes) -> bytes:
            image = read_image(content)
            reading = classifiers.examine(None, content).reading
            small = resized(image, min(1.0, MAX_SIDE / max(image.shape)))
            return png(heat_picture(heat_of(small, reading.rotation, classifiers.own.finder)))

        return Response(await desk.do(request, work), media_type="image/png")


def _nearest(
    training_digits: TrainingDigits, picture: np.ndarray
) -> tuple[list[records.NearestDigit], str | None]:
    """Returns the training digits most like a picture, or the reason why there are none."""
    try:
        found = training_digits.nearest(picture)
    except DataError as error:
        return [], printable(str(error))
    return [
        records.NearestDigit(digit=each.digit, picture=data_url(each.picture)) for each in found
    ], None
