/** The editor: the server's text of an object, and what the cluster would make of what was changed in it. */

import { diffLines } from "./diff.js";
import { h, messageOf, say, showDialog, visible } from "./dom.js";
import { curl, pathOf, placeOf, send, textOf, withoutCluster } from "./object_requests.js";

/** @typedef {import("./object_requests.js").Target} Target */

const EDIT = "application/vnd.k8s-mcp.edit+json";
const REDACTED = /^ {4}k8s-mcp\/redacted: /m;
const WARNING = /299 \S+ "((?:[^"\\]|\\.)*)"/g;
// So many lines are put into the page in one go.
const AT_ONCE = 400;

/**
 * YAML in a text field; what a dry run makes of it is shown before it is done.
 * @param {Target} target
 * @returns {Promise<void>}
 */
export async function edit(target) {
  const before = await textOf(target);
  await new Editor(target, before).open();
}

class Editor {
  #text = h("textarea", { spellcheck: "false", "aria-label": "YAML", rows: 24, wrap: "off" });
  #trouble = h("p", { class: "error", role: "alert", hidden: true });
  #changes = h("div", { class: "diff", role: "region", tabindex: "0", "aria-label": "What would change", hidden: true });
  #code = h("code", { class: "curl", tabindex: "0" });
  #review = h("button", { type: "button", class: "primary", click: () => this.#attempt(() => this.#look()) }, "Review");
  #save = h("button", { type: "submit", class: "primary", hidden: true }, "Save");
  #back = h("button", { type: "button", hidden: true, click: () => this.#turn(false) }, "Back");
  #dialog;
  #warned = false;

  /** @param {Target} target @param {string} before its YAML */
  constructor(target, before) {
    this.target = target;
    this.before = before;
    this.#text.value = before;
    const title = `Edit ${target.object.kind}`;
    const form = h(
      "form",
      { method: "dialog", submit: (/** @type {Event} */ event) => this.#submit(event) },
      h("h2", {}, title),
      h("p", {}, placeOf(target)),
      this.#text,
      this.#changes,
      this.#trouble,
      h("details", { open: true }, h("summary", {}, "The same with curl"), this.#code),
      h("div", { class: "buttons" }, h("button", { type: "button", click: () => this.#mayLeave() && this.#dialog.close() }, "Cancel"), this.#back, this.#review, this.#save),
    );
    this.#dialog = h("dialog", { class: "ask editor", "aria-label": title }, form);
    this.#text.addEventListener("input", () => (this.#warned = false));
    this.#dialog.addEventListener("cancel", (event) => this.#mayLeave() || event.preventDefault());
  }

  /** @returns {Promise<void>} resolved when it has closed */
  open() {
    this.#code.textContent = this.#command();
    const closed = showDialog(this.#dialog);
    this.#text.focus();
    this.#text.setSelectionRange(0, 0);
    this.#text.scrollTop = 0;
    return closed;
  }

  /** What was written is not thrown away by one key. @returns {boolean} */
  #mayLeave() {
    if (this.#warned || this.#text.value === this.before) return true;
    this.#warned = true;
    this.#tell("What you changed is not saved. Once more, and it is thrown away.");
    return false;
  }

  /** @param {Record<string, string>} [more] @returns {import("./object_requests.js").ObjectRequest} */
  #request(more = {}) {
    const body = JSON.stringify({ before: this.before, after: this.#text.value });
    return { method: "PATCH", path: pathOf(this.target, "", { fieldValidation: "Strict", ...more }), type: EDIT, body };
  }

  /** Of two files, for a shell. @returns {string} */
  #command() {
    const texts = "jq -n --rawfile before before.yaml --rawfile after after.yaml '{$before, $after}'";
    return `${texts} | ${curl({ ...this.#request(), body: "@-" })}`;
  }

  /** @param {boolean} reviewed */
  #turn(reviewed) {
    this.#trouble.hidden = true;
    this.#text.hidden = this.#review.hidden = reviewed;
    this.#changes.hidden = this.#save.hidden = this.#back.hidden = !reviewed;
    (reviewed ? (this.#save.disabled ? this.#back : this.#save) : this.#text).focus();
  }

  /** @param {string} text */
  #tell(text) {
    this.#trouble.textContent = text;
    this.#trouble.hidden = false;
  }

  /** @param {() => Promise<void>} what */
  async #attempt(what) {
    this.#trouble.hidden = true;
    try {
      await what();
    } catch (error) {
      this.#tell(messageOf(error));
    }
  }

  async #look() {
    const answer = await send(this.#request({ dryRun: "All", format: "yaml" }));
    // What others changed since the text was read is no part of this change.
    const now = await textOf(this.target);
    const lines = diffLines(now, withoutCluster(await answer.text()));
    // Values that are not shown are equal in both.
    const typed = REDACTED.test(this.before) ? diffLines(this.before, this.#text.value) : [];
    this.#save.disabled = !lines.length && !typed.length;
    this.#changes.replaceChildren(...warningsOf(answer).map((text) => h("p", { class: "warning" }, visible(text))));
    if (!lines.length) this.#changes.append(h("p", {}, typed.length ? "Nothing that is shown would change." : "Nothing would change."));
    this.#turn(true);
    await put(this.#changes, lines);
    if (!typed.length) return;
    this.#changes.append(h("p", { class: "soft" }, "As it was typed, since values of Secrets are not shown:"));
    await put(this.#changes, typed);
  }

  /** @param {Event} event */
  #submit(event) {
    event.preventDefault();
    void this.#attempt(async () => {
      const answer = await send(this.#request());
      const saved = answer.headers.has("X-Cursor") ? [`${this.target.object.metadata.name} is saved.`] : [];
      say([...saved, ...warningsOf(answer)].join(" "), "good");
      this.#dialog.close();
    });
  }
}

/** @param {Response} answer @returns {string[]} */
function warningsOf(answer) {
  return [...(answer.headers.get("Warning") ?? "").matchAll(WARNING)].map((match) => (match[1] ?? "").replace(/\\(.)/g, "$1"));
}

/** Put lines into the page, a part at a time. @param {HTMLElement} parent @param {import("./diff.js").Line[]} lines */
async function put(parent, lines) {
  for (let start = 0; start < lines.length; start += AT_ONCE) {
    const part = lines.slice(start, start + AT_ONCE);
    const rows = part.map(({ sign, text }) => h("div", { "data-sign": sign }, `${sign} ${visible(text)}`));
    const block = h("div", { class: "lines" }, ...rows);
    block.style.setProperty("contain-intrinsic-height", `auto ${part.length * 18}px`);
    parent.append(block);
    await new Promise((resolve) => setTimeout(resolve));
    if (!parent.contains(block)) return;
  }
}
