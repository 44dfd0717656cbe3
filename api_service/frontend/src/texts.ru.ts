// Every word of the page. Another language is another module of this shape.

import type { CountryId } from "./countries";

const PRESS_CONNECT =
  "Вернитесь в YClients и нажмите «Подключить» ещё раз — откроется новая ссылка.";
const TRY_AGAIN = "Попробуйте ещё раз через минуту.";

interface Text {
  readonly message: string;
  readonly nextStep?: string;
}

const problems: Readonly<Record<string, Text>> = {
  TOKEN_MISSING: { message: "В ссылке нет ключа подключения", nextStep: PRESS_CONNECT },
  TOKEN_INVALID: { message: "Ссылка недействительна", nextStep: PRESS_CONNECT },
  TOKEN_EXPIRED: {
    message: "Ссылка устарела",
    nextStep: `Она действует один час. ${PRESS_CONNECT}`,
  },
  TOO_MANY_CONNECTIONS: {
    message: "Страница открыта слишком много раз",
    nextStep: "Закройте лишние вкладки. Мы подключимся сами, когда это станет можно.",
  },
  SERVER_UNREACHABLE: {
    message: "Не удаётся связаться с сервером",
    nextStep: "Проверьте интернет и попробуйте ещё раз.",
  },
  SERVICE_UNAVAILABLE: { message: "Сервис временно недоступен", nextStep: TRY_AGAIN },
  PHONE_REQUIRED: {
    message: "Введите номер телефона",
    nextStep: "Это номер, на котором работает WhatsApp салона.",
  },
  INVALID_PHONE_FORMAT: {
    message: "Номер не похож на телефонный",
    nextStep: "Введите его целиком, например +7 999 000-00-01.",
  },
  REQUEST_IN_PROGRESS: {
    message: "Код уже запрашивается",
    nextStep: "Подождите несколько секунд: он появится здесь.",
  },
  RATE_LIMITED: {
    message: "Слишком много попыток",
    nextStep: "Подождите немного или подключитесь по QR-коду.",
  },
  PAIRING_CODE_FAILED: {
    message: "Не удалось получить код",
    nextStep: "Попробуйте ещё раз или подключитесь по QR-коду.",
  },
  CODE_TIMEOUT: {
    message: "Код не пришёл вовремя",
    nextStep: "Попробуйте ещё раз или подключитесь по QR-коду.",
  },
  BAILEYS_ERROR: {
    message: "WhatsApp не выдал код для этого номера",
    nextStep: "Проверьте, что на номере есть WhatsApp, или подключитесь по QR-коду.",
  },
  QR_TIMEOUT: { message: "QR-код не появился вовремя", nextStep: "Попробуйте ещё раз." },
  ERROR: { message: "Что-то пошло не так", nextStep: TRY_AGAIN },
};

const countries: { readonly [id in CountryId]: string } = {
  russia: "Россия",
  kazakhstan: "Казахстан",
  belarus: "Беларусь",
  ukraine: "Украина",
  uzbekistan: "Узбекистан",
  kyrgyzstan: "Кыргызстан",
  tajikistan: "Таджикистан",
  turkmenistan: "Туркменистан",
  armenia: "Армения",
  azerbaijan: "Азербайджан",
  georgia: "Грузия",
  moldova: "Молдова",
  latvia: "Латвия",
  lithuania: "Литва",
  estonia: "Эстония",
  israel: "Израиль",
  emirates: "ОАЭ",
  turkey: "Турция",
  serbia: "Сербия",
  cyprus: "Кипр",
  germany: "Германия",
  poland: "Польша",
  thailand: "Таиланд",
  northAmerica: "США и Канада",
};

export const texts = {
  language: "ru",
  page: {
    brand: "AI Admin",
    title: "Подключение WhatsApp",
    lead: "Около минуты. Нужен телефон с WhatsApp салона.",
    noScript:
      "Для подключения нужен JavaScript. Включите его в настройках браузера и обновите страницу.",
    footer:
      "AI Admin подключается как связанное устройство. Отвязать его можно в WhatsApp в любой момент.",
  },
  loading: {
    progress: "Связываемся с сервером…",
    slow: "Сервер отвечает дольше обычного. Ещё немного…",
  },
  steps: {
    title: "Что сделать на телефоне",
    open: { title: "Откройте WhatsApp", hint: "На телефоне салона" },
    devices: {
      title: "Связанные устройства",
      hint: "iPhone: «Настройки». Android: меню ⋮. Затем «Привязка устройства»",
    },
    scan: { title: "Отсканируйте QR-код", hint: "Наведите камеру на код на этом экране" },
    enter: { title: "Введите код", hint: "Внизу нажмите «Связать по номеру телефона»" },
  },
  tabs: { label: "Способ подключения", qr: "QR-код", code: "Код по номеру" },
  qr: {
    alt: "QR-код для привязки WhatsApp",
    left: (time: string) => `Обновится через ${time}`,
    progress: "Готовим QR-код…",
    slow: "WhatsApp отвечает дольше обычного. Ещё немного…",
    refreshing: "Обновляем…",
    expired: "QR-код устарел",
    expiredHint: "Мы перестали обновлять его, чтобы не тратить ваше время.",
    ask: "Показать новый QR-код",
    retry: "Попробовать ещё раз",
    retryIn: (time: string) => `Попробуем сами через ${time}`,
    other: "Нет второго экрана?",
    otherAction: "Получить код по номеру",
  },
  queue: {
    place: (place: number) => `Вы ${place}-й в очереди`,
    hint: "Сейчас подключаются и другие салоны. Обычно это меньше минуты — страницу можно не обновлять.",
  },
  code: {
    label: "Номер WhatsApp салона",
    placeholder: "+7 999 000-00-01",
    hint: "Россия — с 8, с +7 или просто 10 цифр. Другая страна — с плюса.",
    understood: (country: string, phone: string) => `${country}: ${phone}`,
    unknownCountry: "Проверьте код страны",
    submit: "Получить код",
    waiting: "Запрашиваем код…",
    slow: "WhatsApp отвечает дольше обычного. Ещё немного…",
    title: "Ваш код",
    forPhone: (phone: string) => `Для номера ${phone}`,
    copy: "Скопировать",
    copied: "Скопировано",
    copyFailed: "Скопируйте код вручную",
    left: (time: string) => `Действует ещё ${time}`,
    expired: "Время кода вышло",
    renew: "Получить новый код",
    change: "Другой номер",
    chip: (code: string, time: string) => `Код ${code} действует ещё ${time}`,
    chipAction: "Показать",
    other: "Есть второй экран?",
    otherAction: "Показать QR-код",
    retryIn: (time: string) => `Повторить можно через ${time}`,
  },
  linking: {
    title: "Завершаем подключение…",
    text: "Телефон подтвердил привязку. Не закрывайте WhatsApp ещё несколько секунд.",
    slow: "Дольше обычного. Оставьте WhatsApp открытым и проверьте интернет на телефоне.",
    stuck: "Если ничего не меняется, попробуйте подключиться заново.",
    again: "Начать заново",
  },
  connected: {
    title: "Готово",
    text: "WhatsApp салона подключён.",
    phone: (phone: string) => `Номер ${phone}`,
    nextTitle: "Что дальше",
    next: [
      "Тем, кто напишет салону в WhatsApp, ответит AI Admin: подскажет свободное время и запишет в YClients.",
      "Телефон остаётся вашим: переписка видна на нём как обычно.",
      "Открывайте WhatsApp на телефоне хотя бы раз в две недели, чтобы связь не прервалась.",
    ],
    close: "Эту страницу можно закрыть.",
    unexpected: (linked: string, asked: string) =>
      `Подключён номер ${linked}, а код вы просили для ${asked}.`,
    unexpectedHint:
      "Если это не номер салона, отвяжите «AI Admin» в WhatsApp → «Связанные устройства» и подключите нужный телефон.",
  },
  reconnecting: {
    title: "Восстанавливаем связь с WhatsApp",
    text: "WhatsApp салона привязан, но связь прервалась. Делать ничего не нужно.",
    stuck: "Проверьте, что телефон салона включён и в сети.",
  },
  stopped: {
    logged_out: {
      title: "WhatsApp отключён",
      message: "Устройство отвязали в WhatsApp на телефоне.",
      nextStep: "Подключите WhatsApp ещё раз — это займёт минуту.",
      action: "Подключить снова",
    },
    replaced: {
      title: "WhatsApp подключён в другом месте",
      message: "Это же подключение открылось в другом месте.",
      nextStep: "Подключите WhatsApp здесь ещё раз.",
      action: "Подключить снова",
    },
    banned: {
      title: "WhatsApp ограничил номер",
      message: "Номер салона временно ограничен самим WhatsApp.",
      nextStep: "Откройте WhatsApp на телефоне: там указаны срок и причина.",
      action: "Подключить другой номер",
    },
    outdated: {
      title: "Нужно обновление с нашей стороны",
      message: "WhatsApp требует обновить наш сервис.",
      nextStep: "Мы уже занимаемся этим. Попробуйте немного позже.",
      action: "Попробовать ещё раз",
    },
  },
  reasons: {
    unlinked: "Салон отвязали в настройках AI Admin.",
    credentials_missing: "Данные подключения не найдены.",
  } as Readonly<Record<string, string>>,
  noEntry: { title: "Не получается открыть подключение" },
  banner: {
    lost: "Нет связи с сервером. Восстанавливаем…",
    retryIn: (time: string) => `Повторим через ${time}`,
    retry: "Попробовать сейчас",
  },
  announce: {
    qr: "QR-код на экране. Отсканируйте его телефоном салона.",
    code: (code: string) => `Ваш код: ${code}. Введите его в WhatsApp.`,
    codeEndsSoon: "Код перестанет действовать через 15 секунд.",
    back: "Связь с сервером восстановлена.",
  },
  problems,
  countries,
};

export type Texts = typeof texts;
