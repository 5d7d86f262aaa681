/** The strip of clusters: how each is, how old what it shows, and what is wrong in it. */

import { ago, moment } from "./ages.js";
import { h, the } from "./dom.js";

/** @typedef {{ state: string, since: string, error: string | null }} Condition */
/** @typedef {{ name: string, version: string | null, readOnly: boolean }} Known */

const STATES = /** @type {Record<string, string>} */ ({
  syncing: "syncing",
  synced: "live",
  stale: "stale",
  unreachable: "unreachable",
  forbidden: "forbidden",
  removed: "removed",
});

export class Clusters extends EventTarget {
  /** @type {Map<string, Known>} */
  known = new Map();
  /** How each is as a whole, and how the table's resource is in it. @type {Map<string, Condition>} */
  #whole = new Map();
  /** @type {Map<string, Condition>} */
  #ofTable = new Map();
  /** @type {Map<string, Set<string>>} */
  #warnings = new Map();
  /** @type {Map<string, { objects: number, problems: number }>} */
  counts = new Map();
  /** @type {Set<string>} */
  chosen = new Set();
  resource = "";
  #scheduled = false;

  constructor() {
    super();
    setInterval(() => this.draw(), 1000);
  }

  /** @param {any[]} entries of /clusters */
  learn(entries) {
    this.known = new Map(entries.map((each) => [each.name, each]));
    for (const each of entries) this.#whole.set(each.name, each);
    for (const name of this.#whole.keys()) if (!this.known.has(name)) this.#whole.delete(name);
    this.draw();
  }

  /** The table shows another resource: how that is, nobody has said yet. @param {string} resource */
  turn(resource) {
    this.resource = resource;
    this.#ofTable.clear();
  }

  /**
   * Frames of the table's resource.
   * @param {any} frame
   */
  hear(frame) {
    if (frame.type === "SYNCED") for (const each of frame.clusters) this.#ofTable.set(each.name, each);
    else if (frame.type === "CLUSTER") {
      if (frame.state === "removed" && !frame.resource) this.#forget(frame.cluster);
      else {
        if (!frame.resource) this.#whole.set(frame.cluster, frame);
        this.#ofTable.set(frame.cluster, frame);
        if (!this.known.has(frame.cluster)) this.dispatchEvent(new Event("unknown"));
      }
    } else return;
    this.dispatchEvent(new Event("state"));
    this.draw();
  }

  /** @param {string} name */
  #forget(name) {
    for (const map of [this.known, this.#whole, this.#ofTable, this.#warnings]) map.delete(name);
  }

  /**
   * Warnings among the events.
   * @param {any} frame
   */
  hearWarnings(frame) {
    if (frame.type === "RESET") frame.cluster ? this.#warnings.delete(frame.cluster) : this.#warnings.clear();
    else if (frame.type === "ADDED" || frame.type === "MODIFIED") {
      const held = this.#warnings.get(frame.cluster) ?? new Set();
      this.#warnings.set(frame.cluster, held.add(`${frame.namespace}/${frame.name}`));
    } else if (frame.type === "DELETED") this.#warnings.get(frame.cluster)?.delete(`${frame.namespace}/${frame.name}`);
    else if (frame.type === "CLUSTER" && !frame.resource) this.#whole.set(frame.cluster, frame);
    this.drawSoon();
  }

  /** @param {string} name @returns {Condition} */
  condition(name) {
    return this.#ofTable.get(name) ?? this.#whole.get(name) ?? { state: "syncing", since: "", error: null };
  }

  /** Clusters whose objects are old news. @returns {Set<string>} */
  get faded() {
    return new Set([...this.known.keys()].filter((name) => ["stale", "unreachable"].includes(this.condition(name).state)));
  }

  /** @param {string} name @returns {boolean} */
  readOnly(name) {
    return this.known.get(name)?.readOnly ?? true;
  }

  drawSoon() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setTimeout(() => {
      this.#scheduled = false;
      this.draw();
    }, 100);
  }

  draw() {
    if (document.hidden) return;
    const strip = the("clusters");
    const names = [...this.known.keys()];
    const old = new Map([...strip.children].map((each) => [/** @type {HTMLElement} */ (each).dataset["cluster"], each]));
    for (const [name, chip] of old) if (!this.known.has(name ?? "")) chip.remove();
    for (const [at, name] of names.entries()) {
      const chip = old.get(name) ?? this.#chip(name);
      if (strip.children[at] !== chip) strip.insertBefore(chip, strip.children[at] ?? null);
      this.#fill(/** @type {HTMLElement} */ (chip), name);
    }
  }

  /** @param {string} name @returns {HTMLElement} */
  #chip(name) {
    const choose = (/** @type {MouseEvent} */ event) =>
      this.dispatchEvent(new CustomEvent("choose", { detail: { name, more: event.shiftKey || event.metaKey || event.ctrlKey } }));
    const parts = ["dot", "name", "objects", "problems", "warnings", "state"].map((part) => h("span", { class: part }));
    return h("button", { type: "button", class: "chip", "data-cluster": name, "aria-pressed": "false", click: choose }, ...parts);
  }

  /** @param {HTMLElement} chip @param {string} name */
  #fill(chip, name) {
    const { state, since, error } = this.condition(name);
    const { objects = 0, problems = 0 } = this.counts.get(name) ?? {};
    const warnings = this.#warnings.get(name)?.size ?? 0;
    const inScope = !this.chosen.size || this.chosen.has(name);
    chip.dataset["state"] = state;
    chip.setAttribute("aria-pressed", String(this.chosen.has(name)));
    chip.classList.toggle("aside", !inScope);
    write(chip, "name", name);
    write(chip, "objects", inScope ? objects.toLocaleString("en") : "");
    write(chip, "problems", inScope && problems ? `${problems} ${problems === 1 ? "problem" : "problems"}` : "");
    write(chip, "warnings", warnings ? `${warnings} ⚠` : "");
    const age = moment(since) ? ago(moment(since)) : "";
    const told = state === "synced" ? "live" : `${STATES[state] ?? state}${age && ` ${age}`}`;
    write(chip, "state", `${told}${this.known.get(name)?.readOnly ? " · read-only" : ""}`);
    const version = this.known.get(name)?.version;
    const lines = [`${name}: ${state}${age && ` for ${age}`}`, error, version && `Kubernetes ${version}`, `${objects} ${this.resource}`, `${warnings} warnings among the events`];
    const title = lines.filter(Boolean).join("\n");
    if (chip.title !== title) chip.title = title;
  }
}

/** @param {HTMLElement} chip @param {string} part @param {string} text */
function write(chip, part, text) {
  const element = chip.querySelector(`.${part}`);
  if (element && element.textContent !== text) element.textContent = text;
}
