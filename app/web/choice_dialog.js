/** A list to choose from by typing: resources, namespaces. */

import { h, showDialog } from "./dom.js";

/** @typedef {{ value: string, label: string, note?: string, words?: string }} Choice */

const MOST = 200;

/**
 * @param {string} title @param {Choice[]} choices @param {string} present
 * @returns {Promise<string | null>} null where nothing was chosen
 */
export async function choose(title, choices, present) {
  const input = h("input", {
    type: "text",
    role: "combobox",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: title,
    "aria-label": title,
    "aria-expanded": "true",
    "aria-controls": "choices",
    "aria-autocomplete": "list",
  });
  const list = h("ul", { role: "listbox", id: "choices", "aria-label": title, tabindex: "-1" });
  const dialog = h("dialog", { class: "chooser", "aria-label": title }, input, list);
  /** @type {Choice[]} */
  let found = [];
  let at = 0;
  let answer = /** @type {string | null} */ (null);

  const draw = () => {
    list.replaceChildren(
      ...found.map((each, number) =>
        h(
          "li",
          { role: "option", id: `choice-${number}`, "aria-selected": String(number === at), click: () => take(each) },
          h("span", {}, each.label),
          h("small", {}, each.note ?? ""),
        ),
      ),
    );
    if (found.length) input.setAttribute("aria-activedescendant", `choice-${at}`);
    else input.removeAttribute("aria-activedescendant");
    list.children[at]?.scrollIntoView({ block: "nearest" });
  };
  const look = () => {
    const wanted = input.value.trim().toLowerCase();
    const scored = choices.flatMap((each) => {
      const words = `${each.label} ${each.value} ${each.words ?? ""}`.toLowerCase().split(" ");
      const score = !wanted ? 0 : words.includes(wanted) ? 0 : words.some((word) => word.startsWith(wanted)) ? 1 : words.some((word) => word.includes(wanted)) ? 2 : 3;
      return score < 3 ? [{ each, score }] : [];
    });
    found = scored.sort((a, b) => a.score - b.score).slice(0, MOST).map(({ each }) => each);
    at = wanted ? 0 : Math.max(0, found.findIndex((each) => each.value === present));
    draw();
  };
  const take = (/** @type {Choice | undefined} */ chosen) => {
    answer = chosen?.value ?? null;
    dialog.close();
  };
  input.addEventListener("input", look);
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Enter") take(found[at]);
    else if (event.key === "ArrowDown") at = Math.min(at + 1, found.length - 1);
    else if (event.key === "ArrowUp") at = Math.max(at - 1, 0);
    else return;
    event.preventDefault();
    draw();
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  const closed = showDialog(dialog);
  look();
  await closed;
  return answer;
}
