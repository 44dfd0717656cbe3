"""Salons that are linked already, made in no time: rows for both sides of a link.

A device is what linking leaves behind: an account with a companion in the network's state file, the
same device with its private keys in the library's tables, and the salon's row in ours. The keys
belong together and the signatures hold; the login that follows is the real one.
"""

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

from sandbox.whatsapp_network.account import (
    CURVE25519_TYPE,
    Account,
    Companion,
    SignedPreKey,
    new_account,
)
from sandbox.whatsapp_network.curve25519 import KeyPair
from sandbox.whatsapp_network.linking import DEVICE_SIGNATURE, DeviceIdentity
from sandbox.whatsapp_network.protobufs import ADVSignedDeviceIdentity
from shared.company_id import SessionId

PREKEYS: Final = 40
"""Of 812 that a device offers at first; below five the library makes new ones."""
SIGNED_PREKEY_ID: Final = 1
DEVICE: Final = 1

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LinkedSalon:
    """``session_id`` is linked to device 1 of the account of ``phone``."""

    number: int
    account: Account
    device_row: Row
    prekeys: tuple[KeyPair, ...]

    @property
    def session_id(self) -> SessionId:
        return SessionId(f"company_{self.number}")

    @property
    def phone(self) -> str:
        return self.account.number

    @property
    def jid(self) -> str:
        return str(self.account.jid(DEVICE))


def make_salon(number: int, device_name: str = "AI Admin") -> LinkedSalon:
    """Salon ``number``, linked by an account of its own; nothing is stored yet."""
    account = new_account(f"79{number:09}", f"Салон {number}")
    noise, identity, prekey, adv = KeyPair(), KeyPair(), KeyPair(), secrets.token_bytes(32)
    prekeys = tuple(KeyPair() for _ in range(PREKEYS))
    signature = identity.sign(CURVE25519_TYPE + prekey.public)
    registration_id = 1 + secrets.randbelow(2**31 - 2)
    issued = DeviceIdentity.issue(account, DEVICE, identity.public)
    account.next_device = DEVICE + 1
    account.companions[DEVICE] = Companion(
        device=DEVICE,
        name=device_name,
        identity=identity.public,
        registration_id=registration_id,
        signed_prekey=SignedPreKey(id=SIGNED_PREKEY_ID, public=prekey.public, signature=signature),
        noise_static=noise.public,
        prekeys={number: each.public for number, each in enumerate(prekeys, 1)},
        first_sync_sent=True,
    )
    agreed = DEVICE_SIGNATURE + issued.details + identity.public + account.identity.public
    row = {
        "jid": str(account.jid(DEVICE)),
        "lid": str(account.lid_jid(DEVICE)),
        "registration_id": registration_id,
        "noise_key": noise.private,
        "identity_key": identity.private,
        "signed_pre_key": prekey.private,
        "signed_pre_key_id": SIGNED_PREKEY_ID,
        "signed_pre_key_sig": signature,
        "adv_key": adv,
        "adv_details": issued.details,
        "adv_account_sig": ADVSignedDeviceIdentity.FromString(issued.signed).accountSignature,
        "adv_account_sig_key": account.identity.public,
        "adv_device_sig": identity.sign(agreed),
        "platform": "android",
        "push_name": account.name,
    }
    return LinkedSalon(number, account, row, prekeys)


def store_salons(database_url: str, salons: Iterable[LinkedSalon]) -> None:
    """Into the library's tables, which must be there, and into ours; the last is the newest."""
    salons = list(salons)
    now = time.time()
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        _copy(cursor, "whatsmeow_device", [salon.device_row for salon in salons])
        _copy(cursor, "whatsmeow_lid_map", [_lid(salon) for salon in salons])
        _copy(
            cursor,
            "whatsmeow_pre_keys",
            [
                {"jid": salon.jid, "key_id": key_id, "key": key.private, "uploaded": True}
                for salon in salons
                for key_id, key in enumerate(salon.prekeys, 1)
            ],
        )
        for age, salon in enumerate(reversed(salons)):
            cursor.execute(
                "INSERT INTO whatsapp_sessions"
                " (session_id, jid, phone, state, linked_at, last_connected_at)"
                " VALUES (%s, %s, %s, 'linked', now(), to_timestamp(%s))",
                [salon.session_id, salon.jid, salon.phone, now - age],
            )


def _lid(salon: LinkedSalon) -> Row:
    return {"lid": salon.account.lid, "pn": salon.phone}


def _copy(cursor: psycopg.Cursor[Any], table: str, rows: list[Row]) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, rows[0]))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), columns)
    with cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(list(row.values()))
