/** Which columns the table on the screen has: where an object is, its name, and the server's columns. */

import { textOf } from "./cells.js";
import { tonesOf } from "./health_tones.js";

/** @typedef {import("./row_store.js").Row} Row */
/** @typedef {import("./cells.js").Cell} Cell */
/** @typedef {import("./server_table.js").Column} Column */
/** @typedef {import("./server_table.js").Table} Table */

/**
 * @typedef {object} Shown a column as it is shown; `at` is its place among the cells, or -1
 * @property {string} name
 * @property {string} key what the address calls it
 * @property {number} at
 * @property {boolean} right whether it is aligned to the right, as numbers are
 * @property {(row: Row) => Cell} cell
 * @property {(row: Row) => string} text
 * @property {(row: Row) => string} tone
 */

/**
 * @param {Table} table
 * @param {{ narrow: boolean, wide: boolean, namespaced: boolean }} options for a phone, with the wide columns, with the namespace
 * @returns {Shown[]}
 */
export function shownColumns({ resource, columns }, { narrow, wide, namespaced }) {
  const own = columns.flatMap((column, at) => {
    const skipped = column.title || (narrow ? !isOnPhone(column, columns) : column.wide && !wide);
    return skipped ? [] : [shown(resource, column, at)];
  });
  const name = place("Name", "name", (row) => row.title);
  if (narrow) return [name, ...own];
  const namespace = namespaced ? [place("Namespace", "namespace", (row) => row.namespace)] : [];
  return [place("Cluster", "cluster", (row) => row.cluster), ...namespace, name, ...own];
}

/**
 * What there is room for on a phone, besides the name.
 * @param {Column} column @param {Column[]} columns @returns {boolean}
 */
function isOnPhone({ name }, columns) {
  if (name === "Age" || name === "Status" || name === "Last Seen" || name === "Reason") return true;
  return (name === "Ready" || name === "Type") && !columns.some((each) => each.name === "Status" || each.name === "Reason");
}

/** @param {string} name @returns {string} what the address calls a column */
export function keyOfColumn(name) {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
}

/** @param {string} resource @param {Column} column @param {number} at @returns {Shown} */
function shown(resource, { name, numeric }, at) {
  const tone = tonesOf(resource, name);
  return {
    name,
    key: keyOfColumn(name),
    at,
    right: numeric,
    cell: (row) => row.cells[at],
    text: (row) => textOf(row.cells[at]),
    tone: (row) => tone(row.cells[at], row.tone),
  };
}

/** @param {string} name @param {string} key @param {(row: Row) => string} text @returns {Shown} */
function place(name, key, text) {
  const tone = key === "name" ? (/** @type {Row} */ row) => `name ${row.tone}` : () => "dim";
  return { name, key, at: -1, right: false, cell: text, text, tone };
}
