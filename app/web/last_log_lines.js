/** The last lines of a container's run that ended, fetched once. */

import { pathOf } from "./object_requests.js";
import { painted } from "./ansi.js";
import { ask } from "./api.js";
import { h, messageOf } from "./dom.js";
import { at, text } from "./json_access.js";

const LINES = 10;
const MOST = 50;
const AGAIN = 5000;
/** By what they are of. @type {Map<string, HTMLElement>} */
const held = new Map();

/**
 * @param {any} pod @param {string} container
 * @param {{ previous: boolean, run: string }} which whether it has been started again since, and which run that was
 * @returns {HTMLElement} which fills itself
 */
export function lastWords(pod, container, { previous, run }) {
  const key = [pod.cluster, text(at(pod, "metadata", "uid")), container, run, previous].join("\0");
  const known = held.get(key);
  if (known) return known;
  const lines = h("div", {}, "…");
  const element = h("pre", { class: "words last", tabindex: "0", role: "group", "aria-label": `Last words of ${container}` }, lines);
  held.set(key, element);
  for (const old of [...held.keys()].slice(0, -MOST)) held.delete(old);
  void fill(key, lines, pod, container, previous);
  return element;
}

/** @param {string} key @param {HTMLElement} element @param {any} pod @param {string} container @param {boolean} previous */
async function fill(key, element, pod, container, previous) {
  const [path = "", query = ""] = pathOf({ resource: "pods", object: pod, verbs: [] }).split("?");
  const asked = new URLSearchParams(query);
  asked.set("container", container);
  asked.set("tailLines", String(LINES));
  if (previous) asked.set("previous", "1");
  try {
    const said = (await (await ask(`${path}/logs?${asked}`)).text()).trimEnd();
    element.replaceChildren(...(said ? said.split("\n").flatMap((line, number) => [number ? "\n" : "", ...painted(line)]) : ["It said nothing."]));
  } catch (error) {
    // It is asked again when it is looked at again, a little later.
    setTimeout(() => held.delete(key), AGAIN);
    element.replaceChildren(`Its last words cannot be had: ${messageOf(error)}`);
  }
}
