"""Answers in YClients' shapes: success, both kinds of errors, and pages where JSON was due."""

from typing import Any, Final

from starlette.responses import HTMLResponse, JSONResponse, Response

PAGE: Final = "<!doctype html><html lang=ru><title>YCLIENTS</title><h1>Подождите, пожалуйста</h1>"
APPLICATION_UNKNOWN: Final = "Агрегатор не найден"
SETTINGS_PAGE: Final = "https://yclients.com/appstore/settings"
ALREADY_INSTALLED: Final = "Пользователь уже установил это приложение."


class Refused(Exception):  # noqa: N818 - an answer, no fault of the program
    def __init__(self, answer: Response) -> None:
        super().__init__(answer.status_code)
        self.answer = answer


def success(data: Any, status: int = 200, meta: Any = None) -> JSONResponse:
    """``meta`` is ``[]`` or ``{}`` when there is nothing to say (D1)."""
    return JSONResponse(
        {"success": True, "data": data, "meta": {} if meta is None else meta}, status
    )


def refusal(status: int, message: str, errors: Any = None) -> JSONResponse:
    meta: dict[str, Any] = {"message": message}
    if errors is not None:
        meta["errors"] = errors
    return JSONResponse({"success": False, "data": None, "meta": meta}, status)


def second_refusal(status: int, message: str) -> JSONResponse:
    """The other shape, of some 401 and 404 (D1)."""
    return JSONResponse(
        {"errors": {"code": status, "message": message}, "meta": {"message": message}}, status
    )


def page(status: int = 200, location: str | None = None) -> Response:
    return HTMLResponse(PAGE, status, {"location": location} if location else None)


def invalid(**fields: str) -> JSONResponse:
    errors = {name: [message] for name, message in fields.items()}
    return refusal(422, "Произошла ошибка", errors)
