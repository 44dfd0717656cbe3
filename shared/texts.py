"""Every text that a person reads, in Russian, in one place, so that a language can be added."""

from dataclasses import dataclass
from typing import Final

from shared.endings import ENDINGS
from shared.errors import ErrorCode
from shared.messages.status import Reason, SessionStatus


@dataclass(frozen=True, slots=True)
class Text:
    """What happened, and what the person can do next."""

    message: str
    next_step: str = ""


_PRESS_CONNECT = "Вернитесь в YClients и нажмите «Подключить» ещё раз."
_TRY_AGAIN = "Попробуйте ещё раз через минуту."
_ASK_SUPPORT = "Если не поможет, напишите в поддержку."

ERROR_TEXTS: Final[dict[ErrorCode, Text]] = {
    ErrorCode.INVALID_SALON_ID: Text("Не удалось определить филиал.", _PRESS_CONNECT),
    ErrorCode.INVALID_SESSION_ID: Text("Неверный номер подключения.", "Обновите страницу."),
    ErrorCode.SIGNATURE_MISSING: Text("Ссылка не подписана YClients.", _PRESS_CONNECT),
    ErrorCode.SIGNATURE_INVALID: Text("Подпись YClients не подошла.", _PRESS_CONNECT),
    ErrorCode.USER_DATA_INVALID: Text("Данные от YClients не читаются.", _PRESS_CONNECT),
    ErrorCode.NOT_CONFIGURED: Text(
        "Сервис ещё не настроен.", "Мы уже знаем об этом. Попробуйте немного позже."
    ),
    ErrorCode.TOKEN_MISSING: Text("В ссылке нет ключа подключения.", _PRESS_CONNECT),
    ErrorCode.TOKEN_INVALID: Text("Ссылка недействительна.", _PRESS_CONNECT),
    ErrorCode.TOKEN_EXPIRED: Text("Ссылка устарела: она действует один час.", _PRESS_CONNECT),
    ErrorCode.FORBIDDEN: Text("Нет доступа к этому подключению.", _PRESS_CONNECT),
    ErrorCode.NOT_FOUND: Text("Такой страницы нет.", _PRESS_CONNECT),
    ErrorCode.INVALID_REQUEST: Text("Запрос не разобран.", "Обновите страницу."),
    ErrorCode.TOO_MANY_CONNECTIONS: Text(
        "Слишком много открытых вкладок.", "Закройте лишние вкладки и подождите минуту."
    ),
    ErrorCode.PHONE_REQUIRED: Text("Введите номер телефона.", "Это номер WhatsApp вашего салона."),
    ErrorCode.INVALID_PHONE_FORMAT: Text(
        "Номер не похож на телефон.", "Введите его целиком, например +7 999 000-00-01."
    ),
    ErrorCode.REQUEST_IN_PROGRESS: Text(
        "Код уже запрашивается.", "Подождите несколько секунд: он появится здесь."
    ),
    ErrorCode.RATE_LIMITED: Text(
        "Слишком много попыток.", "Подождите немного или подключитесь по QR-коду."
    ),
    ErrorCode.PAIRING_CODE_FAILED: Text(
        "Не удалось получить код.", "Попробуйте ещё раз или подключитесь по QR-коду."
    ),
    ErrorCode.BAILEYS_ERROR: Text(
        "WhatsApp не выдал код для этого номера.",
        "Проверьте, что на номере есть WhatsApp, или подключитесь по QR-коду.",
    ),
    ErrorCode.ALREADY_CONNECTED: Text("WhatsApp этого салона уже подключён."),
    ErrorCode.LINKER_QUEUE_FULL: Text("Сейчас подключается очень много салонов.", _TRY_AGAIN),
    ErrorCode.LINKER_FAILED: Text("Подключение прервалось на нашей стороне.", _TRY_AGAIN),
    ErrorCode.WHATSAPP_UNREACHABLE: Text("WhatsApp сейчас не отвечает.", _TRY_AGAIN),
    ErrorCode.CLIENT_OUTDATED: Text(
        "WhatsApp требует обновить наш сервис.", "Мы уже занимаемся этим. Попробуйте позже."
    ),
    ErrorCode.LINK_REFUSED: Text("WhatsApp отклонил подключение.", _TRY_AGAIN),
    ErrorCode.QR_TIMEOUT: Text("QR-код не появился вовремя.", _TRY_AGAIN),
    ErrorCode.PROXY_UNREACHABLE: Text(
        "Не отвечает наш канал связи с WhatsApp.", "Мы уже знаем об этом. Попробуйте позже."
    ),
    ErrorCode.PASSKEY_REQUIRED: Text(
        "WhatsApp требует подтвердить подключение ключом доступа (passkey). "
        "Наш сервис этого пока не умеет.",
        "WhatsApp включает эту проверку не всем и не навсегда: попробуйте через день-два "
        "или подключите другой номер. Удалять ключ не нужно, WhatsApp попросит создать новый. "
        "Мы поможем: напишите в поддержку.",
    ),
    ErrorCode.UNLINK_FAILED: Text(
        "Не удалось отвязать WhatsApp.",
        "Попробуйте ещё раз или отвяжите «AI Admin» в WhatsApp → «Связанные устройства».",
    ),
    ErrorCode.SALON_FROZEN: Text(
        "Подписка на AI Admin в YClients закончилась.",
        "Оплатите её в YClients, и AI Admin включится сам.",
    ),
    ErrorCode.REGISTRATION_NOT_FOUND: Text("Подключение не найдено.", _PRESS_CONNECT),
    ErrorCode.REGISTRATION_EXPIRED: Text(
        "Время на подключение вышло: ссылка действует один час.", _PRESS_CONNECT
    ),
    ErrorCode.SALON_NOT_CONNECTED: Text(
        "YClients не ждёт подключения этого филиала.", _PRESS_CONNECT
    ),
    ErrorCode.SALON_OF_ANOTHER_USER: Text(
        "Этот филиал подключил другой пользователь YClients.",
        "Откройте страницу под его учётной записью или напишите в поддержку.",
    ),
    ErrorCode.CONCURRENT_ACTIVATION: Text(
        "Активация в YClients уже идёт.", "Подождите несколько секунд."
    ),
    ErrorCode.ACTIVATION_FAILED: Text(
        "YClients не принял подключение. WhatsApp при этом подключён.",
        "Мы попробуем ещё раз сами. Если не поможет, напишите в поддержку.",
    ),
    ErrorCode.ACTIVATION_NOT_DUE: Text(
        "Активировать этот филиал сейчас нельзя.",
        "Проверьте его статус и то, что WhatsApp подключён.",
    ),
    ErrorCode.YCLIENTS_UNAVAILABLE: Text("YClients сейчас не отвечает.", _TRY_AGAIN),
    ErrorCode.YCLIENTS_REFUSED: Text("YClients отклонил запрос.", "Проверьте данные запроса."),
    ErrorCode.PAYLOAD_TOO_LARGE: Text("Запрос слишком большой.", "Уменьшите его."),
    ErrorCode.ADMIN_TOKEN_INVALID: Text(
        "Ключ оператора не подошёл или отозван.",
        "Новый делает команда python -m api_service.admin.",
    ),
    ErrorCode.ADMIN_ROLE_REQUIRED: Text(
        "Для этого нужна другая роль.", "Попросите ключ с нужной ролью у того, кто их выдаёт."
    ),
    ErrorCode.COMMAND_EXPIRED: Text("Запрос ждал слишком долго.", _TRY_AGAIN),
    ErrorCode.INVALID_MESSAGE: Text("Запрос не разобран.", "Обновите страницу."),
    ErrorCode.SERVICE_UNAVAILABLE: Text("Сервис временно недоступен.", _TRY_AGAIN),
    ErrorCode.INTERNAL_ERROR: Text("Что-то пошло не так.", f"{_TRY_AGAIN} {_ASK_SUPPORT}"),
}

STATUS_TEXTS: Final[dict[SessionStatus, Text]] = {
    SessionStatus.IDLE: Text("WhatsApp ещё не подключён.", "Отсканируйте QR-код или введите код."),
    SessionStatus.QUEUED: Text("Вы в очереди на подключение.", "Обычно это меньше минуты."),
    SessionStatus.CONNECTING: Text("Соединяемся с WhatsApp…"),
    SessionStatus.QR: Text("Отсканируйте QR-код телефоном салона."),
    SessionStatus.PAIRING: Text("Введите код в WhatsApp на телефоне салона."),
    SessionStatus.LINKING: Text("Завершаем подключение…", "Не закрывайте WhatsApp на телефоне."),
    SessionStatus.QR_EXPIRED: Text("QR-код устарел.", "Нажмите «Показать новый QR-код»."),
    SessionStatus.CONNECTED: Text("Готово! WhatsApp подключён."),
    SessionStatus.RECONNECTING: Text(
        "Связь с WhatsApp прервалась, восстанавливаем…", "Делать ничего не нужно."
    ),
    SessionStatus.LOGGED_OUT: Text(
        "Устройство отвязано в WhatsApp на телефоне.", "Подключите WhatsApp ещё раз."
    ),
    SessionStatus.REPLACED: Text(
        "Подключение открыто в другом месте.", "Подключите WhatsApp ещё раз."
    ),
    SessionStatus.BANNED: Text(
        "WhatsApp временно ограничил этот номер.", "Откройте WhatsApp на телефоне: там указан срок."
    ),
    SessionStatus.OUTDATED: ERROR_TEXTS[ErrorCode.CLIENT_OUTDATED],
    SessionStatus.FROZEN: ERROR_TEXTS[ErrorCode.SALON_FROZEN],
    SessionStatus.ERROR: Text("Подключиться не удалось.", _TRY_AGAIN),
}

REASON_TEXTS: Final[dict[Reason, Text]] = {
    Reason.REFUSED: ERROR_TEXTS[ErrorCode.LINK_REFUSED],
    Reason.WHATSAPP_UNREACHABLE: ERROR_TEXTS[ErrorCode.WHATSAPP_UNREACHABLE],
    Reason.LINKER_FAILED: ERROR_TEXTS[ErrorCode.LINKER_FAILED],
    Reason.LINKER_QUEUE_FULL: ERROR_TEXTS[ErrorCode.LINKER_QUEUE_FULL],
    Reason.CLIENT_OUTDATED: ERROR_TEXTS[ErrorCode.CLIENT_OUTDATED],
    Reason.PROXY_UNREACHABLE: ERROR_TEXTS[ErrorCode.PROXY_UNREACHABLE],
    Reason.PASSKEY_REQUIRED: ERROR_TEXTS[ErrorCode.PASSKEY_REQUIRED],
    Reason.STORE_UNAVAILABLE: ERROR_TEXTS[ErrorCode.SERVICE_UNAVAILABLE],
    Reason.OWNER_LOST: ERROR_TEXTS[ErrorCode.SERVICE_UNAVAILABLE],
    Reason.CREDENTIALS_MISSING: Text(
        "Данные подключения не найдены.", "Подключите WhatsApp ещё раз."
    ),
}
"""Why a link attempt has failed."""

_LINK_AGAIN = "Подключите WhatsApp ещё раз, это займёт минуту."
_NOTHING_TO_DO = "Делать ничего не нужно."
_BY_ITSELF = STATUS_TEXTS[SessionStatus.RECONNECTING]
_RESTARTING = Text("Наш сервис перезапускается, WhatsApp остаётся привязан.", _NOTHING_TO_DO)

ENDING_TEXTS: Final[dict[Reason, Text]] = {
    Reason.SOCKET_LOST: _BY_ITSELF,
    Reason.STREAM_ERROR: _BY_ITSELF,
    Reason.KEEPALIVE_TIMEOUT: _BY_ITSELF,
    Reason.ROUTE_CHANGED: _BY_ITSELF,
    Reason.SERVER_ERROR: Text("У WhatsApp сбой, мы пробуем снова.", _NOTHING_TO_DO),
    Reason.FLAPPING: Text(
        "Связь с WhatsApp обрывается сразу после подключения.",
        "Мы попробуем сами через несколько минут.",
    ),
    Reason.WHATSAPP_UNREACHABLE: Text(
        "WhatsApp сейчас не отвечает, мы пробуем снова.", _NOTHING_TO_DO
    ),
    Reason.PROXY_UNREACHABLE: Text("Не отвечает наш канал связи с WhatsApp.", _NOTHING_TO_DO),
    Reason.STORE_UNAVAILABLE: Text("На нашей стороне сбой, мы его устраняем.", _NOTHING_TO_DO),
    Reason.SERVICE_STOPPED: _RESTARTING,
    Reason.OWNER_LOST: _RESTARTING,
    Reason.TEMPORARY_BAN: STATUS_TEXTS[SessionStatus.BANNED],
    Reason.CLIENT_OUTDATED: STATUS_TEXTS[SessionStatus.OUTDATED],
    Reason.REFUSED: Text("WhatsApp больше не принимает это подключение.", _LINK_AGAIN),
    Reason.REPLACED: STATUS_TEXTS[SessionStatus.REPLACED],
    Reason.DEVICE_REMOVED: Text(
        "Устройство «AI Admin» удалили в WhatsApp на телефоне.", _LINK_AGAIN
    ),
    Reason.LOGGED_OUT: Text("WhatsApp больше не знает это устройство.", _LINK_AGAIN),
    Reason.ACCOUNT_LOCKED: Text(
        "WhatsApp заблокировал вход в этот аккаунт.",
        "Откройте WhatsApp на телефоне салона и сделайте то, что он попросит, "
        "затем подключите его ещё раз.",
    ),
    Reason.ACCOUNT_BANNED: Text(
        "WhatsApp заблокировал этот номер.",
        "Откройте WhatsApp на телефоне: там можно оспорить блокировку. "
        "Или подключите другой номер.",
    ),
    Reason.CREDENTIALS_MISSING: Text("Данные подключения не найдены.", _LINK_AGAIN),
    Reason.CREDENTIALS_BROKEN: Text("Данные подключения повреждены.", _LINK_AGAIN),
    Reason.UNLINKED: Text(
        "WhatsApp отвязан от AI Admin.",
        "Если «AI Admin» остался в WhatsApp → «Связанные устройства», удалите его там.",
    ),
    Reason.UNINSTALLED: Text("AI Admin отключён в YClients.", _PRESS_CONNECT),
    Reason.FROZEN: STATUS_TEXTS[SessionStatus.FROZEN],
}
"""Of each row of `shared.endings`."""

ACTIVATION_TEXTS: Final[dict[str, Text]] = {
    "activating": Text("Подключаем салон в YClients…"),
    "active": Text("Салон подключён в YClients."),
    "activation_pending": Text(
        "YClients пока не подтвердил подключение.",
        "Мы пробуем сами, страницу можно закрыть. Если подтверждения нет больше часа, нажмите "
        "«Подключить» в YClients ещё раз.",
    ),
    "activation_failed": ERROR_TEXTS[ErrorCode.ACTIVATION_FAILED],
    "pending_callback": Text(
        "Подключение в YClients завершит наш сотрудник.", "Страницу можно закрыть."
    ),
}
"""By ``companies.integration_status``, of salons whose WhatsApp is linked."""

CONNECTED_MESSAGE: Final = "Готово! WhatsApp подключён."


def error_text(code: ErrorCode) -> Text:
    return ERROR_TEXTS[code]


def activation_text(integration_status: str) -> Text:
    """For a status that is no step of an activation, what it is waited for."""
    return ACTIVATION_TEXTS.get(integration_status, ACTIVATION_TEXTS["activation_pending"])


def status_text(status: SessionStatus, reason: Reason | None = None) -> Text:
    """The reason's own text when there is one, else the status's."""
    if reason in ENDINGS and status is ENDINGS[reason].status:
        return ENDING_TEXTS[reason]
    if status is SessionStatus.ERROR and reason in REASON_TEXTS:
        return REASON_TEXTS[reason]
    return STATUS_TEXTS[status]
