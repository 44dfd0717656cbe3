// A bare Baileys client: `node client.mjs <port> <root key, hex>`, run where its packages are.
// Tells what happens as JSON lines on standard output, takes JSON commands on standard input.

import { createInterface } from "node:readline";

import makeWASocket, { Browsers, DisconnectReason, initAuthCreds } from "@whiskeysockets/baileys";
import P from "pino";

const [port, rootKey] = process.argv.slice(2);
const defaults = import.meta.resolve("@whiskeysockets/baileys").replace(/index\.js$/, "Defaults/index.js");
const { WA_CERT_DETAILS } = await import(defaults);
WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(rootKey, "hex");

const tell = (kind, details = {}) => process.stdout.write(`${JSON.stringify({ kind, ...details })}\n`);

const stored = new Map();
const keys = {
  get: async (type, ids) => Object.fromEntries(ids.map((id) => [id, stored.get(`${type}-${id}`)])),
  set: async (data) => {
    for (const [type, entries] of Object.entries(data)) {
      for (const [id, value] of Object.entries(entries)) {
        if (value) stored.set(`${type}-${id}`, value);
        else stored.delete(`${type}-${id}`);
      }
    }
  },
};
const auth = { creds: initAuthCreds(), keys };
let socket;

function onUpdate({ connection, lastDisconnect, qr }) {
  if (qr) tell("qr", { qr });
  if (connection === "open") tell("open", { id: socket.user.id });
  if (connection === "close") {
    const status = lastDisconnect?.error?.output?.statusCode;
    tell("close", { status });
    // Reconnecting is the application's part with Baileys.
    if (status !== DisconnectReason.loggedOut) start();
  }
}

function start() {
  socket = makeWASocket({
    auth,
    browser: Browsers.ubuntu("Chrome"),
    logger: P({ level: "silent" }),
    waWebSocketUrl: `ws://127.0.0.1:${port}/ws/chat`,
  });
  socket.ev.on("connection.update", onUpdate);
  socket.ev.on("creds.update", ({ myAppStateKeyId }) => myAppStateKeyId && tell("app_state_key"));
  socket.ev.on("messaging-history.set", ({ progress }) => tell("history", { progress }));
}

start();
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  if (command.pair) tell("code", { code: await socket.requestPairingCode(command.pair) });
}
process.exit(0);
