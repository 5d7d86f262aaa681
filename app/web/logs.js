/** Logs, followed: of a pod, or of all pods of a workload. */

import { painted } from "./ansi.js";
import { ProblemError, ask } from "./api.js";
import { h } from "./dom.js";

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

/** @typedef {{ element: HTMLElement, close: () => void, reconnected: () => void }} Logs */

/**
 * @param {string} path of the object, without its query @param {URLSearchParams} query where it is
 * @returns {Logs}
 */
export function logs(path, query) {
  const output = h("div", { class: "log", role: "log", tabindex: "0", "aria-label": "Log", "aria-live": "off" });
  const state = h("span", { class: "soft" }, "…");
  const previous = h("input", { type: "checkbox", id: "previous", change: () => restart() });
  const wrap = h("input", { type: "checkbox", id: "wrap", checked: true, change: () => output.classList.toggle("nowrap", !wrap.checked) });
  const find = h("input", { type: "text", placeholder: "Only lines with…", "aria-label": "Only lines with", spellcheck: "false", input: () => sift() });
  const element = h(
    "div",
    { class: "logs" },
    h("div", { class: "tools" }, find, h("label", {}, previous, "Previous run"), h("label", {}, wrap, "Wrap"), state),
    output,
  );
  let stop = new AbortController();
  /** @type {string[]} */
  let waiting = [];
  let scheduled = false;
  let prefixed = false;
  /** The latest lines, to know them again. @type {string[]} */
  let latest = [];
  /** When something was heard last, in ms; 0 before the first answer. */
  let heard = 0;
  /** When the log was cut off, in ms; 0 while it is followed. */
  let lost = 0;
  /** @type {number | undefined} */
  let timer;

  const sift = () => {
    const wanted = find.value.toLowerCase();
    for (const line of output.children) /** @type {HTMLElement} */ (line).hidden = !line.textContent?.toLowerCase().includes(wanted);
  };
  const draw = () => {
    scheduled = false;
    const below = output.scrollHeight - output.scrollTop - output.clientHeight;
    const wanted = find.value.toLowerCase();
    output.append(
      ...waiting.slice(-MOST).map((text) => {
        const place = prefixed ? PREFIX.exec(text)?.[1] : undefined;
        const rest = place ? text.slice(place.length + 3) : text;
        const line = h("div", {}, place && h("span", { class: `from c${colour(place)}`, title: place }, place.split("/").slice(1).join("/")), ...painted(rest || " "));
        line.hidden = !!wanted && !line.textContent?.toLowerCase().includes(wanted);
        return line;
      }),
    );
    waiting = [];
    while (output.children.length > MOST) output.firstChild?.remove();
    // Whoever has scrolled up wants to read, and not be carried off.
    if (below < 40) output.scrollTop = output.scrollHeight;
  };
  const take = (/** @type {string[]} */ lines) => {
    waiting.push(...lines);
    latest = [...latest, ...lines].slice(-TAIL);
    if (waiting.length && !scheduled) {
      scheduled = true;
      setTimeout(draw, 50);
    }
  };
  /** Say where the log was interrupted, and go on behind what was there before. @param {string[]} lines */
  const join = (lines) => {
    const before = latest;
    const known = overlap(before, lines);
    draw();
    output.append(h("div", { class: "gap" }, `not connected from ${time(lost)} to ${time(Date.now())}${known || !before.length ? "" : "; lines may be missing or come twice"}`));
    lost = 0;
    take(lines.slice(known));
  };
  const run = async (/** @type {AbortSignal} */ signal) => {
    const asked = new URLSearchParams(query);
    const again = lost > 0 && heard > 0;
    // A second more: the last line may be one of several of its second.
    if (again) asked.set("sinceSeconds", String(Math.ceil((Date.now() - heard) / 1000) + 2));
    else asked.set("tailLines", String(TAIL));
    asked.set(previous.checked ? "previous" : "follow", "1");
    try {
      const { body, headers } = await ask(`${path}/logs?${asked}`, { signal });
      if (!body) return;
      prefixed = headers.has("X-Log-Prefix");
      state.textContent = previous.checked ? "" : "following";
      const reader = body.pipeThrough(new TextDecoderStream()).getReader();
      /** @type {string[] | null} */
      let first = again ? [] : null;
      const gather = () => {
        if (first) join(first);
        first = null;
      };
      if (again) setTimeout(() => !signal.aborted && gather(), OVERLAP);
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        heard = Date.now();
        const lines = (rest + value).split("\n");
        rest = lines.pop() ?? "";
        if (rest.length > LONGEST) lines.push(...rest.match(/[^]{1,100000}/g) ?? []);
        if (rest.length > LONGEST) rest = "";
        if (first) first.push(...lines);
        else take(lines);
      }
      if (signal.aborted) return;
      gather();
      if (rest) take([rest]);
      state.textContent = "ended";
    } catch (error) {
      if (signal.aborted) return;
      const refused = error instanceof ProblemError && error.status < 500;
      state.textContent = refused || previous.checked ? /** @type {Error} */ (error).message : "not connected; trying again";
      if (refused || previous.checked) return;
      heard ||= Date.now();
      lost ||= Date.now();
      timer = setTimeout(() => void run(signal), AGAIN);
    }
  };
  const restart = () => {
    stop.abort();
    clearTimeout(timer);
    stop = new AbortController();
    output.replaceChildren();
    waiting = latest = [];
    heard = lost = 0;
    state.textContent = "…";
    void run(stop.signal);
  };
  const reconnected = () => {
    if (previous.checked || (!lost && state.textContent !== "ended")) return;
    clearTimeout(timer);
    stop.abort();
    stop = new AbortController();
    lost ||= Date.now();
    void run(stop.signal);
  };
  const close = () => {
    stop.abort();
    clearTimeout(timer);
  };
  restart();
  return { element, close, reconnected };
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
