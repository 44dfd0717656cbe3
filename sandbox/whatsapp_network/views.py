"""The control API's bodies, shared by the server and its client. Times are ms since the epoch."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from sandbox.whatsapp_network.account import Account, Companion
from sandbox.whatsapp_network.faults import Fault
from sandbox.whatsapp_network.journal import Event, UnknownStanza
from sandbox.whatsapp_network.network import Network
from sandbox.whatsapp_network.phone_signs import Sign

Number = Annotated[str, Field(pattern=r"^[1-9]\d{9,14}$")]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewPhone(Body):
    """`number` is E.164 digits without the plus."""

    number: Number
    name: Annotated[str, Field(min_length=1, max_length=60)] = "Телефон"
    passkey_required: bool = False


class Scan(Body):
    """The text of a QR; without it the phone scans the newest screen, or the one labelled so."""

    qr: Annotated[str, Field(max_length=2000)] | None = None
    label: str | None = None


class TypedCode(Body):
    code: Annotated[str, Field(max_length=40)]


class NewScreen(Body):
    qr: Annotated[str, Field(min_length=1, max_length=2000)]
    label: Annotated[str, Field(max_length=100)] = ""


class DropRequest(Body):
    """Without a number every connection is dropped."""

    number: Number | None = None


class SignRequest(Body):
    """Without a device all of them are told."""

    kind: Sign = Sign.READ
    device: Annotated[int, Field(ge=1)] | None = None


class ScreenView(BaseModel):
    label: str
    age_s: float


class ScreenList(BaseModel):
    screens: list[ScreenView]


class DeviceView(BaseModel):
    device: int
    name: str
    jid: str
    lid: str
    linked_at_ms: int
    last_seen_ms: int | None
    online: bool


class PhoneView(BaseModel):
    number: str
    name: str
    passkey_required: bool
    lid: str
    devices: list[DeviceView]


class PhoneList(BaseModel):
    phones: list[PhoneView]


class FaultList(BaseModel):
    faults: list[Fault]


class EventList(BaseModel):
    events: list[Event]


class UnknownStanzaList(BaseModel):
    stanzas: list[UnknownStanza]


class Dropped(BaseModel):
    dropped: int


class GivenSign(BaseModel):
    """How many devices were there to hear it."""

    devices: int


class ErrorView(BaseModel):
    error: str
    code: str


def view_phone(network: Network, account: Account) -> PhoneView:
    devices = [view_device(network, account, each) for each in account.companions.values()]
    return PhoneView(
        number=account.number,
        name=account.name,
        passkey_required=account.passkey_required,
        lid=str(account.lid_jid()),
        devices=devices,
    )


def view_device(network: Network, account: Account, companion: Companion) -> DeviceView:
    return DeviceView(
        device=companion.device,
        name=companion.name,
        jid=str(account.jid(companion.device)),
        lid=str(account.lid_jid(companion.device)),
        linked_at_ms=companion.linked_at_ms,
        last_seen_ms=companion.last_seen_ms,
        online=network.online(account.number, companion.device) is not None,
    )
