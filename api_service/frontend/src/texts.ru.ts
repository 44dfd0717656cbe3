// Every word of the page. Another language is another module of this shape.

import type { CountryId } from "./countries";
import type { ActivationStatus } from "./protocol";

const PRESS_CONNECT =
  "Вернитесь в YClients и нажмите «Подключить» ещё раз — откроется новая ссылка.";
const TRY_AGAIN = "Попробуйте ещё раз через минуту.";

interface Text {
  readonly message: string;
  readonly nextStep?: string;
  /** What to tap, one after the other; shown in place of the next step. */
  readonly steps?: readonly string[];
}

const UNCONFIRMED: Text = {
  message: "YClients пока не подтвердил подключение",
  nextStep: "Мы пробуем сами, закрыть страницу можно.",
};

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
    message: "Код уже запрошен",
    nextStep:
      "Его попросили в другой вкладке или на другом устройстве. Он сейчас появится и здесь.",
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
  PASSKEY_REQUIRED: {
    message: "WhatsApp просит подтвердить подключение ключом доступа",
    nextStep: "Наш сервис этого пока не умеет. Вот что можно сделать:",
    steps: [
      "Подождите день-два и попробуйте ещё раз: эту проверку WhatsApp включает не всем и не навсегда.",
      "Или подключите другой номер, на котором работает WhatsApp.",
      "Ключ доступа не удаляйте: WhatsApp попросит создать новый. Не получается — напишите в поддержку.",
    ],
  },
  UNLINK_FAILED: {
    message: "Не удалось отвязать WhatsApp",
    nextStep:
      "Попробуйте ещё раз или отвяжите «AI Admin» в самом WhatsApp: «Связанные устройства» → «AI Admin» → «Выйти».",
  },
  SALON_FROZEN: {
    message: "Подписка на AI Admin в YClients закончилась",
    nextStep: "Оплатите её в YClients, и AI Admin включится сам.",
  },
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
    unlinked: "WhatsApp отвязан",
    unlinkedHint: "Теперь можно подключить другой телефон.",
    otherTab: "Эта страница открыта ещё в одной вкладке",
    otherTabHint: "Обе показывают одно и то же: закончите в любой.",
    endsSoon: "Ссылка перестанет действовать через несколько минут",
    endsSoonHint: "Не успеете — вернитесь в YClients и нажмите «Подключить» ещё раз.",
    outdated: "Вышла новая версия страницы",
    outdatedHint: "Обновите её: начатое подключение не потеряется.",
    reload: "Обновить",
  },
  loading: {
    progress: "Связываемся с сервером…",
    slow: "Сервер отвечает дольше обычного. Ещё немного…",
  },
  steps: {
    title: "Что сделать на телефоне",
    platform: "Телефон салона",
    platforms: { android: "Android", iphone: "iPhone" },
    open: {
      android: { title: "Откройте WhatsApp", hint: "Нажмите ⋮ вверху справа" },
      iphone: { title: "Откройте WhatsApp", hint: "Нажмите «Настройки» внизу справа" },
    },
    devices: {
      title: "«Связанные устройства»",
      hint: "Затем «Привязка устройства» (бывает «Связать устройство»)",
    },
    scan: { title: "Отсканируйте QR-код", hint: "Наведите камеру на код на этом экране" },
    enter: {
      title: "«Связать по номеру телефона»",
      hint: "Нажмите внизу экрана и введите код с этой страницы",
    },
    push: "WhatsApp может сам прислать уведомление о привязке — тогда просто нажмите на него.",
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
    voided: "Этот код больше не действует",
    voidedHint: "WhatsApp начал соединение заново. Получите новый код для того же номера.",
    unsure: "Проверяем, действует ли код…",
    retryByItself: (time: string) => `Попробуем сами через ${time}`,
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
    stuck: "Если ничего не меняется, начните заново.",
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
    unexpectedHint: "Если это не номер салона, отвяжите его и подключите нужный телефон.",
    unexpectedAction: "Отвязать и подключить другой номер",
  },
  unlink: {
    action: "Отвязать WhatsApp",
    title: "Отвязать WhatsApp?",
    text: "AI Admin перестанет отвечать клиентам салона. Переписка на телефоне останется. Подключить снова можно в любой момент.",
    confirm: "Да, отвязать",
    cancel: "Оставить",
    progress: "Отвязываем…",
    slow: "WhatsApp отвечает дольше обычного. Ещё немного…",
    again: {
      title: "Начать подключение заново?",
      text: "Мы отвяжем то, что успело подключиться, и покажем новый код.",
      confirm: "Да, начать заново",
      cancel: "Подождать ещё",
    },
  },
  reconnecting: {
    title: "Восстанавливаем связь с WhatsApp",
    text: "WhatsApp салона привязан, но связь прервалась. Делать ничего не нужно.",
    stuck: "Если связь долго не возвращается, напишите в поддержку.",
  },
  /** Of the salon in YClients, under a link that works. */
  activation: {
    activating: { message: "Подключаем салон в YClients…" },
    active: { message: "Салон подключён в YClients" },
    activation_pending: UNCONFIRMED,
    pending_callback: UNCONFIRMED,
    activation_failed: {
      message: "YClients пока не принял подключение",
      nextStep:
        "На WhatsApp это не влияет: он подключён. Мы попробуем ещё раз сами. Если завтра здесь будет то же самое, напишите в поддержку.",
    },
    slow: "YClients отвечает дольше обычного. Ждать не нужно: страницу можно закрыть.",
  } as Readonly<Record<ActivationStatus, Text>> & { readonly slow: string },
  frozen: {
    title: "AI Admin на паузе",
    message: "Подписка на AI Admin в YClients закончилась.",
    nextStep: "Оплатите её в YClients, и AI Admin включится сам.",
    linked: "WhatsApp салона остаётся привязан, привязывать его заново не придётся.",
    close: "Эту страницу можно закрыть.",
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
    unlinked: "WhatsApp отвязан на странице подключения.",
    credentials_missing: "Данные подключения не найдены.",
  } as Readonly<Record<string, string>>,
  nextTry: (moment: string) => `Попробуем сами: ${moment}.`,
  noEntry: { title: "Не получается открыть подключение" },
  banner: {
    lost: "Нет связи с сервером. Восстанавливаем…",
    refreshing: "Проверяем, что изменилось…",
    retryIn: (time: string) => `Повторим через ${time}`,
    retry: "Попробовать сейчас",
  },
  announce: {
    qr: "QR-код на экране. Отсканируйте его телефоном салона.",
    code: (code: string) => `Ваш код: ${code}. Введите его в WhatsApp.`,
    unlinked: "WhatsApp отвязан. Теперь можно подключить другой телефон.",
    codeEndsSoon: "Код перестанет действовать через 15 секунд.",
    back: "Связь с сервером восстановлена.",
  },
  problems,
  countries,
};

export type Texts = typeof texts;
