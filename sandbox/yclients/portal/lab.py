"""The developer's part of the page: quirks, deliveries, journal."""

from datetime import UTC, datetime
from html import escape
from itertools import islice
from typing import Final

from sandbox.yclients.callbacks import Delivery, Manner
from sandbox.yclients.journal import Entry
from sandbox.yclients.operations import Operation
from sandbox.yclients.portal.texts import KINDS, OPERATIONS, UNKNOWN_PATH
from sandbox.yclients.quirks import Quirk, QuirkKind
from sandbox.yclients.world import World

SHOWN: Final = 15


def parts(world: World) -> dict[str, str]:
    """By their names in the template."""
    calls = reversed(world.journal.all())
    sent = reversed(world.callbacks.deliveries)
    return {
        "kinds": _options(KINDS),
        "operations": _options(OPERATIONS),
        "quirks": _quirks(world.quirks.all()),
        "manners": _manners(world),
        "deliveries": "\n".join(map(_delivery, islice(sent, SHOWN))) or _empty(4),
        "limit": _limit(world),
        "calls": "\n".join(map(_call, islice(calls, SHOWN))) or _empty(5),
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
    answer = f"{delivery.status or 'нет ответа'}, {delivery.seconds * 1000:.0f} мс"
    return _row(_time(delivery.at), escape(delivery.event), str(delivery.salon_id), answer)


def _call(entry: Entry) -> str:
    name = OPERATIONS[Operation(entry.operation)] if entry.operation else UNKNOWN_PATH
    call = f"{escape(name)}<br><code>{escape(entry.method)} {escape(entry.path)}</code>"
    said = f"<br>{escape(entry.said)}" if entry.said else ""
    quirk = KINDS[QuirkKind(entry.quirk)] if entry.quirk else "–"
    return _row(
        _time(entry.at),
        call,
        str(entry.salon_id or "–"),
        f"{entry.status or 'нет'}{said}",
        escape(quirk),
    )


def _time(at: float) -> str:
    """By this machine's clock."""
    moment = datetime.fromtimestamp(at, UTC)
    shown = moment.astimezone().strftime("%H:%M:%S")
    return f'<time datetime="{moment.isoformat(timespec="milliseconds")}">{shown}</time>'


def _row(*cells: str) -> str:
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _empty(columns: int) -> str:
    return f'<tr><td colspan="{columns}">Пока ничего</td></tr>'


def _button(action: str, name: str, text: str, label: str | None = None) -> str:
    said = f' aria-label="{escape(label)}"' if label else ""
    return (
        f'<form method="post" action="{action}">'
        f'<button class="button button--plain" id="{name}"{said}>{escape(text)}</button></form>'
    )
