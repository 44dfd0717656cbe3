"""The page's words."""

from typing import Final

from sandbox.yclients.connections import Status
from sandbox.yclients.operations import Operation
from sandbox.yclients.quirks import QuirkKind

STATUSES: Final = {
    Status.UNINSTALLED: "Не подключён",
    Status.PENDING: "Ожидает подключения",
    Status.ACTIVE: "Подключён",
    Status.FREEZED: "Заморожен: подписка закончилась",
}

KINDS: Final = {
    QuirkKind.REDIRECT_HTML: "301 и HTML-страница",
    QuirkKind.HTML: "200 и HTML вместо JSON",
    QuirkKind.APPLICATION_UNKNOWN: "400 «Агрегатор не найден»",
    QuirkKind.ALREADY_INSTALLED: "403 «Пользователь уже установил…»",
    QuirkKind.NOT_INSTALLED: "404 приложение не установлено",
    QuirkKind.INVALID: "422 неверные данные",
    QuirkKind.TOO_MANY: "429 слишком много запросов",
    QuirkKind.SERVER_ERROR: "500 внутренняя ошибка",
    QuirkKind.BAD_GATEWAY: "502 и HTML-страница",
    QuirkKind.UNAVAILABLE: "503 сервис недоступен",
    QuirkKind.SUCCESS_FALSE: "200 и success: false",
    QuirkKind.SECOND_ENVELOPE: "401 в другом виде ошибок",
    QuirkKind.HANG: "Нет ответа две минуты",
    QuirkKind.RESET: "Обрыв соединения после запроса",
    QuirkKind.LATENCY: "Верный ответ с задержкой",
    QuirkKind.HELD: "Выполняется, когда сбои выключат",
}

OPERATIONS: Final = {
    Operation.ACTIVATE: "активация",
    Operation.ACTIVATE_WITH_CHANNELS: "активация с каналами",
    Operation.PAYMENT: "уведомление об оплате",
    Operation.REFUND: "возврат оплаты",
    Operation.SHORT_NAMES: "имена отправителя",
    Operation.CONNECTION: "статус подключения",
    Operation.SALONS: "список салонов",
    Operation.UNINSTALL: "отключение",
    Operation.PAYMENT_LINK: "ссылка на оплату",
    Operation.TARIFFS: "тарифы",
    Operation.DISCOUNT: "скидка",
    Operation.CHANNEL: "канал",
    Operation.COMPANY: "данные салона",
    Operation.BOOK_SERVICES: "онлайн-запись: услуги",
    Operation.BOOK_STAFF: "онлайн-запись: сотрудники",
    Operation.BOOK_DATES: "онлайн-запись: даты",
    Operation.BOOK_TIMES: "онлайн-запись: время",
    Operation.BOOK_CHECK: "онлайн-запись: проверка",
    Operation.BOOK_RECORD: "онлайн-запись: записать",
    Operation.BOOK_RECORD_MOVE: "онлайн-запись: перенести",
    Operation.BOOK_RECORD_GET: "онлайн-запись: показать",
    Operation.BOOK_RECORD_DELETE: "онлайн-запись: отменить",
    Operation.RECORDS: "журнал: записи",
    Operation.RECORD_CREATE: "журнал: создать запись",
    Operation.RECORD_GET: "журнал: запись",
    Operation.RECORD_CHANGE: "журнал: изменить запись",
    Operation.RECORD_DELETE: "журнал: удалить запись",
    Operation.CLIENTS_SEARCH: "поиск клиентов",
    Operation.SERVICES: "услуги",
    Operation.STAFF: "сотрудники",
    Operation.SCHEDULE: "график",
}

UNKNOWN_PATH: Final = "нет такого адреса"
INVALID: Final = "Поля заполнены неверно: нужны числа."
UNKNOWN_SALON: Final = "Такого салона или действия нет."
