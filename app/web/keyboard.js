/** The keyboard, and the help that says what it does. */

import { h, showDialog } from "./dom.js";

/** @type {[string, string][]} */
const HELP = [
  ["↑ ↓  j k", "another row"],
  ["g G  PgUp PgDn", "far ones"],
  ["Enter", "open the object"],
  ["Esc", "close; clear the filter"],
  ["[ ]", "another tab of the drawer"],
  ["l y v", "logs, YAML, events of the object"],
  [":", "another resource"],
  ["n", "another namespace"],
  ["c, 1 … 9, 0", "only one cluster, all"],
  ["/", "filter: text, !text, /expression/, -l selector"],
  ["p", "only problems"],
  ["< > =", "order by another column; turn the order"],
  ["w", "more columns"],
  ["s r e d", "scale, restart, edit, delete the open object"],
  ["t", "light, dark, as the system"],
  ["?", "this"],
];

/**
 * @param {Record<string, (event: KeyboardEvent) => void>} commands by key
 */
export function listen(commands) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return;
    const target = /** @type {HTMLElement} */ (event.target);
    // A field of a dialog that has just closed keeps the focus until the page is laid out again.
    const writing = !target.closest("dialog") && target.matches("input:not([type=checkbox]), textarea, select");
    if (writing && event.key !== "Escape" && !(target.id === "filter" && ["Enter", "ArrowDown"].includes(event.key))) return;
    // A button that has the focus is what Enter and Space press, a region what arrows scroll.
    if (target.matches("button, a, summary") && ["Enter", " "].includes(event.key)) return;
    if (target.closest(".panel") && /^(Arrow|Page|Home|End| )/.test(event.key)) return;
    const command = commands[event.key];
    if (!command) return;
    event.preventDefault();
    command(event);
  });
}

export function help() {
  const dialog = h(
    "dialog",
    { class: "ask", "aria-label": "Help" },
    h(
      "form",
      { method: "dialog" },
      h("h2", {}, "Keys"),
      h("dl", { class: "keys" }, ...HELP.flatMap(([keys, what]) => [h("dt", {}, ...keys.split(" ").filter(Boolean).flatMap((key) => [h("kbd", {}, key), " "])), h("dd", {}, what)])),
      h("p", {}, "All that is seen is in the address: copy it to show somebody the same."),
      h("div", { class: "buttons" }, h("button", { type: "submit", class: "primary" }, "Close")),
    ),
  );
  void showDialog(dialog);
}

const THEME = "k8s-mcp-theme";
const THEMES = ["", "light", "dark"];

/** Take the theme that was chosen last, or the next one. @param {boolean} [next] @returns {string} */
export function theme(next = false) {
  let chosen = localStorage.getItem(THEME) ?? "";
  if (next) chosen = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length] ?? "";
  localStorage.setItem(THEME, chosen);
  if (chosen) document.documentElement.dataset["theme"] = chosen;
  else delete document.documentElement.dataset["theme"];
  return chosen || "as the system";
}
