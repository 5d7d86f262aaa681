/** What a column is, and how the usual ones are made. */

import { ago, moment } from "./ages.js";

/** @typedef {"" | "good" | "warn" | "bad" | "dim"} Tone */

/**
 * @typedef {object} Column
 * @property {string} name
 * @property {(object: any) => any} value made once, when the object arrives
 * @property {(value: any) => string} show
 * @property {(value: any) => string | number} rank what to order by
 * @property {(value: any) => Tone} tone
 * @property {boolean} live whether what it shows changes with the time alone
 * @property {boolean} wide whether it is only in the wide table
 * @property {boolean} right whether it is aligned to the right, as numbers are
 */

/**
 * @typedef {object} Kind
 * @property {string[]} fields paths that the columns need
 * @property {Column[]} columns without name, namespace and cluster, which all have
 * @property {(object: any) => Tone} [tone] how an object is; whoever is `warn` or `bad` has a problem
 */

/**
 * @param {string} name @param {(object: any) => any} value @param {Partial<Column>} [more]
 * @returns {Column}
 */
export function column(name, value, more = {}) {
  return {
    name,
    value,
    show: (found) => (found === undefined || found === null ? "" : String(found)),
    rank: (found) => (typeof found === "number" ? found : String(found ?? "").toLowerCase()),
    tone: () => "",
    live: false,
    wide: false,
    right: false,
    ...more,
  };
}

/** @param {string} name @param {(object: any) => unknown} value @param {Partial<Column>} [more] @returns {Column} */
export function count(name, value, more = {}) {
  return column(name, (object) => Number(value(object)) || 0, { right: true, ...more });
}

/**
 * How long ago a time was; the youngest come first.
 * @param {string} name @param {(object: any) => unknown} value @param {Partial<Column>} [more]
 * @returns {Column}
 */
export function since(name, value, more = {}) {
  return column(name, (object) => moment(value(object)), {
    show: (at) => (at ? ago(at) : ""),
    rank: (at) => -at,
    live: true,
    right: true,
    ...more,
  });
}

/** @param {string} name @param {(object: any) => any} value @param {Partial<Column>} [more] @returns {Column} */
export function wide(name, value, more = {}) {
  return column(name, value, { wide: true, ...more });
}

/** @returns {Column} */
export function age() {
  return since("Age", (object) => object.metadata.creationTimestamp, { show: ago });
}
