"""The salon's own desk: what happens there without our doing, told as every other change."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.yclients.control_views import Phone, Visit, view_catalogue, view_record
from sandbox.yclients.salon.business import Business, Details, Wish
from sandbox.yclients.salon.businesses import Businesses


class ControlDesk:
    """Endpoints. What the salon's own rules refuse is answered as YClients answers it."""

    def __init__(self, businesses: Businesses) -> None:
        self._businesses = businesses

    async def catalogue(self, request: Request) -> Response:
        return _json(view_catalogue(self._of(request)).model_dump_json())

    async def records(self, request: Request) -> Response:
        """Deleted ones, too."""
        business = self._of(request)
        views = (view_record(each, business) for each in business.book.records.values())
        return _json(f"[{','.join(each.model_dump_json() for each in views)}]")

    async def book(self, request: Request) -> Response:
        business = self._of(request)
        visit = Visit.model_validate_json(await request.body())
        [slot] = business.place([Wish(visit.staff_id, visit.service_ids, visit.start)])
        client = business.client(visit.phone, visit.name, "")
        details = Details(comment=visit.comment)
        record = business.add(slot, business.lines(visit.service_ids), client, details)
        return _json(view_record(record, business).model_dump_json())

    async def cancel(self, request: Request) -> Response:
        business = self._of(request)
        record = business.record(request.path_params["record_id"])
        if record is None:
            raise LookupError
        business.cancel(record)
        return JSONResponse({})

    async def blacklist(self, request: Request) -> Response:
        """That number's bookings are refused from now on."""
        phone = Phone.model_validate_json(await request.body()).phone
        self._of(request).book.blacklist.append(phone)
        return JSONResponse({})

    def _of(self, request: Request) -> Business:
        return self._businesses.of(request.path_params["salon_id"])


def _json(text: str) -> Response:
    return Response(text, media_type="application/json")
