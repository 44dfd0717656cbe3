// Connects with npm's socket.io-client and prints each thing that happens as one line of JSON.
import { io } from "socket.io-client";

const [url, token] = process.argv.slice(2);
const say = (event, payload) => console.log(JSON.stringify({ event, payload }));

const socket = io(`${url}/marketplace`, { auth: { token }, reconnection: false });
socket.on("connect", () => {
  say("connect", { transport: socket.io.engine.transport.name });
  socket.emit("request-pairing-code", { phoneNumber: "8 999 000-00-01" });
});
socket.on("connect_error", (error) => say("connect_error", error.message));
socket.on("disconnect", (reason) => say("disconnect", reason));
socket.onAny(say);
socket.on("whatsapp-connected", () => socket.disconnect());
