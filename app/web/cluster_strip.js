/** The strip of clusters: how each is, how old what it shows, and what is wrong in it. */

import { ago, moment } from "./ages.js";
import { h, the, visible } from "./dom.js";

/** @typedef {{ state: string, since: string, error: string | null, unreadable?: number }} Condition */
/** @typedef {{ name: string, version: string | null, readOnly: boolean }} Known */

const STATES = /** @type {Record<string, string>} */ ({
  syncing: "syncing",
  synced: "live",
  stale: "stale",
  unreachable: "unreachable",
  forbidden: "forbidden",
  removed: "removed",
});
// What needs a look comes first where there are many.
const ORDER = ["unreachable", "forbidden", "stale", "syncing", "synced"];
// So many stand beside each other with all that is known of them; more are small, and can be searched.
const FEW = 8;

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
  /** When the server was lost, in ms; 0 while there is one: of no cluster anything is known then. */
  lost = 0;
  #scheduled = false;
  #summary = h("span", { class: "summary" });
  #search = h("input", { type: "text", id: "find-cluster", placeholder: "Find a cluster", "aria-label": "Find a cluster", spellcheck: "false", autocomplete: "off", input: () => this.draw() });
  #more = h("button", { type: "button", class: "more", "aria-expanded": "false", "aria-controls": "chips", click: () => this.#unfold() }, "Show all");
  #tools = h("div", { class: "tools", hidden: true }, this.#summary, this.#search, this.#more);
  #chips = h("div", { class: "chips", id: "chips" });

  constructor() {
    super();
    the("clusters").append(this.#tools, this.#chips);
    setInterval(() => this.draw(), 1000);
  }

  /** @param {any[]} entries of /clusters */
  learn(entries) {
    const known = new Map(entries.map((each) => [each.name, each]));
    for (const name of this.known.keys()) if (!known.has(name)) this.#forget(name);
    this.known = known;
    for (const each of entries) this.#whole.set(each.name, each);
    this.dispatchEvent(new Event("state"));
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
        if (!this.known.has(frame.cluster)) this.dispatchEvent(new Event("other"));
      }
    } else return;
    this.dispatchEvent(new Event("state"));
    this.drawSoon();
  }

  /** @param {string} name */
  #forget(name) {
    if (this.known.has(name)) this.dispatchEvent(new CustomEvent("removed", { detail: name }));
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
    // Of clusters that the table does not ask, nothing else tells; what is said of events alone is not said of the cluster.
    else if (frame.type === "CLUSTER") this.dispatchEvent(new Event("other"));
    this.drawSoon();
  }

  /** How the table's resource is in a cluster. @param {string} name @returns {Condition} */
  condition(name) {
    return this.#ofTable.get(name) ?? this.#whole.get(name) ?? { state: "syncing", since: "", error: null };
  }

  /** Those that are asked. @returns {string[]} */
  get inScope() {
    return [...this.known.keys()].filter((name) => !this.chosen.size || this.chosen.has(name));
  }

  /** Clusters whose objects are old news: without the server, all of them. @returns {Set<string>} */
  get faded() {
    return new Set([...this.known.keys()].filter((name) => this.lost || ["stale", "unreachable"].includes(this.condition(name).state)));
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
    const names = [...this.known.keys()];
    const many = names.length > FEW;
    this.#tools.hidden = !many;
    the("clusters").classList.toggle("many", many);
    if (many) this.#summarise(names);
    const shown = many ? this.#found(names) : names;
    const old = new Map([...this.#chips.children].map((each) => [/** @type {HTMLElement} */ (each).dataset["cluster"], each]));
    const wanted = new Set(shown);
    for (const [name, chip] of old) if (!wanted.has(name ?? "")) chip.remove();
    for (const [at, name] of shown.entries()) {
      const chip = old.get(name) ?? this.#chip(name);
      if (this.#chips.children[at] !== chip) this.#chips.insertBefore(chip, this.#chips.children[at] ?? null);
      this.#fill(/** @type {HTMLElement} */ (chip), name);
    }
    if (many) this.#fold();
  }

  /** @param {string[]} names @returns {string[]} those that are searched for, trouble first */
  #found(names) {
    const wanted = this.#search.value.trim().toLowerCase();
    const rank = (/** @type {string} */ name) => (this.chosen.has(name) ? -1 : ORDER.indexOf(this.lost ? "synced" : this.condition(name).state));
    return names
      .filter((name) => name.toLowerCase().includes(wanted))
      .map((name, at) => ({ name, at, rank: rank(name) }))
      .sort((a, b) => a.rank - b.rank || a.at - b.at)
      .map(({ name }) => name);
  }

  /** @param {string[]} names */
  #summarise(names) {
    /** @type {Map<string, number>} */
    const states = new Map();
    for (const name of names) {
      const { state } = this.condition(name);
      states.set(state, (states.get(state) ?? 0) + 1);
    }
    const told = this.lost ? [`not connected ${ago(this.lost)}`] : ORDER.toReversed().flatMap((state) => (states.has(state) ? [`${states.get(state)} ${STATES[state]}`] : []));
    const text = `${names.length} clusters: ${told.join(", ")}`;
    if (this.#summary.textContent !== text) this.#summary.textContent = text;
  }

  /** Whether there are more than fit into the rows that are shown. */
  #fold() {
    const open = this.#chips.classList.contains("open");
    this.#more.hidden = !open && this.#chips.scrollHeight <= this.#chips.clientHeight + 4;
  }

  #unfold() {
    const open = this.#chips.classList.toggle("open");
    this.#more.setAttribute("aria-expanded", String(open));
    this.#more.textContent = open ? "Show fewer" : "Show all";
    this.#fold();
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
    const { state, since, error, unreadable = 0 } = this.condition(name);
    const whole = this.#whole.get(name)?.state ?? state;
    const { objects = 0, problems = 0 } = this.counts.get(name) ?? {};
    const warnings = this.#warnings.get(name)?.size ?? 0;
    const inScope = !this.chosen.size || this.chosen.has(name);
    const shown = this.lost ? "lost" : state;
    if (chip.dataset["state"] !== shown) chip.dataset["state"] = shown;
    chip.setAttribute("aria-pressed", String(this.chosen.has(name)));
    chip.classList.toggle("aside", !inScope);
    write(chip, "name", name);
    write(chip, "objects", inScope ? objects.toLocaleString("en") : "");
    const word = this.known.size > FEW ? "✕" : problems === 1 ? "problem" : "problems";
    write(chip, "problems", inScope && problems ? `${problems} ${word}` : "");
    write(chip, "warnings", warnings ? `${warnings} ⚠` : "");
    const age = moment(since) ? ago(moment(since)) : "";
    // One resource may be in trouble where the cluster is not.
    const alone = state !== "synced" && whole === "synced" && state !== "syncing";
    const told = state === "synced" ? "live" : `${alone ? `${this.resource.split(".")[0]} ` : ""}${STATES[state] ?? state}${age && ` ${age}`}`;
    write(chip, "state", this.lost ? `not connected ${ago(this.lost)}` : `${told}${this.known.get(name)?.readOnly ? " · read-only" : ""}`);
    const version = this.known.get(name)?.version;
    const lines = [
      this.lost ? `${name}: the server is not connected` : `${name}: ${alone ? `${this.resource} ` : ""}${state}${age && ` for ${age}`}`,
      error && visible(error),
      version && `Kubernetes ${version}`,
      `${objects} ${this.resource}, ${problems} of them with a problem`,
      unreadable && `${unreadable} ${this.resource} cannot be read`,
      `${warnings} warnings among the events`,
    ];
    const title = lines.filter(Boolean).join("\n");
    if (chip.title !== title) chip.title = title;
  }
}

/** @param {HTMLElement} chip @param {string} part @param {string} text */
function write(chip, part, text) {
  const element = chip.querySelector(`.${part}`);
  if (element && element.textContent !== text) element.textContent = text;
}
