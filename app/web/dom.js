/** Elements, made shortly. Text is always text: nothing of an object is ever read as markup. */

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {Record<string, unknown>} [properties] attributes; functions are listeners
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, /** @type {EventListener} */ (value));
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child !== null && child !== undefined && child !== false) element.append(child);
  return element;
}

// Invisible, or able to turn the order of what stands beside them; without the joiners that some scripts need.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** A text in which nothing hides. @param {string} text @returns {string} */
export function visible(text) {
  return text.replace(HIDDEN, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/**
 * The one element of the page that has this id.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function the(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/**
 * Show a dialog, and take it out of the page when it closes.
 * @param {HTMLDialogElement} dialog
 * @returns {Promise<void>} resolved when it has closed
 */
export function showDialog(dialog) {
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve();
    });
  });
}

/** What an error says. @param {unknown} error @returns {string} */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/** @type {number | undefined} */
let timer;

/**
 * Say something quietly, for some seconds.
 * @param {string} text @param {"good" | "bad" | ""} [tone]
 */
export function say(text, tone = "") {
  const said = the("said");
  said.textContent = text;
  said.dataset["tone"] = tone;
  clearTimeout(timer);
  timer = setTimeout(() => (said.textContent = ""), tone === "bad" ? 8000 : 4000);
}
