"""What compares answers with the document finds what is wrong with them."""

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from api_service.web.admin.models import AdminAnswer
from api_service.web.openapi.operation import Answer, DocumentedRoute, Operation
from tests.support.documented import Documented, UndocumentedAnswerError, undocumented


def test_a_route_without_a_document_is_found() -> None:
    assert undocumented([Route("/new", _answer), *_documented({}).routes]) == ["/new"]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (httpx2.Response(201, json={"success": True}), "this status is not documented"),
        (httpx2.Response(200, json={"success": True, "more": 1}), "Additional properties"),
        (httpx2.Response(200, json={"success": 1}), "true was expected"),
        (httpx2.Response(200, json={}), "is a required property"),
        (httpx2.Response(200, html="<p>"), "'text/html', where"),
        (httpx2.Response(204), "this status is not documented"),
    ],
)
def test_an_answer_that_is_not_as_documented_is_found(answer: httpx2.Response, fault: str) -> None:
    with pytest.raises(UndocumentedAnswerError, match=fault):
        Documented(_documented({})).check("GET", "/it", answer)


def test_a_documented_header_that_is_missing_is_found() -> None:
    with pytest.raises(UndocumentedAnswerError, match=r"headers are missing: .*X-Left"):
        Documented(_documented({"X-Left": "So many."})).check(
            "GET", "/it", httpx2.Response(200, json={"success": True})
        )


def _documented(headers: dict[str, str]) -> Starlette:
    operation = Operation("It", [Answer(200, "It.", AdminAnswer, headers=headers)], "It")
    return Starlette(routes=[DocumentedRoute("/it", _answer, operation)])


async def _answer(_request: object) -> JSONResponse:
    return JSONResponse({"success": True})
