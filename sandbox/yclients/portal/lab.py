"""The developer's part of the page: quirks, deliveries, journal."""

from datetime import UTC, datetime
from html import escape
from http import HTTPStatus
from itertools import islice
from typing import Final

from sandbox.yclients.callbacks import Delivery, Manner
from sandbox.yclients.journal import Entry
from sandbox.yclients.operations import Operation
from sandbox.yclients.portal.texts import KINDS, OPERATIONS, UNKNOWN_PATH
from sandbox.yclients.quirks import Quirk, QuirkKind
from sandbox.yclients.world import World

SHOWN: Final = 15
_NOTHING: Final = '<li class="hint">Пока ничего.</li>'


def parts(world: World) -> dict[str, str]:
    """By their names in the template."""
    calls = reversed(world.journal.all())
    sent = reversed(world.callbacks.deliveries)
    return {
        "kinds": _options(KINDS),
        "operations": _options(OPERATIONS),
        "quirks": _quirks(world.quirks.all()),
        "manners": _manners(world),
        "deliveries": "\n".join(map(_delivery, islice(sent, SHOWN))) or _NOTHING,
        "limit": _limit(world),
        "calls": "\n".join(map(_call, islice(calls, SHOWN))) or _NOTHING,
    }


def _options(names: dict[QuirkKind, str] | dict[Operation, str]) -> str:
    return "".join(
        f'<option value="{name.value}">{escape(text)}</option>' for name, text in names.items()
    )


def _quirks(quirks: list[Quirk]) -> str:
    if not quirks:
        return '<p class="hint">Сбоев нет: ответы верные.</p>'
    items = "\n".join(map(_quirk, quirks))
    clear = _button("/quirks/clear", "quirks-clear", "Выключить все сбои")
    return f'<ul class="chosen">\n{items}\n</ul>\n{clear}'


def _quirk(quirk: Quirk) -> str:
    kind = KINDS[quirk.kind]
    where = OPERATIONS[quirk.operation] if quirk.operation else "любой вызов"
    whose = f"салон {quirk.salon_id}" if quirk.salon_id else "любой салон"
    left = "всегда" if quirk.times is None else f"ещё {quirk.times - quirk.struck}"
    more = [where, whose, left]
    if quirk.latency_ms:
        more.append(f"через {quirk.latency_ms} мс")
    if quirk.applied:
        more.append("вызов выполняется")
    off = _button(
        f"/quirks/{quirk.id}/remove", f"quirk-{quirk.id}", "Выключить", f"Выключить: {kind}"
    )
    return (
        f'<li class="chosen__item"><span><strong>{escape(kind)}</strong><br>'
        f"{escape(', '.join(more))}</span>{off}</li>"
    )


def _manners(world: World) -> str:
    manners, held = world.callbacks.manners(), world.callbacks.held
    if not manners and not held:
        return '<p class="hint">Каждое уведомление уходит сразу и один раз.</p>'
    items = "\n".join(f'<li class="chosen__item">{_manner(each)}</li>' for each in manners)
    buttons = _button("/manner/clear", "manner-clear", "Доставлять как обычно")
    if held:
        buttons += _button("/manner/go", "manner-go", f"Отправить задержанные ({held})")
    return f'<ul class="chosen">\n{items}\n</ul>\n<div class="row">{buttons}</div>'


def _manner(manner: Manner) -> str:
    whose = f"Салон {manner.salon_id}" if manner.salon_id else "Любой салон"
    said = [f"копий {manner.copies}"]
    if manner.delay_s:
        said.append(f"через {manner.delay_s:g} с")
    if manner.held:
        said.append("задерживаются")
    if manner.partial:
        said.append("только номер")
    if manner.times:
        said.append(f"ещё {manner.times}")
    return f"{whose}: {', '.join(said)}"


def _limit(world: World) -> str:
    limit = world.limit
    switch = "Снять ограничение" if limit.enforced else "Вернуть ограничение"
    state = "действует" if limit.enforced else "снято"
    wanted = "off" if limit.enforced else "on"
    return (
        f'<p class="hint">Ограничение 5 в секунду и 200 в минуту {state}. Вызовов {limit.calls}, '
        f"больше всего {limit.most_in_a_second} в секунду и {limit.most_in_a_minute} в минуту, "
        f"отклонено {limit.refused}.</p>"
        f"{_button(f'/limit/{wanted}', 'limit-switch', switch)}"
    )


def _delivery(delivery: Delivery) -> str:
    took = f"салон {delivery.salon_id}, {delivery.seconds * 1000:.0f} мс"
    return _item(delivery.at, escape(delivery.event), _status(delivery.status), took)


def _call(entry: Entry) -> str:
    name = OPERATIONS[Operation(entry.operation)] if entry.operation else UNKNOWN_PATH
    more = [f"<code>{escape(entry.method)} {escape(entry.path)}</code>"]
    if entry.salon_id:
        more.append(f"салон {entry.salon_id}")
    if entry.said:
        more.append(escape(entry.said))
    if entry.quirk:
        more.append(f"сбой: {escape(KINDS[QuirkKind(entry.quirk)])}")
    return _item(entry.at, escape(name), _status(entry.status), "<br>".join(more))


def _status(status: int) -> str:
    """Of an answer; 0 when there was none."""
    good = 0 < status < HTTPStatus.BAD_REQUEST
    tone = "good" if good else "bad"
    return f'<span class="log__status log__status--{tone}">{status or "нет ответа"}</span>'


def _item(at: float, name: str, status: str, more: str) -> str:
    return (
        f'<li class="log__item"><span class="log__head">{_time(at)} <strong>{name}</strong> '
        f'{status}</span><span class="log__more">{more}</span></li>'
    )


def _time(at: float) -> str:
    """By this machine's clock."""
    moment = datetime.fromtimestamp(at, UTC)
    shown = moment.astimezone().strftime("%H:%M:%S")
    return f'<time datetime="{moment.isoformat(timespec="milliseconds")}">{shown}</time>'


def _button(action: str, name: str, text: str, label: str | None = None) -> str:
    said = f' aria-label="{escape(label)}"' if label else ""
    return (
        f'<form method="post" action="{action}">'
        f'<button class="button button--plain" id="{name}"{said}>{escape(text)}</button></form>'
    )
