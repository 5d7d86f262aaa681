/** The drawer: one object, live. */

import { actionsFor } from "./actions.js";
import { h, messageOf, say, the, visible } from "./dom.js";
import { eventTable } from "./event_table.js";
import { LogView } from "./log_view.js";
import { overview } from "./overview.js";
import { hasLogs, related } from "./relations.js";
import { pathOf, textOf } from "./object_requests.js";
import { Rows, keyOf, rowsOf } from "./server_table.js";

/** @typedef {import("./socket.js").Subscription} Subscription */
/** @typedef {{ resource: string, cluster: string, namespace: string, name: string }} Place */

const TABS = /** @type {Record<string, string>} */ ({ overview: "Overview", yaml: "YAML", events: "Events", logs: "Logs" });

export class Drawer extends EventTarget {
  /** @type {Place | null} */
  place = null;
  #tab = "overview";
  /** @type {any} */
  #object = null;
  #gone = false;
  /** Its YAML, and the object that it is of. @type {{ text: string, of: any }} */
  #yaml = { text: "", of: null };
  #reading = false;
  /** @type {Subscription[]} */
  #subscriptions = [];
  /** @type {Subscription[]} */
  #kin = [];
  #kinOf = "";
  /** Its own row. */
  #row = new Rows("");
  /** @type {Rows[]} */
  #families = [];
  #refused = "";
  /** @type {Map<string, any>} */
  #events = new Map();
  /** @type {LogView | null} */
  #logs = null;
  #element = the("drawer");
  #scheduled = false;
  #drawn = "";

  /**
   * @param {import("./socket.js").Socket} socket
   * @param {import("./cluster_strip.js").Clusters} clusters
   * @param {() => Map<string, any>} resources of /resources, by name
   */
  constructor(socket, clusters, resources) {
    super();
    this.socket = socket;
    this.clusters = clusters;
    this.resources = resources;
    setInterval(() => this.#tab !== "logs" && this.#drawSoon(), 5000);
  }

  /** @param {Place | null} place @param {string} tab */
  show(place, tab) {
    const same = JSON.stringify(place) === JSON.stringify(this.place);
    const turned = (tab || "overview") !== this.#tab;
    if (same && !turned) return;
    this.#tab = TABS[tab] ? tab : "overview";
    if (!same) this.#turn(place);
    this.#logs?.close();
    this.#logs = null;
    this.#drawn = "";
    this.#draw();
  }

  /** @param {Place | null} place */
  #turn(place) {
    for (const each of [...this.#subscriptions, ...this.#kin]) each.close();
    this.#subscriptions = [];
    this.#kin = [];
    this.#kinOf = "";
    this.#families = [];
    this.#events = new Map();
    this.#object = null;
    this.#yaml = { text: "", of: null };
    this.#gone = false;
    this.#refused = "";
    this.#row = new Rows(place?.resource ?? "");
    const opened = !this.place && place;
    this.place = place;
    this.#element.hidden = !place;
    if (!place) return;
    const { resource, cluster, namespace, name } = place;
    const where = { cluster, ...(namespace && { namespace }) };
    const only = { ...where, fieldSelector: `metadata.name=${escaped(name)}` };
    this.#subscriptions = [
      this.socket.subscribe({ resource, ...only }, (frame) => this.#hear(frame)),
      this.socket.subscribe(rowsOf(resource, only), (frame) => this.#row.hear(frame) && this.#drawSoon()),
    ];
    if (opened) this.#element.scrollTop = 0;
  }

  /** @param {any} frame */
  #hear(frame) {
    if (frame.type === "ADDED" || frame.type === "MODIFIED") {
      this.#object = frame.object;
      this.#gone = false;
      this.#follow(frame);
    } else if (frame.type === "DELETED") this.#gone = true;
    else if (frame.type === "SYNCED") {
      // Who cannot be asked has not said that there is none.
      const unknown = frame.clusters.find((/** @type {any} */ each) => each.state !== "synced");
      this.#refused = unknown ? `${unknown.name} is ${unknown.state}${unknown.error ? `: ${unknown.error}` : ""}` : "";
      this.#gone ||= !this.#object && !unknown;
    } else if (frame.type === "ERROR") this.#refused = frame.detail;
    else return;
    this.#drawSoon();
  }

  /** What belongs to it is subscribed to once: by its uid, which is known only now. @param {any} frame */
  #follow({ uid, name, object }) {
    if (this.#kinOf === uid || !this.place) return;
    for (const each of this.#kin) each.close();
    this.#kinOf = uid;
    this.#events = new Map();
    const cluster = this.place.cluster;
    const where = { cluster, ...(this.place.namespace && { namespace: this.place.namespace }) };
    const known = this.resources();
    const found = related(this.place.resource, object).filter((each) => known.has(each.resource));
    const families = found.map(({ resource }) => new Rows(resource));
    this.#families = families;
    const about = this.place.resource === "nodes" ? `involvedObject.name=${escaped(name)}` : `involvedObject.uid=${uid}`;
    this.#kin = [
      this.socket.subscribe({ resource: "events", ...where, fieldSelector: about }, (frame) => this.#keep(this.#events, frame)),
      ...found.map(({ resource, query }, number) =>
        this.socket.subscribe(rowsOf(resource, { cluster, ...query }), (frame) => families[number]?.hear(frame) && this.#drawSoon()),
      ),
    ];
  }

  /** @param {Map<string, any> | undefined} objects @param {any} frame */
  #keep(objects, frame) {
    if (frame.type === "ADDED" || frame.type === "MODIFIED") objects?.set(keyOf(frame), frame.object);
    else if (frame.type === "DELETED") objects?.delete(keyOf(frame));
    else if (frame.type === "RESET") objects?.clear();
    else return;
    this.#drawSoon();
  }

  /** The server is there again: what is no stream goes on too. */
  reconnected() {
    this.#logs?.reconnected();
  }

  #drawSoon() {
    if (this.#scheduled || !this.place) return;
    this.#scheduled = true;
    setTimeout(() => {
      this.#scheduled = false;
      this.#draw();
    }, 60);
  }

  /** The actions that there are for it now. @returns {import("./actions.js").Action[]} */
  get actions() {
    const target = this.target;
    if (!target || this.#gone || this.clusters.readOnly(target.object.cluster)) return [];
    return actionsFor(target);
  }

  /** @returns {import("./actions.js").Target | null} */
  get target() {
    if (!this.place || !this.#object) return null;
    const verbs = this.resources().get(this.place.resource)?.verbs ?? [];
    return { resource: this.place.resource, object: this.#object, verbs };
  }

  get tabs() {
    return Object.keys(TABS).filter((tab) => tab !== "logs" || (this.place && hasLogs(this.place.resource)));
  }

  /** @param {number} step */
  turnTab(step) {
    const { tabs } = this;
    this.#choose(tabs[(tabs.indexOf(this.#tab) + step + tabs.length) % tabs.length] ?? "overview");
  }

  /** @param {string} tab */
  #choose(tab) {
    this.dispatchEvent(new CustomEvent("tab", { detail: tab === "overview" ? "" : tab }));
  }

  #draw() {
    if (!this.place) {
      this.#element.replaceChildren();
      return;
    }
    // What is read, selected or scrolled must not be made anew under one's hands.
    const state = JSON.stringify([this.#tab, this.place, this.#gone, !!this.#object, this.actions.length]);
    if (state !== this.#drawn) {
      const focused = this.#element.contains(document.activeElement) && document.activeElement?.id;
      this.#element.replaceChildren(this.#head(), this.#tablist(), h("div", { class: "panel", role: "tabpanel", id: "panel", "aria-labelledby": `tab-${this.#tab}`, tabindex: "0" }));
      if (focused) document.getElementById(focused)?.focus();
      this.#drawn = state;
    }
    const panel = the("panel");
    if (!this.#object) panel.replaceChildren(h("p", { class: "soft" }, this.#gone ? "There is no such object." : visible(this.#refused) || "Loading…"));
    else if (this.#tab === "logs") this.#drawLogs(panel);
    else if (this.#tab === "yaml") this.#drawYaml(panel);
    else if (!hasSelection(panel)) {
      const kept = panel.scrollTop;
      const open = new Set([...panel.querySelectorAll("details[open]")].map((each) => each.id));
      panel.replaceChildren(this.#content());
      for (const each of panel.querySelectorAll("details")) each.open = open.has(each.id);
      panel.scrollTop = kept;
    }
  }

  /** @returns {HTMLElement} */
  #content() {
    if (this.#tab === "events") return eventTable([...this.#events.values()]);
    return overview(this.place?.resource ?? "", this.#object, this.#row, [...this.resources().values()], this.#families);
  }

  /** @param {HTMLElement} panel */
  #drawYaml(panel) {
    void this.#readYaml();
    const text = this.#yaml.text || "Loading…";
    const shown = panel.querySelector(".yaml") ?? h("pre", { class: "yaml" });
    if (shown.parentElement !== panel) panel.replaceChildren(shown);
    if (shown.textContent !== text && !hasSelection(panel)) shown.textContent = text;
  }

  /** The server's text of what is shown: there is one writer of YAML. */
  async #readYaml() {
    const { target, place } = this;
    if (this.#reading || !target || this.#gone || this.#yaml.of === target.object) return;
    this.#reading = true;
    const cursor = this.#subscriptions[0]?.cursor;
    let text = "";
    try {
      text = await textOf(target, cursor ? { after: cursor } : {});
    } catch (error) {
      text = `# ${visible(messageOf(error))}`;
    }
    this.#reading = false;
    if (this.place === place && !this.#gone) this.#yaml = { text, of: target.object };
    this.#drawSoon();
  }

  /** @param {HTMLElement} panel */
  #drawLogs(panel) {
    if (!this.#logs) {
      const [path = "", query = ""] = pathOf(/** @type {any} */ (this.target)).split("?");
      this.#logs = new LogView(path, new URLSearchParams(query));
    }
    if (panel.firstChild !== this.#logs.element) panel.replaceChildren(this.#logs.element);
  }

  /** @returns {HTMLElement} */
  #head() {
    const { cluster, namespace, name, resource } = /** @type {Place} */ (this.place);
    const kind = this.resources().get(resource)?.kind ?? resource;
    const buttons = this.actions.map((action) =>
      h("button", { type: "button", id: `action-${action.key}`, class: action.danger ? "quiet-danger" : "", title: `${action.name}  ( ${action.key} )`, click: () => this.act(action.key) }, action.name),
    );
    const readOnly = this.#object && !this.actions.length && this.clusters.readOnly(cluster);
    return h(
      "header",
      {},
      h("div", { class: "title" }, h("p", { class: "soft" }, [kind, cluster, namespace].filter(Boolean).join(" · ")), h("h2", {}, name, this.#gone && h("em", {}, " deleted"))),
      h("div", { class: "actions" }, ...buttons, readOnly && h("span", { class: "soft" }, "read-only"), h("button", { type: "button", class: "icon", id: "close", title: "Close  ( Esc )", "aria-label": "Close", click: () => this.dispatchEvent(new Event("close")) }, "✕")),
    );
  }

  /** @returns {HTMLElement} */
  #tablist() {
    return h(
      "div",
      { class: "tabs", role: "tablist", "aria-label": "About the object" },
      ...this.tabs.map((tab) =>
        h("button", { type: "button", role: "tab", id: `tab-${tab}`, "aria-selected": String(tab === this.#tab), "aria-controls": "panel", tabindex: tab === this.#tab ? 0 : -1, click: () => this.#choose(tab) }, TABS[tab]),
      ),
    );
  }

  /** Do what a key stands for. @param {string} key @returns {boolean} whether it stands for something */
  act(key) {
    const action = this.actions.find((each) => each.key === key);
    const { target } = this;
    if (!action || !target) return false;
    action.run(target).catch((error) => say(messageOf(error), "bad"));
    return true;
  }
}

/** Whether something in it is selected. @param {HTMLElement} panel @returns {boolean} */
function hasSelection(panel) {
  const selection = getSelection();
  return selection?.isCollapsed === false && panel.contains(selection.anchorNode);
}

/** A value of a field selector. @param {string} text @returns {string} */
function escaped(text) {
  return text.replace(/[\\,=!~<>]/g, "\\$&");
}
