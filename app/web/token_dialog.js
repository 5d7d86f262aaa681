/** Asks for the token, where the server needs one. */

import { setToken } from "./api.js";
import { h, showDialog } from "./dom.js";

/**
 * @param {string} why what the server said
 * @returns {Promise<void>} resolved when there is a token to try
 */
export function askForToken(why) {
  const input = h("input", { type: "password", id: "token", autocomplete: "off", spellcheck: "false" });
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", {}, "This server needs a token"),
    h("p", {}, `It says: ${why}. The token was printed when the server started, or given as --token.`),
    h("label", { for: "token" }, "Token"),
    input,
    h("div", { class: "buttons" }, h("button", { type: "submit", class: "primary" }, "Continue")),
  );
  const dialog = h("dialog", { class: "ask", "aria-label": "Token" }, form);
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!input.value.trim()) return;
    setToken(input.value.trim());
    dialog.close();
  });
  return showDialog(dialog);
}
