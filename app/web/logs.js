/** Logs, followed: of a pod, or of all pods of a workload. */

import { ask } from "./api.js";
import { h } from "./dom.js";

// More lines than this are not kept: the page must not grow for ever.
const MOST = 5000;
const TAIL = 500;
const PREFIX = /^\[([^\]]+)\] /;
const COLOURS = 8;

/**
 * @param {string} path of the object, without its query @param {URLSearchParams} query where it is
 * @returns {{ element: HTMLElement, close: () => void }}
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
        const place = PREFIX.exec(text)?.[1];
        const hidden = !text.toLowerCase().includes(wanted);
        const rest = place ? text.slice(place.length + 3) : text;
        return h("div", { hidden }, place && h("span", { class: `from c${colour(place)}`, title: place }, place.split("/").slice(1).join("/")), rest || " ");
      }),
    );
    waiting = [];
    while (output.children.length > MOST) output.firstChild?.remove();
    // Whoever has scrolled up wants to read, and not be carried off.
    if (below < 40) output.scrollTop = output.scrollHeight;
  };
  const take = (/** @type {string[]} */ lines) => {
    waiting.push(...lines);
    if (waiting.length && !scheduled) {
      scheduled = true;
      setTimeout(draw, 50);
    }
  };
  const run = async (/** @type {AbortSignal} */ signal) => {
    const asked = new URLSearchParams(query);
    asked.set("tailLines", String(TAIL));
    asked.set(previous.checked ? "previous" : "follow", "1");
    state.textContent = previous.checked ? "" : "following";
    try {
      const { body } = await ask(`${path}/logs?${asked}`, { signal });
      if (!body) return;
      const reader = body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const lines = (rest + value).split("\n");
        rest = lines.pop() ?? "";
        take(lines);
      }
      if (rest) take([rest]);
      state.textContent = "ended";
    } catch (error) {
      if (!signal.aborted) state.textContent = error instanceof Error ? error.message : String(error);
    }
  };
  const restart = () => {
    stop.abort();
    stop = new AbortController();
    output.replaceChildren();
    waiting = [];
    void run(stop.signal);
  };
  restart();
  return { element, close: () => stop.abort() };
}

/** The same place has the same colour. @param {string} place @returns {number} */
function colour(place) {
  let sum = 0;
  for (const letter of place) sum = (sum * 31 + letter.charCodeAt(0)) >>> 0;
  return sum % COLOURS;
}
