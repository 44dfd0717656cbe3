"""The page's HTML: a marketplace with one application, its owner's salons, and the switches."""

from html import escape
from string import Template
from typing import Final

from sandbox.yclients.connections import Connection, Status
from sandbox.yclients.journal import Entry
from sandbox.yclients.quirks import Operation, Quirk, QuirkKind
from sandbox.yclients.world import World

SHOWN_CALLS: Final = 12

_PAGE = Template("""<!doctype html>
<html lang="ru">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>AI Admin — маркетплейс интеграций</title>
<link rel="stylesheet" href="/static/portal.css">
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
<script src="/static/portal.js" defer></script>
</head>
<body>
<header class="bar">
  <span class="bar__brand">Маркетплейс</span>
  <span class="bar__note">учебный стенд</span>
</header>
<main>
  <section class="app">
    <img class="app__icon" src="/static/icon.svg" width="72" height="72" alt="">
    <div>
      <h1>AI Admin</h1>
      <p class="app__what">WhatsApp-администратор для салона: отвечает клиентам, предлагает
        свободное время и записывает.</p>
    </div>
    <ul class="app__facts">
      <li>Подключение за минуту: QR-код или код на телефоне</li>
      <li>Номер салона остаётся вашим</li>
      <li>Отключить можно в любой момент</li>
    </ul>
  </section>
  <h2>Ваши салоны</h2>
  <ul class="salons" data-live="salons">
$salons
  </ul>
  <p class="hint">Страница изображает маркетплейс YClients на вашем компьютере: кнопка передаёт
    приложению подписанные данные владельца так же, как это делает YClients. Салоны и люди
    вымышлены.</p>
  <details class="lab" id="quirks"$open>
    <summary>Для разработчика: сбои и журнал</summary>
    <form class="lab__form" method="post" action="/quirks">
      <label>Сбой <select name="kind">$kinds</select></label>
      <label>Вызов <select name="operation"><option value="">любой</option>
        $operations</select></label>
      <label>Салон <input name="salon_id" inputmode="numeric" placeholder="любой" size="6"></label>
      <label>Сколько раз <input name="times" inputmode="numeric" value="1" size="4"></label>
      <label>Задержка, мс <input name="latency_ms" inputmode="numeric" value="0" size="6"></label>
      <label class="lab__check"><input type="checkbox" name="applied" value="true"> действие
        выполнено</label>
      <button class="button" type="submit">Включить</button>
      <button class="button button--plain" type="submit" name="clear" value="1"
        formnovalidate>Выключить все</button>
    </form>
    <div data-live="quirks">
$quirks
    </div>
    <h3>Последние вызовы</h3>
    <div class="lab__scroll" tabindex="0" role="region" aria-label="Последние вызовы">
    <table data-live="journal">
      <thead><tr><th scope="col">Вызов</th><th scope="col">Салон</th><th scope="col">Ответ</th>
        <th scope="col">Сбой</th></tr></thead>
      <tbody>
$calls
      </tbody>
    </table>
    </div>
  </details>
</main>
</body>
</html>
""")

_SALON = Template("""    <li class="salon" id="salon-$salon_id">
      <span class="salon__mark salon__mark--$colour" aria-hidden="true">$initial</span>
      <span class="salon__text">
        <span class="salon__title">$title</span>
        <span class="salon__city">$city</span>
        <span class="state state--$status">$status_text</span>
      </span>
      <span class="salon__actions">
$actions
      </span>
    </li>""")

_STATUS_TEXTS: Final = {
    Status.UNINSTALLED: "Не подключено",
    Status.PENDING: "Ожидает подключения",
    Status.ACTIVE: "Подключено",
    Status.FREEZED: "Заморожено: подписка закончилась",
}
_ACTIONS: Final[dict[Status, tuple[tuple[str, str], ...]]] = {
    Status.UNINSTALLED: (),
    Status.PENDING: (("expire", "Истечь ожиданию"), ("uninstall", "Удалить приложение")),
    Status.ACTIVE: (("freeze", "Заморозить"), ("uninstall", "Удалить приложение")),
    Status.FREEZED: (("pay", "Оплатить"), ("uninstall", "Удалить приложение")),
}
_CONNECT_TEXTS: Final = {Status.ACTIVE: "Настройки", Status.FREEZED: "Настройки"}


def render(world: World) -> str:
    quirks, calls = world.quirks.all(), world.journal.all()
    return _PAGE.substitute(
        salons="\n".join(map(_salon, world.connections.all())),
        kinds=_options(QuirkKind),
        operations=_options(Operation),
        open=" open" if quirks else "",
        quirks="\n".join(map(_quirk, quirks)) or '      <p class="hint">Сбои выключены.</p>',
        calls="\n".join(map(_call, reversed(calls[-SHOWN_CALLS:]))),
    )


def _salon(connection: Connection) -> str:
    salon = connection.salon
    name = salon.title.partition("«")[2] or salon.title
    return _SALON.substitute(
        salon_id=salon.salon_id,
        title=escape(salon.title),
        city=escape(salon.city),
        colour=escape(salon.colour),
        initial=escape(name[:1]),
        status=connection.status,
        status_text=_STATUS_TEXTS[connection.status],
        actions="\n".join(_actions(connection)),
    )


def _actions(connection: Connection) -> list[str]:
    salon_id, title = connection.salon.salon_id, escape(connection.salon.title)
    connect = _CONNECT_TEXTS.get(connection.status, "Подключить")
    link = (
        f'        <a class="button" href="/connect/{salon_id}" '
        f'aria-label="{connect}: {title}">{connect}</a>'
    )
    forms = [
        f'        <form method="post" action="/salons/{salon_id}/{action}">'
        f'<button class="button button--plain" aria-label="{text}: {title}">{text}</button></form>'
        for action, text in _ACTIONS[connection.status]
    ]
    return [link, *forms]


def _options(names: type[QuirkKind] | type[Operation]) -> str:
    return "".join(f'<option value="{name.value}">{name.value}</option>' for name in names)


def _quirk(quirk: Quirk) -> str:
    where = quirk.operation.value if quirk.operation else "любой вызов"
    whose = f"салон {quirk.salon_id}" if quirk.salon_id else "любой салон"
    left = "всегда" if quirk.times is None else f"ещё {quirk.times - quirk.struck}"
    return f'      <p class="quirk">{quirk.kind.value}: {where}, {whose}, {left}</p>'


def _call(entry: Entry) -> str:
    return (
        f"        <tr><td>{escape(entry.method)} {escape(entry.path)}</td>"
        f"<td>{entry.salon_id or '–'}</td><td>{entry.status or 'нет'}</td>"
        f"<td>{escape(entry.quirk or '–')}</td></tr>"
    )
