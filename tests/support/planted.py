"""Secrets that a test plants, and the search for what became of them in what programs wrote."""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

_SHORTEST_PIECE: Final = 6
_BETWEEN_DIGITS: Final = r"(?:%[0-9A-Fa-f]{2}|[^0-9A-Za-z\n]){0,4}"


@dataclass(frozen=True, slots=True)
class Planted:
    """``what`` names it in a complaint, which never shows ``value``."""

    what: str
    value: str = field(repr=False)
    pattern: re.Pattern[str] = field(repr=False)

    def traces(self, text: str) -> list[str]:
        """The name and the number of each line in which it stands."""
        return [
            f"{self.what} in line {number}"
            for number, line in enumerate(text.splitlines(), start=1)
            if self.pattern.search(line)
        ]


def secret(what: str, value: str) -> Planted:
    """Found as it is, as a URL writes it, as JSON writes it, and as base64 of itself."""
    assert len(value) >= _SHORTEST_PIECE, what
    encoded = base64.b64encode(value.encode()).decode().rstrip("=")
    forms = {value, quote(value, safe=""), value.encode("unicode_escape").decode(), encoded}
    return Planted(what, value, re.compile("|".join(map(re.escape, forms))))


def token(what: str, value: str) -> Planted:
    """A JWT: its claims and its signature are found on their own as well."""
    _, claims, signature = value.split(".")
    return Planted(what, value, re.compile("|".join(map(re.escape, (claims[:20], signature[:20])))))


def number(what: str, value: str) -> Planted:
    """E.164 digits: found without the country code too, and with anything between the digits."""
    return Planted(what, value, re.compile(_BETWEEN_DIGITS.join(value[1:])))


def code(what: str, value: str) -> Planted:
    """A pairing code: with a hyphen, a blank or nothing in the middle, in either case."""
    first, second = value[:4], value[-4:]
    return Planted(what, value, re.compile(rf"{first}[\s\-\u2010-\u2015]?{second}", re.IGNORECASE))


def qr(what: str, value: str) -> Planted:
    """Found also when only one of its parts was written."""
    parts = [part for part in value.split(",") if len(part) >= _SHORTEST_PIECE]
    return Planted(what, value, re.compile("|".join(map(re.escape, parts))))


def traces(planted: Iterable[Planted], text: str) -> list[str]:
    return [trace for each in planted for trace in each.traces(text)]
