/**
 * The one WebSocket, and all that is subscribed to over it.
 *
 * A connection that is lost comes back by itself, and each subscription goes on from its newest
 * cursor. A BOOKMARK may take a cursor back: it comes before a part is forgotten, so that who is
 * cut off there asks for all of that part again.
 */

import { token } from "./api.js";

/** @typedef {Record<string, string>} Query */
/** @typedef {any} Frame */
/** @typedef {"connecting" | "open" | "waiting"} Connection */

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 10_000;
// Who has said nothing for so long is asked whether it is there, and has so long to answer: bookmarks come every 10 s.
const SILENCE = 3_000;
const PATIENCE = 4_000;

export class Subscription {
  cursor = "";

  /** @param {string} id @param {Query} query @param {(frame: Frame) => void} hear @param {() => void} close */
  constructor(id, query, hear, close) {
    this.id = id;
    this.query = query;
    this.hear = hear;
    this.close = close;
  }
}

export class Socket extends EventTarget {
  /** @type {Connection} */
  state = "connecting";
  /** When the connection was lost that there is none since, in ms; 0 where there is one, or never was. */
  lost = 0;
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Map<string, Subscription>} */
  #subscriptions = new Map();
  #number = 0;
  #pause = FIRST_PAUSE;
  #heard = 0;
  #asking = false;
  /** @type {number | undefined} */
  #timer;

  constructor() {
    super();
    addEventListener("online", () => this.state === "waiting" && this.connect());
    addEventListener("offline", () => this.state === "open" && this.#lose());
    document.addEventListener("visibilitychange", () => this.#check());
    setInterval(() => this.#check(), 1000);
  }

  connect() {
    clearTimeout(this.#timer);
    const before = this.#socket;
    this.#socket = null;
    before?.close();
    this.#tell("connecting");
    const socket = open();
    this.#socket = socket;
    this.#heard = Date.now();
    // Where nothing answers at all, a browser waits for minutes.
    this.#timer = setTimeout(() => this.#lose(), 2 * PATIENCE);
    socket.onopen = () => {
      if (this.#socket !== socket) return;
      clearTimeout(this.#timer);
      this.lost = 0;
      this.#pause = FIRST_PAUSE;
      for (const subscription of this.#subscriptions.values()) this.#ask(subscription);
      this.#tell("open");
    };
    socket.onmessage = ({ data }) => {
      this.#heard = Date.now();
      this.#deliver(JSON.parse(data));
    };
    socket.onclose = () => this.#socket === socket && this.#lose();
  }

  /** There is no connection any more: try again after a while. */
  #lose() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.lost ||= Date.now();
    this.#tell("waiting");
    this.#timer = setTimeout(() => this.connect(), this.#pause * (0.75 + Math.random() / 2));
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
  }

  /**
   * @param {Query} query the parameters of a stream
   * @param {(frame: Frame) => void} hear
   * @returns {Subscription}
   */
  subscribe(query, hear) {
    const id = String(++this.#number);
    const subscription = new Subscription(id, query, hear, () => {
      this.#subscriptions.delete(id);
      if (this.state === "open") this.#send({ op: "unsubscribe", id });
    });
    this.#subscriptions.set(id, subscription);
    if (this.state === "open") this.#ask(subscription);
    return subscription;
  }

  /** @param {Subscription} subscription */
  #ask({ id, query, cursor }) {
    this.#send({ op: "subscribe", id, ...query, ...(cursor && { cursor }) });
  }

  /** @param {object} message */
  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** @param {Frame} frame */
  #deliver(frame) {
    const subscription = this.#subscriptions.get(frame.id);
    if (!subscription) return;
    if (frame.type === "RESET" && !frame.cluster) subscription.cursor = "";
    else if (frame.cursor) subscription.cursor = frame.cursor;
    subscription.hear(frame);
  }

  /** A server that hangs, or a network that swallows everything, closes nothing. */
  async #check() {
    if (this.state !== "open" || this.#asking || document.hidden || Date.now() - this.#heard < SILENCE) return;
    this.#asking = true;
    const socket = this.#socket;
    try {
      await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
      this.#heard = Date.now();
    } catch {
      if (this.#socket === socket && this.state === "open") this.#lose();
    } finally {
      this.#asking = false;
    }
  }

  /** @param {Connection} state */
  #tell(state) {
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}

/** @returns {WebSocket} */
function open() {
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
  const secret = token();
  if (!secret) return new WebSocket(url, ["k8s-mcp.v1"]);
  try {
    return new WebSocket(url, ["k8s-mcp.v1", `k8s-mcp.token.${secret}`]);
  } catch {
    // A token may have characters that no subprotocol can have.
    return new WebSocket(`${url}?token=${encodeURIComponent(secret)}`, ["k8s-mcp.v1"]);
  }
}
