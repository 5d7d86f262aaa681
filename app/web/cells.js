/** Cells of rows, as `shape=table` brings them: how they read, and how they are ordered. */

import { ago, moment } from "./ages.js";
import { visible } from "./dom.js";

/** @typedef {{ since: string, text?: string }} Age */
/** @typedef {string | number | boolean | null | undefined | Age} Cell */
/** @typedef {string | number} Rank */

// What is longer is cut on the screen: a cell may hold a whole document.
const LONGEST = 400;
const UNITS = /** @type {Record<string, number>} */ ({ y: 31_536_000, d: 86_400, h: 3600, m: 60, s: 1 });
const DURATION = /^(?=.)(?:\d+y)?(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+(?:\.\d+)?s)?$/;
const QUANTITY = /^([+-]?\d+(?:\.\d+)?)([KMGTPE]i|[numkMGTPE]|)$/;
// In columns of these names `10m` is ten minutes, in others ten thousandths.
const OF_TIME = /\bage\b|duration|interval|period|timeout|ttl|uptime|renew|since|schedule/i;
// Ages are ordered as they were when the page was opened: all by the same clock.
const OPENED = Date.now();

/** @param {Cell} cell @returns {cell is Age} */
export function isAge(cell) {
  return typeof cell === "object" && cell !== null;
}

/** @param {Cell} cell @returns {string} */
export function textOf(cell) {
  if (cell === null || cell === undefined) return "";
  if (isAge(cell)) {
    const age = ago(moment(cell.since));
    return cell.text === undefined ? age : visible(cell.text.replace("{}", age));
  }
  const text = String(cell);
  return visible(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
}

/** Whether two say the same, whatever time has passed. @param {Cell} one @param {Cell} other @returns {boolean} */
export function same(one, other) {
  if (isAge(one) && isAge(other)) return one.since === other.since && one.text === other.text;
  return one === other;
}

/** Whether it is aligned as numbers are. @param {Cell} cell @returns {boolean} */
export function isNumeric(cell) {
  return typeof cell === "number" || isAge(cell) || (typeof cell === "string" && typeof rankOf(cell, "") === "number");
}

/**
 * What to order by: numbers, shares, quantities, durations and ages by what they mean, the youngest first.
 * @param {Cell} cell @param {string} column its name
 * @returns {Rank}
 */
export function rankOf(cell, column) {
  if (cell === null || cell === undefined) return "";
  if (typeof cell === "number" || typeof cell === "boolean") return Number(cell);
  if (isAge(cell)) {
    const number = /^\d+/.exec(cell.text ?? "");
    return number ? Number(number[0]) : (OPENED - moment(cell.since)) / 1000;
  }
  const text = cell.slice(0, 200);
  const [, ready, wanted] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  if (wanted !== undefined) return (Number(wanted) ? Number(ready) / Number(wanted) : 1) * 1e6 + Number(wanted);
  if (DURATION.test(text) && (OF_TIME.test(column) || !/^\d+m$/.test(text))) return seconds(text);
  const [, digits, unit] = QUANTITY.exec(text) ?? [];
  if (digits !== undefined) return Number(digits) * scale(unit ?? "");
  const [, percent] = /^(\d+(?:\.\d+)?)%/.exec(text) ?? [];
  return percent !== undefined ? Number(percent) : text.toLowerCase();
}

/** Numbers come before texts. @param {Rank} one @param {Rank} other @returns {number} */
export function compareRanks(one, other) {
  if (typeof one !== typeof other) return typeof one === "number" ? -1 : 1;
  return one < other ? -1 : one > other ? 1 : 0;
}

/** @param {string} text @returns {number} */
function seconds(text) {
  return [...text.matchAll(/([\d.]+)([ydhms])/g)].reduce((sum, [, number, unit]) => sum + Number(number) * (UNITS[unit ?? ""] ?? 0), 0);
}

/** @param {string} unit of a quantity @returns {number} */
function scale(unit) {
  if (unit.endsWith("i")) return 1024 ** ("KMGTPE".indexOf(unit[0] ?? "") + 1);
  const power = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 }[unit] ?? 0;
  return 10 ** power;
}
