"""One outage is a few lines, however many salons it concerns."""

import logging

from whatsapp_service.gateway.library_log import PER_MINUTE, LibraryLog

LOST = "Error reconnecting after autoreconnect sleep: failed to dial (%s)"


def said(log: LibraryLog, text: str, *details: object, logger: str = "whatsmeow.Client") -> bool:
    return bool(
        log.filter(logging.LogRecord(logger, logging.ERROR, "", 0, text, details, exc_info=None))
    )


def test_a_kind_of_line_passes_a_few_times_a_minute() -> None:
    clock = [0.0]
    log = LibraryLog(lambda: clock[0])

    passed = sum(said(log, LOST, salon) for salon in range(200))

    assert passed == PER_MINUTE
    assert said(log, "Client outdated (405) connect failure")
    clock[0] = 61
    assert said(log, LOST, 1)


def test_what_others_log_always_passes() -> None:
    log = LibraryLog()

    assert all(said(log, LOST, salon, logger="psycopg.pool") for salon in range(200))
