/** What can be done to an object. Each says the request that it makes, and asks before it makes it. */

import { edit } from "./editor.js";
import { h, messageOf, say, showDialog } from "./dom.js";
import { canRestart, canScale } from "./relations.js";
import { curl, pathOf, placeOf, send } from "./object_requests.js";

/** @typedef {import("./object_requests.js").Target} Target */
/** @typedef {import("./object_requests.js").ObjectRequest} ObjectRequest */
/** @typedef {{ name: string, key: string, danger: boolean, run: (target: Target) => Promise<void> }} Action */

/** @param {Target} target @returns {Action[]} */
export function actionsFor({ resource, verbs }) {
  /** @type {Action[]} */
  const found = [];
  if (canScale(resource)) found.push({ name: "Scale", key: "s", danger: false, run: scale });
  if (canRestart(resource)) found.push({ name: "Restart", key: "r", danger: false, run: restart });
  if (verbs.includes("patch")) found.push({ name: "Edit", key: "e", danger: false, run: edit });
  if (verbs.includes("delete")) found.push({ name: "Delete", key: "d", danger: true, run: remove });
  return found;
}

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {Target} target
 * @property {(Node | string)[]} body
 * @property {string} doing the word on the button
 * @property {boolean} [danger]
 * @property {string} [typed] what must be typed before it is done
 * @property {() => ObjectRequest} request
 * @property {string} done
 */

/**
 * A dialog that shows the request, and makes it where that is wanted.
 * @param {Question} question
 * @returns {Promise<void>}
 */
function confirm({ title, target, body, doing, danger = false, typed = "", request, done }) {
  const code = h("code", { class: "curl", tabindex: "0" });
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
    code.textContent = curl(request());
    button.disabled = confirmation.value !== typed;
  };
  form.addEventListener("input", check);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    try {
      await send(request());
      say(done, "good");
      dialog.close();
    } catch (error) {
      trouble.textContent = messageOf(error);
      trouble.hidden = false;
      button.disabled = false;
    }
  });
  check();
  const closed = showDialog(dialog);
  (typed ? confirmation : (form.querySelector("input") ?? button)).focus();
  return closed;
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
    request: () => ({ method: "POST", path: pathOf(target, "/scale"), type: "application/json", body: JSON.stringify({ replicas: Number(input.value) }) }),
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
    request: () => ({ method: "POST", path: pathOf(target, "/restart") }),
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
    request: () => ({ method: "DELETE", path: pathOf(target) }),
    done: `${target.object.metadata.name} is deleted.`,
  });
}
