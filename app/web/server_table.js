/**
 * The table of a resource, as the server makes it: columns and rows that `shape=table` brings.
 *
 * Clusters may have different columns, as they may serve different versions: the table has all of them, each once.
 */

import { isAge, textOf } from "./cells.js";
import { toneOf } from "./health_tones.js";

/** @typedef {import("./cells.js").Cell} Cell */
/** @typedef {import("./health_tones.js").Tone} Tone */

/**
 * @typedef {object} Column
 * @property {string} name
 * @property {boolean} wide whether it is only in the wide table
 * @property {boolean} numeric whether it is defined to hold numbers
 * @property {boolean} title whether it is that of the name, which every row has anyway
 */

// The page has room for what kubectl shows with -o wide alone.
const ALSO = /** @type {Record<string, string[]>} */ ({ pods: ["Node"], nodes: ["Internal-IP"] });

// What is filtered by is not kept for ever, however long it is.
const LONGEST = 10_000;

export class Table {
  /** @type {Column[]} */
  columns = [];
  /** Names of the columns of each cluster, in the order of its cells. @type {Map<string, string[]>} */
  #names = new Map();
  /** Where each column of the table is among a cluster's cells; null where they are in order. @type {Map<string, number[] | null>} */
  #places = new Map();

  /** @param {string} resource its name: plural, or plural.group */
  constructor(resource) {
    this.resource = resource;
  }

  /**
   * A COLUMNS frame.
   * @param {any} frame @returns {boolean} whether the table has other columns now
   */
  learn(frame) {
    const before = JSON.stringify(this.columns);
    this.#names.set(frame.cluster, frame.columns.map((/** @type {any} */ each) => each.name));
    const added = frame.columns.filter((/** @type {any} */ { name }) => !this.columns.some((each) => each.name === name));
    this.columns = [...this.columns, ...added.map((/** @type {any} */ each) => this.#column(each))].filter(({ name }) =>
      [...this.#names.values()].some((names) => names.includes(name)),
    );
    const changed = JSON.stringify(this.columns) !== before;
    if (changed) this.#places.clear();
    this.#places.delete(frame.cluster);
    return changed;
  }

  /** @param {any} definition @returns {Column} */
  #column({ name, type, format, priority }) {
    const wide = priority > 0 && !ALSO[this.resource]?.includes(name);
    return { name, wide, numeric: type === "integer" || type === "number", title: format === "name" };
  }

  /** @param {string} [cluster] all of them if left out */
  forget(cluster) {
    if (cluster === undefined) this.#names.clear();
    else this.#names.delete(cluster);
  }

  /**
   * A cluster's cells in the order of the table's columns.
   * @param {string} cluster @param {Cell[]} cells @returns {Cell[]}
   */
  arrange(cluster, cells) {
    let places = this.#places.get(cluster);
    if (places === undefined) {
      const names = this.#names.get(cluster) ?? [];
      const found = this.columns.map(({ name }) => names.indexOf(name));
      places = found.every((at, place) => at === place) ? null : found;
      this.#places.set(cluster, places);
    }
    return places === null ? cells : places.map((at) => cells[at]);
  }

  /** The name as the table says it: of a default class, that it is one. @param {Cell[]} cells @param {string} name @returns {string} */
  title(cells, name) {
    const title = textOf(cells[this.columns.findIndex((each) => each.title)]);
    return title.startsWith(name) ? title : name;
  }

  /** What the filter looks at. @param {Cell[]} cells @returns {string[]} */
  words(cells) {
    return cells.flatMap((cell, at) => (isAge(cell) || this.columns[at]?.title ? [] : [String(cell ?? "").slice(0, LONGEST)]));
  }

  /** The cell of a column. @param {Cell[]} cells @param {string} name @returns {Cell} */
  cell(cells, name) {
    return cells[this.columns.findIndex((each) => each.name === name)];
  }
}

/** What tells rows apart. @param {{ cluster: string, namespace: string, name: string }} place @returns {string} */
export function keyOf({ cluster, namespace, name }) {
  return `${cluster}\u0000${namespace}\u0000${name}`;
}

/** The query of a stream of rows. @param {string} resource @param {Record<string, string>} query @returns {Record<string, string>} */
export function rowsOf(resource, query) {
  const fields = toneOf(resource).fields;
  return { resource, shape: "table", ...(fields && { fields }), ...query };
}

/** @typedef {{ key: string, cluster: string, namespace: string, name: string, raw: Cell[], object: any }} ReceivedRow */

/** A few rows, as the frames of one stream say: those that are shown beside an object. */
export class Rows {
  /** @type {Map<string, ReceivedRow>} */
  rows = new Map();

  /** @param {string} resource */
  constructor(resource) {
    this.table = new Table(resource);
  }

  /** @param {any} frame @returns {boolean} whether it told something of rows */
  hear(frame) {
    const key = keyOf(frame);
    if (frame.type === "COLUMNS") this.table.learn(frame);
    else if (frame.type === "ADDED" || frame.type === "MODIFIED") {
      const { cluster, namespace, name, cells, object } = frame;
      this.rows.set(key, { key, cluster, namespace, name, raw: cells, object });
    } else if (frame.type === "DELETED") this.rows.delete(key);
    else if (frame.type === "RESET") {
      this.rows.clear();
      this.table.forget();
    } else return frame.type === "SYNCED";
    return true;
  }

  /** @param {ReceivedRow} row @returns {Cell[]} */
  cells(row) {
    return this.table.arrange(row.cluster, row.raw);
  }
}
