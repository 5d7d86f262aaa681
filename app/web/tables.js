/**
 * Which table a resource has: kubectl's columns, made in the page from objects that the server has cut
 * down to the fields that these need.
 */

import { age } from "./column.js";
import { KINDS } from "./kinds.js";
import { printerColumns } from "./printers.js";

/** @typedef {import("./column.js").Column} Column */
/** @typedef {import("./column.js").Kind} Kind */
/** @typedef {import("./column.js").Tone} Tone */

/**
 * @typedef {object} Table
 * @property {string} resource
 * @property {string[]} fields
 * @property {Column[]} columns
 * @property {(object: any) => { cells: any[], tone: Tone }} row
 * @property {(cells: any[]) => string[]} words what the filter looks at
 */

/**
 * @param {string} resource its name: plural, or plural.group
 * @param {any[] | undefined} printers additionalPrinterColumns, where a definition has some
 * @returns {Table}
 */
export function tableFor(resource, printers) {
  /** @type {Kind} */
  const kind =
    KINDS[resource] ??
    (printers?.length ? printerColumns(printers) : { fields: ["status.conditions"], columns: [age()] });
  const { fields, columns, tone = byConditions } = kind;
  return {
    resource,
    fields: ["metadata.creationTimestamp", ...fields],
    columns,
    row: (object) => ({ cells: columns.map((each) => each.value(object)), tone: tone(object) }),
    words: (cells) => columns.flatMap((each, at) => (each.live ? [] : [each.show(cells[at])])),
  };
}

/**
 * Custom resources, by a habit that nearly all of them have: a condition Ready or Available.
 * @param {any} object @returns {Tone}
 */
function byConditions(object) {
  const conditions = object.status?.conditions;
  if (!Array.isArray(conditions)) return "";
  const found = conditions.find((each) => each.type === "Ready" || each.type === "Available");
  return !found ? "" : found.status === "True" ? "" : found.status === "False" ? "bad" : "warn";
}
