"""Every call that this YClients answers: its path, and who may make it."""

from enum import StrEnum
from typing import Final, NamedTuple


class Operation(StrEnum):
    """Calls of the marketplace, by their numbers in the reference sheet, and of a salon."""

    ACTIVATE = "activate"
    """#1"""
    ACTIVATE_WITH_CHANNELS = "activate_with_channels"
    """#2"""
    PAYMENT = "payment"
    """#3"""
    REFUND = "refund"
    """#4"""
    SHORT_NAMES = "short_names"
    """#5"""
    CONNECTION = "connection"
    """#6"""
    SALONS = "salons"
    """#7"""
    UNINSTALL = "uninstall"
    """#8"""
    PAYMENT_LINK = "payment_link"
    """#9"""
    TARIFFS = "tariffs"
    """#10"""
    DISCOUNT = "discount"
    """#11"""
    CHANNEL = "channel"
    """#12"""
    COMPANY = "company"
    BOOK_SERVICES = "book_services"
    BOOK_STAFF = "book_staff"
    BOOK_DATES = "book_dates"
    BOOK_TIMES = "book_times"
    BOOK_CHECK = "book_check"
    BOOK_RECORD = "book_record"
    BOOK_RECORD_MOVE = "book_record_move"
    BOOK_RECORD_GET = "book_record_get"
    BOOK_RECORD_DELETE = "book_record_delete"
    RECORDS = "records"
    RECORD_CREATE = "record_create"
    RECORD_GET = "record_get"
    RECORD_CHANGE = "record_change"
    RECORD_DELETE = "record_delete"
    CLIENTS_SEARCH = "clients_search"
    SERVICES = "services"
    STAFF = "staff"
    SCHEDULE = "schedule"


class Door(StrEnum):
    """What a call must bring along."""

    PARTNER = "partner"
    """`Bearer <partner token>`."""
    USER = "user"
    """`Bearer <partner token>, User <user token>`, in a salon that the application is active in."""
    HASH = "hash"
    """The partner's token, and the record's hash in the path or the user's token (D1)."""


class Call(NamedTuple):
    method: str
    path: str
    operation: Operation
    door: Door = Door.PARTNER


_SALON: Final = "/marketplace/salon/{salon_id:int}/application/{application_id:int}"
_APPLICATION: Final = "/marketplace/application/{application_id:int}"
_COMPANY: Final = "/api/v1/company/{salon_id:int}"
_OF_SALON: Final = "{salon_id:int}"
_RECORD: Final = "/api/v1/record/{salon_id:int}/{record_id:int}"
_BOOKED: Final = "/api/v1/book_record/{salon_id:int}/{record_id:int}"

CALLS: Final = (
    Call("POST", "/marketplace/partner/callback/redirect", Operation.ACTIVATE),
    Call("POST", "/marketplace/partner/callback", Operation.ACTIVATE_WITH_CHANNELS),
    Call("POST", "/marketplace/partner/payment", Operation.PAYMENT),
    Call("POST", "/marketplace/partner/payment/refund/{payment_id:int}", Operation.REFUND),
    Call("POST", "/marketplace/partner/short_names", Operation.SHORT_NAMES),
    Call("GET", _SALON, Operation.CONNECTION),
    Call("GET", f"{_APPLICATION}/salons", Operation.SALONS),
    Call("POST", f"{_SALON}/uninstall", Operation.UNINSTALL),
    Call("GET", "/marketplace/application/payment_link", Operation.PAYMENT_LINK),
    Call("GET", f"{_APPLICATION}/tariffs", Operation.TARIFFS),
    Call("POST", "/marketplace/application/add_discount", Operation.DISCOUNT),
    Call("POST", "/marketplace/application/update_channel", Operation.CHANNEL),
    Call("GET", _COMPANY, Operation.COMPANY),
    Call("GET", f"{_COMPANY}/", Operation.COMPANY),
    Call("GET", f"/api/v1/book_services/{_OF_SALON}", Operation.BOOK_SERVICES),
    Call("GET", f"/api/v1/book_staff/{_OF_SALON}", Operation.BOOK_STAFF),
    Call("GET", f"/api/v1/book_dates/{_OF_SALON}", Operation.BOOK_DATES),
    Call("GET", f"/api/v1/book_times/{_OF_SALON}/{{staff_id:int}}/{{date}}", Operation.BOOK_TIMES),
    Call("POST", f"/api/v1/book_check/{_OF_SALON}", Operation.BOOK_CHECK),
    Call("POST", f"/api/v1/book_record/{_OF_SALON}", Operation.BOOK_RECORD),
    Call("PUT", _BOOKED, Operation.BOOK_RECORD_MOVE),
    Call("GET", f"{_BOOKED}/{{record_hash}}", Operation.BOOK_RECORD_GET, Door.HASH),
    Call(
        "DELETE",
        "/api/v1/user/records/{record_id:int}/{record_hash}",
        Operation.BOOK_RECORD_DELETE,
        Door.HASH,
    ),
    Call("GET", f"/api/v1/records/{_OF_SALON}", Operation.RECORDS, Door.USER),
    Call("POST", f"/api/v1/records/{_OF_SALON}", Operation.RECORD_CREATE, Door.USER),
    Call("GET", _RECORD, Operation.RECORD_GET, Door.USER),
    Call("PUT", _RECORD, Operation.RECORD_CHANGE, Door.USER),
    Call("DELETE", _RECORD, Operation.RECORD_DELETE, Door.USER),
    Call("POST", f"{_COMPANY}/clients/search", Operation.CLIENTS_SEARCH, Door.USER),
    Call("GET", f"{_COMPANY}/services", Operation.SERVICES, Door.USER),
    Call("GET", f"{_COMPANY}/services/{{service_id:int}}", Operation.SERVICES, Door.USER),
    Call("GET", f"{_COMPANY}/staff", Operation.STAFF, Door.USER),
    Call("GET", f"{_COMPANY}/staff/schedule", Operation.SCHEDULE, Door.USER),
    Call("GET", f"{_COMPANY}/staff/{{staff_id:int}}", Operation.STAFF, Door.USER),
)
WITHOUT_BODY: Final = frozenset({Operation.REFUND, Operation.UNINSTALL})
