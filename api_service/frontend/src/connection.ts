// The Socket.IO connection, told as actions. It decides nothing but how its own retries are paced.

import { io } from "socket.io-client";
import { decode, SERVER_EVENTS } from "./protocol";
import type { Action } from "./state";

const CONNECT_TIMEOUT_MS = 10_000;
const RETRY_FIRST_MS = 1_000;
const RETRY_LONGEST_MS = 8_000;
/** About five minutes of tries; after that a person or a returning network starts them again. */
const RETRIES = 40;

export interface Connection {
  connect(): void;
  disconnect(): void;
  send(event: "request-qr" | "unlink"): void;
  send(event: "request-pairing-code", payload: { readonly phoneNumber: string }): void;
}

/** `reconnected` is called for every connection but the first. */
export function createConnection(
  token: string,
  dispatch: (action: Action) => void,
  reconnected: () => void,
): Connection {
  const socket = io("/marketplace", {
    auth: { token },
    autoConnect: false,
    // A WebSocket needs no sticky routing; where a proxy blocks it, long polling takes over.
    transports: ["websocket", "polling"],
    tryAllTransports: true,
    timeout: CONNECT_TIMEOUT_MS,
    reconnectionAttempts: RETRIES,
    reconnectionDelay: RETRY_FIRST_MS,
    reconnectionDelayMax: RETRY_LONGEST_MS,
    randomizationFactor: 0.5,
  });

  function serverSaid(event: string, payload: unknown): void {
    const message = decode(event, payload);
    if (message !== null) dispatch({ type: "server-said", message });
  }

  function refused(): void {
    dispatch({ type: "link-refused", jitter: Math.random() });
  }

  for (const event of SERVER_EVENTS) {
    socket.on(event, (payload: unknown) => serverSaid(event, payload));
  }
  let connections = 0;
  socket.on("connect", () => {
    dispatch({ type: "link-opened" });
    connections += 1;
    if (connections > 1) reconnected();
  });
  socket.on("disconnect", (reason) => {
    if (reason === "io server disconnect") refused();
    else if (reason !== "io client disconnect") dispatch({ type: "link-lost" });
  });
  socket.on("connect_error", (error: Error & { data?: unknown }) => {
    if (socket.active) return dispatch({ type: "link-lost" });
    serverSaid("error", error.data ?? { message: error.message });
    refused();
  });
  socket.io.on("reconnect_failed", () => dispatch({ type: "link-gave-up" }));

  return {
    connect: () => {
      // A connection that is thought to be dead must not keep the new one from coming about.
      if (socket.active) socket.disconnect();
      socket.connect();
    },
    disconnect: () => void socket.disconnect(),
    send: (event: string, ...payload: unknown[]) => {
      // What is asked for while away is sent by the state that follows, never out of a buffer.
      if (socket.connected) socket.emit(event, ...payload);
    },
  };
}
