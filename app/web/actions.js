/** What can be done to an object. Each says the request that it makes, and asks before it makes it. */

import { ask, askJson, token } from "./api.js";
import { diffLines } from "./diff.js";
import { h, say } from "./dom.js";
import { canRestart, canScale } from "./relations.js";
import { toYaml } from "./yaml.js";

/**
 * @typedef {object} Target
 * @property {string} resource
 * @property {any} object as it is now
 * @property {string[]} verbs that the resource has
 */
/** @typedef {{ name: string, key: string, danger: boolean, run: (target: Target) => Promise<void> }} Action */
/** @typedef {{ method: string, path: string, type?: string, body?: string }} Wish */

/** @param {Target} target @returns {Action[]} */
export function actionsFor({ resource, verbs }) {
  /** @type {Action[]} */
  const found = [];
  if (canScale(resource)) found.push({ name: "Scale", key: "s", danger: false, run: scale });
  if (canRestart(resource)) found.push({ name: "Restart", key: "r", danger: false, run: restart });
  if (verbs.includes("update")) found.push({ name: "Edit", key: "e", danger: false, run: edit });
  if (verbs.includes("delete")) found.push({ name: "Delete", key: "d", danger: true, run: remove });
  return found;
}

/**
 * @param {Target} target @param {string} [rest] of the path @param {Record<string, string>} [more]
 * @returns {string}
 */
export function pathOf({ resource, object }, rest = "", more = {}) {
  const { name, namespace } = object.metadata;
  const query = new URLSearchParams({ cluster: object.cluster, ...(namespace && { namespace }), ...more });
  return `/${resource}/${encodeURIComponent(name)}${rest}?${query}`;
}

/**
 * The same request for a shell.
 * @param {Wish} wish
 * @returns {string}
 */
export function curl({ method, path, type, body }) {
  const parts = ["curl", "-X", method, quoted(location.origin + path)];
  // The token itself stays out of what may be copied into a chat.
  if (token()) parts.push("-H", '"Authorization: Bearer $K8S_MCP_TOKEN"');
  if (type) parts.push("-H", quoted(`Content-Type: ${type}`));
  if (body !== undefined) parts.push("--data-binary", body.length > 200 ? "@object.yaml" : quoted(body));
  return parts.join(" ");
}

/** @param {string} text @returns {string} */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** @param {Wish} wish @returns {Promise<Response>} */
function carryOut({ method, path, type, body }) {
  return ask(path, { method, ...(body !== undefined && { body }), ...(type && { headers: { "Content-Type": type } }) });
}

/** @param {Target} target @returns {string} */
function placeOf({ object }) {
  const { name, namespace } = object.metadata;
  return [object.cluster, namespace, name].filter(Boolean).join("/");
}

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {Target} target
 * @property {(Node | string)[]} body
 * @property {string} doing the word on the button
 * @property {boolean} [danger]
 * @property {string} [typed] what must be typed before it is done
 * @property {() => Wish} wish
 * @property {string} done
 */

/**
 * A dialog that shows the request, and makes it where that is wanted.
 * @param {Question} question
 * @returns {Promise<void>}
 */
function confirm({ title, target, body, doing, danger = false, typed = "", wish, done }) {
  return new Promise((resolve) => {
    const code = h("code", { class: "curl" });
    const trouble = h("p", { class: "error", role: "alert", hidden: true });
    const confirmation = h("input", { type: "text", id: "typed", autocomplete: "off", spellcheck: "false" });
    const button = h("button", { type: "submit", class: danger ? "danger" : "primary" }, doing);
    const form = h(
      "form",
      { method: "dialog" },
      h("h2", {}, title),
      h("p", {}, placeOf(target)),
      ...body,
      ...(typed ? [h("label", { for: "typed" }, "Type ", h("b", {}, typed), " to confirm"), confirmation] : []),
      trouble,
      h("details", { open: true }, h("summary", {}, "The same with curl"), code),
      h("div", { class: "buttons" }, h("button", { type: "button", click: () => dialog.close() }, "Cancel"), button),
    );
    const dialog = h("dialog", { class: "ask", "aria-label": title }, form);
    const check = () => {
      code.textContent = curl(wish());
      button.disabled = confirmation.value !== typed;
    };
    form.addEventListener("input", check);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (button.disabled) return;
      button.disabled = true;
      try {
        await carryOut(wish());
        say(done, "good");
        dialog.close();
      } catch (error) {
        trouble.textContent = error instanceof Error ? error.message : String(error);
        trouble.hidden = false;
        button.disabled = false;
      }
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve();
    });
    document.body.append(dialog);
    check();
    dialog.showModal();
    (typed ? confirmation : (form.querySelector("input") ?? button)).focus();
  });
}

/** @param {Target} target */
function scale(target) {
  const present = target.object.spec?.replicas ?? 1;
  const input = h("input", { type: "number", min: 0, step: 1, required: true, value: present, id: "replicas" });
  return confirm({
    title: `Scale ${target.object.kind}`,
    target,
    body: [h("label", { for: "replicas" }, `Replicas, ${present} now`), input],
    doing: "Scale",
    wish: () => ({ method: "POST", path: pathOf(target, "/scale"), type: "application/json", body: JSON.stringify({ replicas: Number(input.value) }) }),
    done: `${target.object.metadata.name} is scaled.`,
  });
}

/** @param {Target} target */
function restart(target) {
  return confirm({
    title: `Restart ${target.object.kind}`,
    target,
    body: ["All of its pods are made anew, as its strategy says."],
    doing: "Restart",
    typed: target.object.metadata.name,
    wish: () => ({ method: "POST", path: pathOf(target, "/restart") }),
    done: `${target.object.metadata.name} restarts.`,
  });
}

/** @param {Target} target */
function remove(target) {
  return confirm({
    title: `Delete ${target.object.kind}`,
    target,
    body: [target.resource === "namespaces" ? "Everything in it is deleted, too." : "What it owns is deleted with it."],
    doing: "Delete",
    danger: true,
    typed: target.object.metadata.name,
    wish: () => ({ method: "DELETE", path: pathOf(target) }),
    done: `${target.object.metadata.name} is deleted.`,
  });
}

/**
 * YAML in an editor; what a dry run makes of it is shown before it is done.
 * @param {Target} target
 * @returns {Promise<void>}
 */
async function edit(target) {
  const { object } = target;
  const before = toYaml(bare(await askJson(pathOf(target))));
  await new Promise((/** @type {(value?: undefined) => void} */ resolve) => {
    const text = h("textarea", { spellcheck: "false", "aria-label": "YAML", rows: 24 });
    text.value = before;
    const trouble = h("p", { class: "error", role: "alert", hidden: true });
    const changes = h("div", { class: "diff", role: "region", tabindex: "0", "aria-label": "What would change", hidden: true });
    const code = h("code", { class: "curl" });
    const review = h("button", { type: "button", class: "primary", click: () => look() }, "Review");
    const save = h("button", { type: "submit", class: "primary", hidden: true }, "Save");
    const back = h("button", { type: "button", hidden: true, click: () => turn(false) }, "Back");
    const wish = (/** @type {Record<string, string>} */ more = {}) => ({ method: "PUT", path: pathOf(target, "", more), type: "application/yaml", body: text.value });
    const form = h(
      "form",
      { method: "dialog" },
      h("h2", {}, `Edit ${object.kind}`),
      h("p", {}, placeOf(target)),
      text,
      changes,
      trouble,
      h("details", { open: true }, h("summary", {}, "The same with curl"), code),
      h("div", { class: "buttons" }, h("button", { type: "button", click: () => dialog.close() }, "Cancel"), back, review, save),
    );
    const dialog = h("dialog", { class: "ask editor", "aria-label": `Edit ${object.kind}` }, form);
    const turn = (/** @type {boolean} */ reviewed) => {
      text.hidden = review.hidden = reviewed;
      changes.hidden = save.hidden = back.hidden = !reviewed;
      code.textContent = curl(wish());
      (reviewed ? save : text).focus();
    };
    const attempt = async (/** @type {() => Promise<void>} */ what) => {
      trouble.hidden = true;
      try {
        await what();
      } catch (error) {
        trouble.textContent = error instanceof Error ? error.message : String(error);
        trouble.hidden = false;
      }
    };
    const look = () =>
      attempt(async () => {
        const after = toYaml(bare(await (await carryOut(wish({ dryRun: "All" }))).json()));
        const lines = diffLines(before, after);
        changes.replaceChildren(
          ...(lines.length
            ? lines.map(({ sign, text: line }) => h("div", { "data-sign": sign }, `${sign} ${line}`))
            : ["Nothing would change."]),
        );
        save.disabled = !lines.length;
        turn(true);
      });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void attempt(async () => {
        await carryOut(wish());
        say(`${object.metadata.name} is saved.`, "good");
        dialog.close();
      });
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve();
    });
    document.body.append(dialog);
    turn(false);
    dialog.showModal();
    text.focus();
    text.setSelectionRange(0, 0);
    text.scrollTop = 0;
  });
}

/**
 * An object as its cluster has it.
 * @param {any} object @returns {any}
 */
export function bare({ cluster: _, ...object }) {
  if (object.metadata?.managedFields) {
    const { managedFields: __, ...metadata } = object.metadata;
    return { ...object, metadata };
  }
  return object;
}
