"""The portal's HTML: a marketplace with one application and the owner's salons."""

from collections.abc import Iterable
from html import escape
from string import Template

from sandbox.salon_portal.signature import Salon

_PAGE = Template("""<!doctype html>
<html lang="ru">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>AI Admin — маркетплейс интеграций</title>
<link rel="stylesheet" href="/static/portal.css">
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
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
  <ul class="salons">
$salons
  </ul>
  <p class="hint">Страница изображает маркетплейс YClients на вашем компьютере: кнопка передаёт
    приложению подписанные данные владельца так же, как это делает YClients. Салоны и люди
    вымышлены.</p>
</main>
</body>
</html>
""")

_SALON = Template("""    <li class="salon">
      <span class="salon__mark salon__mark--$colour" aria-hidden="true">$initial</span>
      <span class="salon__text">
        <span class="salon__title">$title</span>
        <span class="salon__city">$city</span>
      </span>
      <a class="button" href="/connect/$salon_id" aria-label="Подключить: $title">Подключить</a>
    </li>""")


def render(salons: Iterable[Salon]) -> str:
    return _PAGE.substitute(salons="\n".join(map(_item, salons)))


def _item(salon: Salon) -> str:
    name = salon.title.partition("«")[2] or salon.title
    return _SALON.substitute(
        salon_id=salon.salon_id,
        title=escape(salon.title),
        city=escape(salon.city),
        colour=escape(salon.colour),
        initial=escape(name[:1]),
    )
