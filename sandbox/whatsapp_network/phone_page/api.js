// The control API of the network this page belongs to.

export class ApiError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

async function answer(response) {
  if (response.status === 204) return null;
  const body = await response.json();
  if (!response.ok) throw new ApiError(body.code, body.error);
  return body;
}

async function call(method, path, body) {
  const options = { method, headers: { "content-type": "application/json" } };
  if (body !== undefined) options.body = JSON.stringify(body);
  return answer(await fetch(path, options));
}

const phonePath = (number) => `/control/phones/${encodeURIComponent(number)}`;

export const api = {
  phones: async () => (await call("GET", "/control/phones")).phones,
  createPhone: (number, name) => call("POST", "/control/phones", { number, name }),
  scan: (number, qr) => call("POST", `${phonePath(number)}/scan`, { qr }),
  scanScreen: (number, label) => call("POST", `${phonePath(number)}/scan`, { label }),
  scanPicture: async (number, file) =>
    answer(await fetch(`${phonePath(number)}/scan-picture`, { method: "POST", body: file })),
  typeCode: (number, code) => call("POST", `${phonePath(number)}/code`, { code }),
  giveSign: (number, kind) => call("POST", `${phonePath(number)}/sign`, { kind }),
  unlink: (number, device) => call("DELETE", `${phonePath(number)}/devices/${device}`),
  screens: async () => (await call("GET", "/control/screen")).screens,
  faults: async () => (await call("GET", "/control/faults")).faults,
  addFault: (fault) => call("POST", "/control/faults", fault),
  removeFault: (id) => call("DELETE", `/control/faults/${id}`),
  drop: (number) => call("POST", "/control/drop", { number }),
  events: async (after) => (await call("GET", `/control/events?after=${after}`)).events,
};
