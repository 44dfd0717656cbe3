// Russian names of what the control API tells by code.

export const EVENTS = {
  broken_connection: "Клиент нарушил протокол",
  broken_registration: "Ключи нового клиента не сходятся",
  code_for_unknown_number: "Запрошен код для номера без WhatsApp",
  code_requested: "Запрошен код привязки",
  dropped: "Соединение оборвано",
  fault_off: "Неисправность выключена",
  fault_on: "Неисправность включена",
  handshake: "Клиент подключился",
  left: "Устройство отключилось",
  linked: "Устройство привязано",
  login: "Устройство вошло",
  phone_sign: "Телефоном пользуются",
  phone_created: "Телефон создан",
  qr_run_out: "Все QR-коды истекли",
  refused: "Вход отклонён",
  replaced: "Сеанс вытеснен другим входом",
  unknown_stanza: "Непонятный запрос клиента",
  unlinked: "Устройство отвязано",
  wrong_code: "Набран неверный код",
};

// `body` is what the API takes; a lasting fault cannot be for one time only.
export const FAULTS = {
  banned: { text: "Временная блокировка (402)", body: { kind: "banned" } },
  outdated: { text: "Клиент устарел (405)", body: { kind: "outdated" } },
  loggedOut: { text: "Вход запрещён (401)", body: { kind: "refused", reason: 401 } },
  unavailable: { text: "Сервер занят (503)", body: { kind: "refused", reason: 503 } },
  dropped: { text: "Обрыв при входе", body: { kind: "dropped" } },
  badPairing: { text: "Привязка с испорченной подписью", body: { kind: "bad_pairing" } },
  slow: { text: "Медленная сеть", body: { kind: "slow", delay_s: 1 }, lasting: true },
  mute: { text: "Сервер молчит", body: { kind: "mute" }, lasting: true },
  swallowed: { text: "Линия глуха: всё уходит в пустоту", body: { kind: "swallowed" }, lasting: true },
  pingsOnly: { text: "Линия отвечает только на пинги", body: { kind: "pings_only" }, lasting: true },
  gone: { text: "На том конце линии никого", body: { kind: "gone" }, lasting: true },
  unreachable: {
    text: "Сеть недоступна",
    body: { kind: "unreachable" },
    lasting: true,
    everybody: true,
  },
};

export function faultText(fault) {
  const known = Object.values(FAULTS).find(
    ({ body }) => body.kind === fault.kind && (body.reason ?? fault.reason) === fault.reason,
  );
  const times = fault.times ? `, ещё раз: ${fault.times}` : "";
  return `${known?.text ?? `Отказ ${fault.reason}`} — ${fault.number ?? "у всех"}${times}`;
}

export function timeText(ms) {
  return ms === null ? "ещё не было" : new Date(ms).toLocaleTimeString("ru");
}
