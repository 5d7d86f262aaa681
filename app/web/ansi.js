/** Lines of logs: colours as terminals show them, and nothing that hides or moves. */

import { h, visible } from "./dom.js";

/** @typedef {import("./dom.js").Child} Child */

const SEQUENCE = /\u001b\[([\d;]*)m|\u001b\[[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[@-Z\\-_]/g;
// A line that is longer is cut: laying it out would hold the page.
const LONGEST = 10_000;

/** @param {string} line @returns {(Node | string)[]} */
export function painted(line) {
  const whole = line.replace(/\r+$/, "");
  const text = whole.length > LONGEST ? whole.slice(0, LONGEST) : whole;
  /** @type {(Node | string)[]} */
  const parts = [];
  let from = 0;
  let bold = false;
  let colour = "";
  const add = (/** @type {string} */ piece) => {
    if (!piece) return;
    const shown = visible(piece);
    parts.push(bold || colour ? h("span", { class: `${bold ? "bold " : ""}${colour}`.trim() }, shown) : shown);
  };
  for (const found of text.matchAll(SEQUENCE)) {
    add(text.slice(from, found.index));
    from = found.index + found[0].length;
    if (found[1] === undefined) continue;
    const codes = found[1].split(";").map(Number);
    for (let at = 0; at < codes.length; at += 1) {
      const code = codes[at] ?? 0;
      if (code === 0) [bold, colour] = [false, ""];
      else if (code === 1) bold = true;
      else if (code === 22) bold = false;
      else if (code === 39) colour = "";
      else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) colour = `ansi${code % 10}`;
      // 256 colours and true ones have more numbers, which are no codes.
      else if (code === 38 || code === 48) at += codes[at + 1] === 5 ? 2 : 4;
    }
  }
  add(text.slice(from));
  if (whole.length > LONGEST) parts.push(h("em", { class: "soft" }, ` … ${(whole.length - LONGEST).toLocaleString("en")} more characters`));
  return parts;
}
