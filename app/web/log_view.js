/** Logs, followed: of a pod, or of all pods of a workload. */

import { painted } from "./ansi.js";
import { ProblemError, ask } from "./api.js";
import { h, messageOf } from "./dom.js";

// More lines than this are not kept: the page must not grow for ever.
const MOST = 5000;
const TAIL = 500;
// In front of each line where several containers write, which the header of the answer says.
const PREFIX = /^\[([^/\]]+\/[^/\]]+\/[^/\]]+)\] /;
const COLOURS = 8;
const AGAIN = 3000;
// What comes within this time after a reconnect is compared with what was there before.
const OVERLAP = 400;
// A line without an end must not be held for ever.
const LONGEST = 1_000_000;

/** The log of one object in the page, which is read from the server for as long as it is open. */
export class LogView {
  #path;
  #query;
  #output = h("div", { class: "log", role: "log", tabindex: "0", "aria-label": "Log", "aria-live": "off" });
  #state = h("span", { class: "soft" }, "…");
  #previous = h("input", { type: "checkbox", id: "previous", change: () => this.#restart() });
  #wrap = h("input", { type: "checkbox", id: "wrap", checked: true, change: () => this.#output.classList.toggle("nowrap", !this.#wrap.checked) });
  #find = h("input", { type: "text", placeholder: "Only lines with…", "aria-label": "Only lines with", spellcheck: "false", input: () => this.#sift() });
  element = h(
    "div",
    { class: "logs" },
    h("div", { class: "tools" }, this.#find, h("label", {}, this.#previous, "Previous run"), h("label", {}, this.#wrap, "Wrap"), this.#state),
    this.#output,
  );
  #stop = new AbortController();
  /** Lines that are not in the page yet. @type {string[]} */
  #waiting = [];
  #scheduled = false;
  #prefixed = false;
  /** The latest lines, to know them again. @type {string[]} */
  #latest = [];
  /** When a line arrived last, in ms; 0 before the first answer. */
  #heard = 0;
  /** When the log was cut off, in ms; 0 while it is followed. */
  #lost = 0;
  /** @type {number | undefined} */
  #timer;

  /** @param {string} path of the object, without its query @param {URLSearchParams} query where it is */
  constructor(path, query) {
    this.#path = path;
    this.#query = query;
    this.#restart();
  }

  /** Stop reading. */
  close() {
    this.#stop.abort();
    clearTimeout(this.#timer);
  }

  /** The server is there again: go on where the log was cut off. */
  reconnected() {
    if (this.#previous.checked || (!this.#lost && this.#state.textContent !== "ended")) return;
    this.close();
    this.#stop = new AbortController();
    this.#lost ||= Date.now();
    void this.#run(this.#stop.signal);
  }

  #restart() {
    this.close();
    this.#stop = new AbortController();
    this.#output.replaceChildren();
    this.#waiting = this.#latest = [];
    this.#heard = this.#lost = 0;
    this.#state.textContent = "…";
    void this.#run(this.#stop.signal);
  }

  /** Show only the lines that have the text in the field. */
  #sift() {
    for (const line of this.#output.children) /** @type {HTMLElement} */ (line).hidden = !this.#isWanted(line);
  }

  /** @param {Element} line @returns {boolean} */
  #isWanted(line) {
    return !!line.textContent?.toLowerCase().includes(this.#find.value.toLowerCase());
  }

  /** Put the waiting lines into the page. */
  #draw() {
    this.#scheduled = false;
    const output = this.#output;
    const below = output.scrollHeight - output.scrollTop - output.clientHeight;
    output.append(...this.#waiting.slice(-MOST).map((text) => this.#line(text)));
    this.#waiting = [];
    while (output.children.length > MOST) output.firstChild?.remove();
    // Whoever has scrolled up wants to read, and not be carried off.
    if (below < 40) output.scrollTop = output.scrollHeight;
  }

  /** @param {string} text @returns {HTMLElement} */
  #line(text) {
    const place = this.#prefixed ? PREFIX.exec(text)?.[1] : undefined;
    const rest = place ? text.slice(place.length + 3) : text;
    const line = h("div", {}, place && h("span", { class: `from c${colour(place)}`, title: place }, place.split("/").slice(1).join("/")), ...painted(rest || " "));
    line.hidden = !!this.#find.value && !this.#isWanted(line);
    return line;
  }

  /** @param {string[]} lines */
  #take(lines) {
    this.#waiting.push(...lines);
    this.#latest = [...this.#latest, ...lines].slice(-TAIL);
    if (this.#waiting.length && !this.#scheduled) {
      this.#scheduled = true;
      setTimeout(() => this.#draw(), 50);
    }
  }

  /** Say where the log was interrupted, and go on behind what was there before. @param {string[]} lines */
  #join(lines) {
    const before = this.#latest;
    const repeated = overlap(before, lines);
    this.#draw();
    this.#output.append(h("div", { class: "gap" }, `not connected from ${time(this.#lost)} to ${time(Date.now())}${repeated || !before.length ? "" : "; lines may be missing or come twice"}`));
    this.#lost = 0;
    this.#take(lines.slice(repeated));
  }

  /** Read the log until it ends, and try again where it is cut off. @param {AbortSignal} signal */
  async #run(signal) {
    try {
      await this.#read(signal);
    } catch (error) {
      if (signal.aborted) return;
      const refused = error instanceof ProblemError && error.status < 500;
      this.#state.textContent = refused || this.#previous.checked ? messageOf(error) : "not connected; trying again";
      if (refused || this.#previous.checked) return;
      this.#heard ||= Date.now();
      this.#lost ||= Date.now();
      this.#timer = setTimeout(() => void this.#run(signal), AGAIN);
    }
  }

  /** The parameters of a request for the log. @param {boolean} again whether it goes on with a log that was cut off @returns {URLSearchParams} */
  #parameters(again) {
    const parameters = new URLSearchParams(this.#query);
    // A second more: the last line may be one of several of its second.
    if (again) parameters.set("sinceSeconds", String(Math.ceil((Date.now() - this.#heard) / 1000) + 2));
    else parameters.set("tailLines", String(TAIL));
    parameters.set(this.#previous.checked ? "previous" : "follow", "1");
    return parameters;
  }

  /** Take the lines of one answer, to its end. @param {AbortSignal} signal */
  async #read(signal) {
    const again = this.#lost > 0 && this.#heard > 0;
    const { body, headers } = await ask(`${this.#path}/logs?${this.#parameters(again)}`, { signal });
    if (!body) return;
    this.#prefixed = headers.has("X-Log-Prefix");
    this.#state.textContent = this.#previous.checked ? "" : "following";
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    /** @type {string[] | null} */
    let first = again ? [] : null;
    const gather = () => {
      if (first) this.#join(first);
      first = null;
    };
    if (again) setTimeout(() => !signal.aborted && gather(), OVERLAP);
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      this.#heard = Date.now();
      const lines = (rest + value).split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > LONGEST) lines.push(...rest.match(/[^]{1,100000}/g) ?? []);
      if (rest.length > LONGEST) rest = "";
      if (first) first.push(...lines);
      else this.#take(lines);
    }
    if (signal.aborted) return;
    gather();
    if (rest) this.#take([rest]);
    this.#state.textContent = "ended";
  }
}

/** How many of the first lines are the last of those before. @param {string[]} before @param {string[]} lines @returns {number} */
function overlap(before, lines) {
  for (let size = Math.min(before.length, lines.length); size > 0; size -= 1) {
    if (before.slice(-size).every((line, at) => line === lines[at])) return size;
  }
  return 0;
}

/** @param {number} at in ms @returns {string} */
function time(at) {
  return new Date(at).toLocaleTimeString();
}

/** The same place has the same colour. @param {string} place @returns {number} */
function colour(place) {
  let sum = 0;
  for (const letter of place) sum = (sum * 31 + letter.charCodeAt(0)) >>> 0;
  return sum % COLOURS;
}
