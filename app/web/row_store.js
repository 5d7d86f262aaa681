/** The rows of the table: what the frames say, kept in order and filtered. */

import { compareRanks } from "./cells.js";
import { Table, keyOf } from "./server_table.js";
import { toneOf } from "./health_tones.js";

/** @typedef {import("./cells.js").Cell} Cell */
/** @typedef {import("./cells.js").Rank} Rank */
/** @typedef {import("./health_tones.js").Tone} Tone */

/**
 * @typedef {object} Row
 * @property {string} key
 * @property {string} cluster
 * @property {string} namespace
 * @property {string} name
 * @property {string} uid
 * @property {string} title its name as it is shown
 * @property {Cell[]} raw as the cluster's columns have them
 * @property {Cell[]} cells in the order of the table's columns
 * @property {Tone} tone how the object is
 * @property {string} text what the filter looks at
 * @property {Rank} rank what the rows are ordered by
 * @property {boolean} shown whether it is in the view
 * @property {number} born when it was added before one's eyes, in ms of `performance.now`; 0 for what was there
 */

// More changes than this at once, and ordering everything anew is cheaper than finding each place.
const FEW = 200;

export class Store extends EventTarget {
  /** @type {Row[]} */
  view = [];
  synced = false;
  /** @type {Map<string, Row>} */
  rows = new Map();
  /** @type {Map<string, { objects: number, problems: number }>} */
  counts = new Map();
  table = new Table("");
  /** @type {((row: Row) => Rank) | null} */
  #ranking = null;
  #direction = 1;
  /** @type {(row: Row) => boolean} */
  #wanted = () => true;
  /** @type {Map<string, Row>} */
  #stale = new Map();
  #everything = false;
  #scheduled = false;
  #rebuilt = 0;
  /** Milliseconds that ordering everything took the last time. */
  #effort = 0;

  /** Show another resource. @param {string} resource */
  use(resource) {
    this.table = new Table(resource);
    // Rows of the table before have other cells.
    this.view = [];
    this.#stale.clear();
    this.#forget();
  }

  /**
   * @param {((row: Row) => Rank) | null} ranking null for cluster, namespace and name
   * @param {boolean} descending
   */
  order(ranking, descending) {
    this.#ranking = ranking;
    this.#direction = descending ? -1 : 1;
    for (const row of this.rows.values()) row.rank = this.#rank(row);
    this.#all();
  }

  /** @param {(row: Row) => boolean} wanted */
  select(wanted) {
    this.#wanted = wanted;
    this.#all();
  }

  /** @param {any} frame */
  hear(frame) {
    if (frame.type === "ADDED" || frame.type === "MODIFIED") this.#put(frame);
    else if (frame.type === "COLUMNS") this.#arrange(frame);
    else if (frame.type === "DELETED") this.#remove(keyOf(frame));
    else if (frame.type === "RESET") this.#forget(frame.cluster);
    else if (frame.type === "SYNCED") {
      this.synced = true;
      this.#schedule();
      this.dispatchEvent(new Event("synced"));
    }
  }

  /** There may be other columns: rows of other clusters get these too, if empty. @param {any} frame */
  #arrange(frame) {
    if (!this.table.learn(frame)) return;
    for (const row of this.rows.values()) row.cells = this.table.arrange(row.cluster, row.raw);
    this.#all();
    this.dispatchEvent(new Event("columns"));
  }

  /** @param {any} frame */
  #put(frame) {
    const key = keyOf(frame);
    const old = this.rows.get(key);
    const { table } = this;
    const cells = table.arrange(frame.cluster, frame.cells);
    const tone = toneOf(table.resource).row((name) => table.cell(cells, name), frame.object);
    const place = [frame.cluster, frame.namespace, frame.name];
    /** @type {Row} */
    const row = {
      key,
      cluster: frame.cluster,
      namespace: frame.namespace,
      name: frame.name,
      uid: frame.uid,
      title: table.title(cells, frame.name),
      raw: frame.cells,
      cells,
      tone,
      text: [...place, ...table.words(cells)].join(" ").toLowerCase(),
      rank: "",
      shown: false,
      born: old && old.uid === frame.uid ? old.born : this.synced ? performance.now() : 0,
    };
    row.rank = this.#rank(row);
    if (old) this.#count(old, -1);
    this.#count(row, 1);
    this.rows.set(key, row);
    this.#touch(key, old);
  }

  /** @param {string} key */
  #remove(key) {
    const old = this.rows.get(key);
    if (!old) return;
    this.#count(old, -1);
    this.rows.delete(key);
    this.#touch(key, old);
  }

  /** @param {string} [cluster] */
  #forget(cluster) {
    this.table.forget(cluster);
    if (cluster === undefined) {
      this.rows.clear();
      this.counts.clear();
      this.synced = false;
    } else {
      for (const [key, row] of this.rows) if (row.cluster === cluster) this.rows.delete(key);
      this.counts.delete(cluster);
    }
    this.#all();
  }

  /** @param {Row} row @param {number} by */
  #count(row, by) {
    let count = this.counts.get(row.cluster);
    if (!count) this.counts.set(row.cluster, (count = { objects: 0, problems: 0 }));
    count.objects += by;
    if (row.tone === "bad" || row.tone === "warn") count.problems += by;
  }

  /** @param {Row} row @returns {Rank} */
  #rank(row) {
    return this.#ranking ? this.#ranking(row) : "";
  }

  /** @param {string} key @param {Row | undefined} old */
  #touch(key, old) {
    // What is in the view is found by the rank that it had there.
    if (!this.#stale.has(key)) this.#stale.set(key, old ?? NOBODY);
    this.#schedule();
  }

  #all() {
    this.#everything = true;
    this.#schedule();
  }

  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // A hidden page draws no frames, and must not pile up changes.
    if (document.hidden) setTimeout(() => this.#settle(), 250);
    else requestAnimationFrame(() => this.#settle());
  }

  #settle() {
    this.#scheduled = false;
    if (this.#everything || this.#stale.size > FEW) {
      // While much arrives, ordering it must not be what takes the time.
      const wait = this.synced ? 0 : this.#rebuilt + Math.max(200, 10 * this.#effort) - performance.now();
      if (wait > 0 && this.view.length > FEW) {
        this.#scheduled = true;
        setTimeout(() => this.#settle(), wait);
        return;
      }
      this.#rebuild();
    } else {
      for (const [key, old] of this.#stale) this.#replace(key, old);
    }
    this.#stale.clear();
    this.dispatchEvent(new Event("change"));
  }

  #rebuild() {
    this.#everything = false;
    const start = performance.now();
    /** @type {Row[]} */
    const view = [];
    for (const row of this.rows.values()) {
      row.shown = this.#wanted(row);
      if (row.shown) view.push(row);
    }
    this.view = view.sort((a, b) => this.#compare(a, b));
    this.#rebuilt = performance.now();
    this.#effort = this.#rebuilt - start;
  }

  /** @param {string} key @param {Row} old */
  #replace(key, old) {
    const row = this.rows.get(key);
    if (old.shown) {
      const at = this.#place(old);
      if (this.view[at]?.key === key) this.view.splice(at, 1);
    }
    if (!row) return;
    row.shown = this.#wanted(row);
    if (row.shown) this.view.splice(this.#place(row), 0, row);
  }

  /**
   * Where a row is in the view, or would be.
   * @param {Row} row @returns {number}
   */
  #place(row) {
    let low = 0;
    let high = this.view.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(/** @type {Row} */ (this.view[middle]), row) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** @param {Row} a @param {Row} b @returns {number} */
  #compare(a, b) {
    if (a.rank !== b.rank) return compareRanks(a.rank, b.rank) * this.#direction;
    const order = a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
    return this.#ranking ? order : order * this.#direction;
  }
}

/** @type {Row} */
const NOBODY = {
  key: "",
  cluster: "",
  namespace: "",
  name: "",
  uid: "",
  title: "",
  raw: [],
  cells: [],
  tone: "",
  text: "",
  rank: "",
  shown: false,
  born: 0,
};
