/** Columns of custom resources: the additionalPrinterColumns of their definitions. */

import { age, column, since } from "./column.js";

/**
 * @param {{ name: string, type: string, jsonPath: string, priority?: number }[]} printers
 * @returns {import("./column.js").Kind}
 */
export function printerColumns(printers) {
  const columns = printers.map(({ name, type, jsonPath, priority = 0 }) => {
    const find = jsonpath(jsonPath);
    const more = { wide: priority > 0, right: type === "integer" || type === "number" };
    if (type === "date") return since(name, (object) => find(object)[0], { wide: more.wide });
    return column(name, (object) => joined(find(object)), {
      ...more,
      tone: (value) => (name === "Ready" && value === "False" ? "bad" : ""),
    });
  });
  if (!printers.some((each) => each.jsonPath === ".metadata.creationTimestamp")) columns.push(age());
  // Whole members: a jsonPath may have filters, which projections have not.
  const members = new Set(printers.map((each) => /^\.?([A-Za-z]\w*)/.exec(each.jsonPath)?.[1] ?? ""));
  members.add("status");
  members.delete("");
  members.delete("metadata");
  const metadata = ["metadata.labels", "metadata.annotations", "metadata.generation"];
  return { fields: [...members, ...metadata], columns };
}

/** @param {unknown[]} values @returns {string | number} */
function joined(values) {
  if (values.length === 1 && typeof values[0] === "number") return values[0];
  return values.map((each) => (typeof each === "object" ? JSON.stringify(each) : String(each))).join(",");
}

/**
 * Kubernetes' JSONPath as definitions use it: members, indexes, `[*]`, and filters of one equality.
 * @param {string} path
 * @returns {(object: any) => unknown[]}
 */
export function jsonpath(path) {
  const steps = [
    ...path.matchAll(/\.([\w-]+(?:\\\.[\w/-]+)*)|\['([^']+)'\]|\[(\d+)\]|\[\*\]|\[\?\(@\.([\w.]+)\s*==\s*["']([^"']*)["']\)\]/g),
  ];
  return (object) => {
    /** @type {unknown[]} */
    let found = [object];
    for (const [whole, member, quoted, index, key, wanted] of steps) {
      found = found.flatMap((/** @type {any} */ each) => {
        if (each === null || typeof each !== "object") return [];
        if (whole === "[*]") return Object.values(each);
        if (index !== undefined) return Array.isArray(each) && each.length > Number(index) ? [each[Number(index)]] : [];
        if (key !== undefined) {
          const at = key.split(".");
          return Object.values(each).filter(
            (/** @type {any} */ one) => String(at.reduce((inner, name) => inner?.[name], one)) === wanted,
          );
        }
        const value = each[(quoted ?? member ?? "").replaceAll("\\.", ".")];
        return value === undefined || value === null ? [] : [value];
      });
    }
    return found;
  };
}
