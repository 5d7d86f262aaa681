/** What the table shows, subscribed to as the address says. */

import { parseFilter } from "./filter.js";
import { rankOf } from "./cells.js";
import { keyOfColumn } from "./shown_columns.js";
import { rowsOf } from "./server_table.js";

/** @typedef {import("./page_address.js").View} View */
/** @typedef {import("./row_store.js").Row} Row */

/**
 * The subscription that a view needs; two views with equal ones share it.
 * @param {View} view
 * @returns {Record<string, string>}
 */
export function queryOf(view) {
  const { selector } = parseFilter(view.q);
  return rowsOf(view.resource, {
    ...(view.cluster && { cluster: view.cluster }),
    ...(view.namespace && { namespace: view.namespace }),
    ...(selector && { labelSelector: selector }),
  });
}

export class Live {
  /** @type {import("./socket.js").Subscription | null} */
  #subscription = null;
  #query = "";
  #sort = "";
  #chosen = "";
  error = "";

  /**
   * @param {import("./socket.js").Socket} socket
   * @param {import("./row_store.js").Store} store
   * @param {import("./cluster_strip.js").Clusters} clusters
   * @param {() => void} changed what is in the table, or why it is not
   */
  constructor(socket, store, clusters, changed) {
    this.socket = socket;
    this.store = store;
    this.clusters = clusters;
    this.changed = changed;
    store.addEventListener("columns", () => this.#order(this.#sort));
  }

  /** @param {View} view */
  show(view) {
    const query = queryOf(view);
    const wanted = JSON.stringify(query);
    // What was refused may be there by now.
    const turned = wanted !== this.#query || this.error !== "";
    if (turned) {
      this.#query = wanted;
      this.#subscription?.close();
      this.error = "";
      this.clusters.turn(view.resource);
      if (view.resource === this.store.table.resource) this.store.hear({ type: "RESET" });
      else this.store.use(view.resource);
      this.#subscription = this.socket.subscribe(query, (frame) => {
        if (frame.type === "ERROR") this.error = frame.detail;
        this.store.hear(frame);
        this.clusters.hear(frame);
        if (frame.type === "ERROR") this.changed();
      });
    }
    if (view.sort !== this.#sort || turned) this.#order(view.sort);
    const chosen = `${view.q}\n${view.problems}`;
    if (chosen !== this.#chosen) this.#select(view);
    this.#chosen = chosen;
    if (turned) this.changed();
  }

  /** @param {string} sort */
  #order(sort) {
    this.#sort = sort;
    const key = sort.replace(/^-/, "");
    const at = this.store.table.columns.findIndex((each) => keyOfColumn(each.name) === key);
    const column = this.store.table.columns[at];
    const descending = sort.startsWith("-");
    /** @type {((row: Row) => string | number) | null} */
    let ranking = null;
    if (column) ranking = (row) => rankOf(row.cells[at], column.name);
    else if (key === "cluster" || key === "namespace" || key === "name") ranking = (row) => row[key];
    this.store.order(ranking, descending);
  }

  /** @param {View} view */
  #select(view) {
    const { matches } = parseFilter(view.q);
    const problems = view.problems;
    this.store.select((row) => (!problems || row.tone === "bad" || row.tone === "warn") && matches(row.text));
  }
}
