/** Reading objects whose shape nobody has checked: what is not of the expected kind is missing. */

/**
 * The value at a path of members; undefined where the way leads through no object.
 * @param {any} value @param {...string} path @returns {any}
 */
export function at(value, ...path) {
  return path.reduce((found, name) => (found !== null && typeof found === "object" && !Array.isArray(found) && Object.hasOwn(found, name) ? found[name] : undefined), value);
}

/** The objects in an array. @param {any} value @returns {any[]} */
export function list(value) {
  return Array.isArray(value) ? value.filter((each) => each !== null && typeof each === "object" && !Array.isArray(each)) : [];
}

/** The members of an object that are texts. @param {any} value @returns {[string, string][]} */
export function entries(value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([key, each]) => (typeof each === "string" ? [/** @type {[string, string]} */ ([key, each])] : []));
}

/** A text, or a number as one. @param {any} value @returns {string} */
export function text(value) {
  return typeof value === "string" ? value : typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

/** @param {any} value @returns {number} 0 where it is none */
export function number(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
