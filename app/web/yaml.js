/** Objects as YAML: the block style that kubectl prints. */

// What YAML 1.1 or 1.2 would read as something else than the text that it is.
const SYNTAX = /^$|^[\s\-?:,[\]{}#&*!|>'"%@`]|: |:$| #|[\u0000-\u001f\u007f]|\s$/;
const WORD = /^(?:y|n|yes|no|on|off|true|false|null|~|=|<<|[-+]?\.(?:inf|nan))$/i;
const NUMBER = /^[-+]?(?:\.?\d[\d_]*(?:\.[\d_]*)?(?:e[-+]?\d+)?|0x[\da-f_]+|0o?[0-7_]+|0b[01_]+|\d+(?::\d+)+(?:\.\d*)?)$/i;
const DATE = /^\d{4}-\d{1,2}-\d{1,2}(?:[Tt\s].*)?$/;

/**
 * @param {any} value @returns {string}
 */
export function toYaml(value) {
  if (isLeaf(value)) return `${scalar(value, 0)}\n`;
  return `${block(value, 0).join("\n")}\n`;
}

/** @param {any} value @returns {boolean} */
function isLeaf(value) {
  return value === null || typeof value !== "object" || Object.keys(value).length === 0;
}

/** @param {any} value @param {number} depth @returns {string[]} */
function block(value, depth) {
  const margin = "  ".repeat(depth);
  if (Array.isArray(value)) {
    return value.flatMap((each) => {
      if (isLeaf(each)) return [`${margin}- ${scalar(each, depth + 1)}`];
      const [first = "", ...rest] = block(each, depth + 1);
      return [`${margin}- ${first.slice(margin.length + 2)}`, ...rest];
    });
  }
  return Object.entries(value).flatMap(([key, each]) => {
    const name = `${margin}${plain(key)}:`;
    if (isLeaf(each)) return [`${name} ${scalar(each, depth + 1)}`];
    // Lists stand at the depth of their key, as kubectl has them.
    return [name, ...block(each, Array.isArray(each) ? depth : depth + 1)];
  });
}

/** @param {any} value @param {number} depth @returns {string} */
function scalar(value, depth) {
  if (Array.isArray(value)) return "[]";
  if (value !== null && typeof value === "object") return "{}";
  if (typeof value !== "string") return JSON.stringify(value);
  if (value.includes("\n") && !/[\u0000-\u0009\u000b-\u001f\u007f]/.test(value) && !/^[\s]|\s\n|[ \t]$/.test(value)) {
    const keep = value.endsWith("\n\n") ? "+" : value.endsWith("\n") ? "" : "-";
    const margin = "  ".repeat(Math.max(depth, 1));
    const lines = value.replace(/\n$/, "").split("\n");
    return [`|${keep}`, ...lines.map((line) => (line ? margin + line : ""))].join("\n");
  }
  return plain(value);
}

/** On one line. @param {string} text @returns {string} */
function plain(text) {
  return [SYNTAX, WORD, NUMBER, DATE].some((each) => each.test(text)) ? JSON.stringify(text) : text;
}
