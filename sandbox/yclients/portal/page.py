"""The page's HTML: a marketplace with one application, and how it stands in each salon."""

from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template
from typing import Final

from sandbox.yclients.connections import Connection, Status
from sandbox.yclients.portal import lab
from sandbox.yclients.portal.texts import STATUSES
from sandbox.yclients.world import World

_PAGE: Final = Template(Path(__file__).with_name("page.html").read_text("utf-8"))
_SALON: Final = Template("""      <li class="salon" id="salon-$salon_id">
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

_ACTIONS: Final[dict[Status, tuple[tuple[str, str], ...]]] = {
    Status.UNINSTALLED: (),
    Status.PENDING: (("expire", "Ожидание истекло"), ("uninstall", "Удалить приложение")),
    Status.ACTIVE: (("freeze", "Заморозить"), ("uninstall", "Удалить приложение")),
    Status.FREEZED: (("pay", "Оплатить"), ("uninstall", "Удалить приложение")),
}
_LOOKS: Final = {"pay": ""}
_CONNECT: Final = {Status.ACTIVE: "Настройки", Status.FREEZED: "Настройки"}


def render(world: World, *, notice: str = "", lab_open: bool = False) -> str:
    """``notice``: what was wrong with what was asked."""
    return _PAGE.substitute(
        notice=escape(notice),
        salons=_lines(map(_salon, world.connections.all())),
        open=" open" if lab_open or world.quirks.all() or world.callbacks.manners() else "",
        **lab.parts(world),
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
        status_text=STATUSES[connection.status],
        actions=_lines(_actions(connection)),
    )


def _actions(connection: Connection) -> list[str]:
    salon_id, title = connection.salon.salon_id, escape(connection.salon.title)
    connect = _CONNECT.get(connection.status, "Подключить")
    # Who has to pay is to see that first.
    plain = " button--plain" if connection.status is Status.FREEZED else ""
    link = (
        f'          <a class="button{plain}" id="connect-{salon_id}" href="/connect/{salon_id}" '
        f'aria-label="{connect}: {title}">{connect}</a>'
    )
    forms = [
        f'          <form method="post" action="/salons/{salon_id}/{action}">'
        f'<button class="button{_LOOKS.get(action, " button--plain")}" id="{action}-{salon_id}" '
        f'aria-label="{text}: {title}">{text}</button></form>'
        for action, text in _ACTIONS[connection.status]
    ]
    return [*forms[:1], link, *forms[1:]] if plain else [link, *forms]


def _lines(parts: Iterable[str]) -> str:
    return "\n".join(parts)
