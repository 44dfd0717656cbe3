"""``python -m api_service.admin``: tokens of the admin API, and the keys of secrets at rest.

create --name NAME --role ROLE   make a token and print it, this once: only its hash is kept
list                             every token there ever was, without the tokens
revoke NAME                      from now on that token opens nothing
callback SALON                   print what is to be sent to YClients for a salon that was left
                                 to an operator (SKIP_YCLIENTS_CALLBACK): it holds secrets
rotate-keys                      encrypt what is kept encrypted anew, under the first of
                                 ENCRYPTION_KEYS; may be stopped and started again at any moment

Roles: admin reads; marketplace_admin also changes; superadmin also reads the record of changes.
Needs DATABASE_URL; rotate-keys and callback also ENCRYPTION_KEYS; callback also YCLIENTS_APP_ID and
PUBLIC_URL. Every change, and every look at a secret, is on record.
"""

import argparse
import asyncio
import os
import re
import sys
from collections.abc import Sequence
from datetime import datetime
from getpass import getuser
from typing import Final

from pydantic import SecretStr

from api_service.core.admin.key_rotation import Rotation, rotate
from api_service.core.admin.left_callback import CallbackOffice
from api_service.core.admin.operators import ENVIRONMENT, hash_of, new_token
from api_service.core.vault import Vault
from api_service.store.admin_audit import Actor, Deed, Outcome, add_audit_record
from api_service.store.admin_tokens import (
    KnownToken,
    Role,
    admin_tokens,
    create_admin_token,
    revoke_admin_token,
)
from shared.company_id import SalonId
from shared.db import Connection, DatabaseError, connect_alone
from shared.settings import EXIT_CONFIGURATION

DEADLINE_S: Final = 10.0
ROTATION_DEADLINE_S: Final = 3600.0

_NEEDED: Final = {
    "rotate-keys": ("ENCRYPTION_KEYS",),
    "callback": ("ENCRYPTION_KEYS", "YCLIENTS_APP_ID", "PUBLIC_URL"),
}
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)


class OrderError(Exception):
    """Nothing was changed, or not all; the text says why in one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 1 refused or no database, 2 bad arguments, 78 a setting is missing."""
    chosen = _parser().parse_args(arguments)
    name = getattr(chosen, "name", None)
    if name is not None and (not _NAME.fullmatch(name) or name == ENVIRONMENT):
        return _complain("a name has small letters, digits, dots, dashes, at most 64", 2)
    needed = ("DATABASE_URL", *_NEEDED.get(chosen.order, ()))
    missing = [variable for variable in needed if not os.environ.get(variable)]
    if missing:
        return _complain(f"{missing[0]} is missing", EXIT_CONFIGURATION)
    try:
        sys.stdout.write(asyncio.run(_carry_out(chosen)))
    except OrderError as error:
        return _complain(str(error), 1)
    except (DatabaseError, TimeoutError) as error:
        return _complain(f"the database cannot be used: {type(error).__name__}", 1)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m api_service.admin",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    orders = parser.add_subparsers(dest="order", required=True)
    create = orders.add_parser("create")
    create.add_argument("--name", required=True)
    create.add_argument("--role", required=True, choices=[role.value for role in Role])
    orders.add_parser("list")
    orders.add_parser("revoke").add_argument("name")
    orders.add_parser("callback").add_argument("salon", type=int)
    orders.add_parser("rotate-keys")
    return parser


async def _carry_out(chosen: argparse.Namespace) -> str:
    deadline_s = ROTATION_DEADLINE_S if chosen.order == "rotate-keys" else DEADLINE_S
    async with asyncio.timeout(deadline_s):
        async with await connect_alone(os.environ["DATABASE_URL"]) as connection:
            match chosen.order:
                case "create":
                    return await _create(connection, chosen.name, Role(chosen.role))
                case "revoke":
                    return await _revoke(connection, chosen.name)
                case "callback":
                    return await _callback(connection, SalonId(chosen.salon))
                case "rotate-keys":
                    return await _rotate_keys(connection, os.environ["ENCRYPTION_KEYS"])
                case _:
                    return "".join(map(_line, await admin_tokens(connection)))


async def _create(connection: Connection, name: str, role: Role) -> str:
    token = new_token()
    async with connection.transaction():
        token_id = await create_admin_token(connection, name, role, hash_of(token))
        if token_id is None:
            raise OrderError(f"{name} has a token: revoke it first")
        detail = {"name": name, "role": role.value, "token_id": token_id}
        await _record(connection, Deed("token_create", detail=detail))
    return f"{token}\n"


async def _revoke(connection: Connection, name: str) -> str:
    async with connection.transaction():
        token_id = await revoke_admin_token(connection, name)
        if token_id is None:
            raise OrderError(f"{name} has no token")
        await _record(connection, Deed("token_revoke", detail={"name": name, "token_id": token_id}))
    return f"{name} revoked\n"


async def _callback(connection: Connection, salon_id: SalonId) -> str:
    """The look is on record before anything is shown."""
    application_id = os.environ["YCLIENTS_APP_ID"]
    if not application_id.isdecimal():
        raise OrderError("YCLIENTS_APP_ID is no number")
    office = CallbackOffice(
        _vault(os.environ["ENCRYPTION_KEYS"]),
        int(application_id),
        os.environ["PUBLIC_URL"].rstrip("/"),
    )
    try:
        body = await office.body_for(connection, salon_id)
    except LookupError:
        raise OrderError("none of ENCRYPTION_KEYS opens the salon's secrets") from None
    if body is None:
        raise OrderError(f"salon {salon_id} is not left to an operator")
    await _record(connection, Deed("callback_show", salon_id=salon_id))
    return f"{body}\n"


def _vault(keys: str) -> Vault:
    given = [SecretStr(key.strip()) for key in keys.split(",") if key.strip()]
    if not given:
        raise OrderError("ENCRYPTION_KEYS has no key in it")
    return Vault(given)


async def _rotate_keys(connection: Connection, keys: str) -> str:
    rotation = await rotate(connection, _vault(keys))
    detail = {
        "resealed": rotation.resealed,
        "current": rotation.current,
        "changed_meanwhile": rotation.changed_meanwhile,
        "unreadable": len(rotation.unreadable),
    }
    await _record(connection, Deed("keys_rotate", detail=detail))
    sys.stdout.write("".join(f"{name} {count}\n" for name, count in detail.items()))
    _require_whole(rotation)
    return ""


def _require_whole(rotation: Rotation) -> None:
    """Raises OrderError while an old key may still be needed."""
    if rotation.unreadable:
        first = ", ".join(map(str, rotation.unreadable[:10]))
        raise OrderError(f"none of ENCRYPTION_KEYS opens the secrets of salons: {first}")
    if rotation.changed_meanwhile:
        raise OrderError("some changed meanwhile: run it again before taking an old key out")


async def _record(connection: Connection, deed: Deed) -> None:
    actor = Actor(_user(), Role.SUPERADMIN.value, "shell")
    await add_audit_record(connection, actor, deed, Outcome.DONE)


def _user() -> str:
    try:
        return f"shell:{getuser()}"
    except (KeyError, OSError):  # a container's user may have no name
        return f"shell:{os.getuid()}"


def _line(token: KnownToken) -> str:
    used = _day(token.last_used_at) or "never"
    state = f"revoked {_day(token.revoked_at)}" if token.revoked_at else f"used {used}"
    return f"{token.name} {token.role.value} made {_day(token.created_at)} {state}\n"


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else ""


def _complain(text: str, status: int) -> int:
    sys.stderr.write(f"admin: {text}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
