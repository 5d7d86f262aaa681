/** An object at a glance: what it is, whose it is, how it is, and what belongs to it. */

import { ago, moment } from "./ages.js";
import { isNumeric, rankOf, compareRanks, textOf } from "./cells.js";
import { h, visible } from "./dom.js";
import { at, entries, list, number, text } from "./json_access.js";
import { lastWords } from "./last_log_lines.js";
import { resourceOf } from "./relations.js";
import { tonesOf, toneOf } from "./health_tones.js";
import { addressOf } from "./page_address.js";

/** @typedef {import("./dom.js").Child} Child */
/** @typedef {import("./server_table.js").Rows} Rows */

const MOST = 100;
const RIGHT = new Set(["Age", "Restarts", "Count"]);
// Told below, or of no use beside one object.
const SKIPPED = new Set(["Age", "Node", "Containers", "Images"]);
// Conditions that are bad news when they are true.
const BAD_WHEN_TRUE = /Pressure$|Unavailable$|^Failed|Failure$|^Dangling$|^Stalled$/;

/**
 * @param {string} resource @param {any} object
 * @param {Rows} row its own
 * @param {Iterable<any>} resources of /resources
 * @param {Rows[]} families
 * @returns {HTMLElement}
 */
export function overview(resource, object, row, resources, families) {
  const { cluster } = object;
  const born = text(at(object, "metadata", "creationTimestamp"));
  const namespace = text(at(object, "metadata", "namespace"));
  const owners = list(at(object, "metadata", "ownerReferences")).map((owner) => {
    const [kind, name] = [text(owner.kind), text(owner.name)];
    const of = resourceOf(resources, text(owner.apiVersion), kind);
    return of ? h("a", { href: addressOf(of, cluster, namespace, name) }, `${kind} ${name}`) : `${kind} ${name}`;
  });
  const node = resource === "pods" ? text(at(object, "spec", "nodeName")) : "";
  return h(
    "div",
    { class: "overview" },
    facts([
      ...columns(resource, row),
      ["Created", born && `${born} (${ago(moment(born))} ago)`],
      ["Being deleted", text(at(object, "metadata", "deletionTimestamp"))],
      ["Owner", owners.length ? h("span", {}, ...owners.flatMap((each, place) => (place ? [", ", each] : [each]))) : ""],
      ["Node", node ? h("a", { href: addressOf("nodes", cluster, "", node) }, node) : ""],
      ["Labels", pairs(at(object, "metadata", "labels"))],
      ["Message", text(at(object, "status", "message"))],
    ]),
    troubles(resource, object),
    conditions(at(object, "status", "conditions")),
    containers(object),
    ...families.map((family) => children(family, resources)),
  );
}

/** What the table says of it, with its wide columns. @param {string} resource @param {Rows} row @returns {[string, Child][]} */
function columns(resource, row) {
  const [told] = row.rows.values();
  if (!told) return [];
  const cells = row.cells(told);
  const tone = toneOf(resource).row((name) => row.table.cell(cells, name), told.object);
  return row.table.columns.flatMap(({ name, title }, place) => {
    const shown = textOf(cells[place]);
    const skipped = title || !shown || shown === "<none>" || SKIPPED.has(name);
    return skipped ? [] : [/** @type {[string, Child]} */ ([name, h("span", { "data-tone": tonesOf(resource, name)(cells[place], tone) }, shown)])];
  });
}

/** @param {[string, Child][]} told @returns {HTMLElement} */
function facts(told) {
  return h("dl", { class: "facts" }, ...told.flatMap(([name, value]) => (value ? [h("dt", {}, name), h("dd", {}, typeof value === "string" ? visible(value) : value)] : [])));
}

/** @param {any} labels @returns {Child} */
function pairs(labels) {
  const told = entries(labels);
  return told.length ? h("span", { class: "labels" }, ...told.map(([key, value]) => h("code", {}, `${key}=${value}`))) : "";
}

/** @param {any} object @returns {any[]} how each of a pod's containers is */
function statusesOf(object) {
  return ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"].flatMap((name) => list(at(object, "status", name)));
}

/** Why containers of a pod do not run: how the last run of each ended, and its last words. @param {string} resource @param {any} object @returns {Child} */
function troubles(resource, object) {
  if (resource !== "pods") return null;
  const found = statusesOf(object).flatMap((status) => {
    const waiting = at(status, "state", "waiting");
    const present = at(status, "state", "terminated");
    const ended = present ?? at(status, "lastState", "terminated");
    const failed = ended && (number(ended.exitCode) || number(ended.signal) || !["", "Completed"].includes(text(ended.reason)));
    const why = [text(at(waiting, "reason")), text(at(waiting, "message"))].filter(Boolean).join(": ");
    if (!failed && !text(at(waiting, "message"))) return [];
    return [
      h(
        "div",
        { class: "trouble-of" },
        h("p", {}, h("strong", {}, text(status.name)), why && h("span", { "data-tone": "bad" }, ` ${visible(why)}`)),
        failed && h("p", {}, `${present ? "Ended" : "Last run ended"} with ${ending(ended)}`),
        failed && text(ended.message) && h("pre", { class: "words" }, visible(text(ended.message))),
        failed && lastWords(object, text(status.name), { previous: !present, run: `${number(status.restartCount)}` }),
      ),
    ];
  });
  return found.length ? h("section", { class: "troubles" }, h("h3", {}, "What went wrong"), ...found) : null;
}

/** @param {any} ended @returns {string} */
function ending(ended) {
  const signal = number(ended.signal);
  const how = `exit code ${number(ended.exitCode)}${signal ? `, signal ${signal}` : ""}`;
  const [from, to] = [moment(ended.startedAt), moment(ended.finishedAt)];
  const when = to ? `, ${ago(to)} ago` : "";
  const long = from && to ? ` after ${ago(Date.now() - (to - from))}` : "";
  return `${how}${text(ended.reason) ? ` (${text(ended.reason)})` : ""}${when}${long}`;
}

/** @param {any} conditions @returns {Child} */
function conditions(conditions) {
  const told = list(conditions);
  if (!told.length) return null;
  const rows = told.map((each) => {
    const [type, status] = [text(each.type), text(each.status)];
    const fine = (status === "True") !== BAD_WHEN_TRUE.test(type);
    const tone = status === "Unknown" ? "warn" : fine ? "good" : "bad";
    return h(
      "tr",
      {},
      h("td", {}, type),
      h("td", { "data-tone": tone }, status),
      h("td", {}, ago(moment(each.lastTransitionTime ?? each.lastUpdateTime))),
      h("td", { class: "wrap" }, visible([text(each.reason), text(each.message)].filter(Boolean).join(": "))),
    );
  });
  return section("Conditions", ["Type", "Status", "Since", "Why"], rows);
}

/** @param {any} object @returns {Child} */
function containers(object) {
  const isPod = object.kind === "Pod";
  const spec = at(object, "spec");
  const of = isPod ? spec : (at(spec, "template", "spec") ?? at(spec, "jobTemplate", "spec", "template", "spec"));
  const all = ["initContainers", "containers", "ephemeralContainers"].flatMap((name) => list(at(of, name)));
  if (!all.length) return null;
  const statuses = statusesOf(object);
  const rows = all.map((each) => {
    const status = statuses.find((one) => one.name === each.name);
    const [state, why] = status ? stateOf(status) : ["", ""];
    const tone = !status ? "" : state === "running" && status.ready ? "good" : why === "Completed" ? "dim" : "bad";
    return h(
      "tr",
      {},
      h("td", {}, text(each.name)),
      h("td", { class: "wrap" }, visible(text(each.image))),
      ...(isPod ? [h("td", { "data-tone": tone }, why || state), h("td", { class: "right" }, String(number(status?.restartCount)))] : []),
    );
  });
  return section("Containers", ["Name", "Image", ...(isPod ? ["State", "Restarts"] : [])], rows);
}

/** @param {any} status @returns {[string, string]} */
function stateOf(status) {
  const state = ["waiting", "running", "terminated"].find((each) => at(status, "state", each)) ?? "";
  return [state, text(at(status, "state", state, "reason"))];
}

/** @param {Rows} family @param {Iterable<any>} resources @returns {Child} */
function children(family, resources) {
  const { table, rows } = family;
  const { resource } = table;
  if (!rows.size) return null;
  const known = [...resources].find((each) => each.name === resource);
  const columns = table.columns.map((column, place) => ({ ...column, place })).filter(({ wide, title }) => !wide && !title);
  const age = columns.find(({ name }) => name === "Age")?.place ?? -1;
  const all = [...rows.values()]
    .map((row) => ({ row, cells: family.cells(row) }))
    .sort((a, b) => compareRanks(rankOf(a.cells[age], "Age"), rankOf(b.cells[age], "Age")));
  // Of a deployment's history, only what still runs is of interest at first.
  const idle = (/** @type {import("./cells.js").Cell[]} */ cells) => resource === "replicasets.apps" && !table.cell(cells, "Desired") && !table.cell(cells, "Current");
  const shown = all.filter(({ cells }) => !idle(cells));
  const old = all.filter(({ cells }) => idle(cells));
  const line = (/** @type {(typeof all)[number]} */ { row, cells }) => {
    const tone = toneOf(resource).row((name) => table.cell(cells, name), row.object);
    const name = h("td", {}, h("a", { href: addressOf(resource, row.cluster, row.namespace, row.name) }, row.name));
    return h("tr", {}, name, ...columns.map(({ name, place }) => h("td", { class: isNumeric(cells[place]) ? "right" : "", "data-tone": tonesOf(resource, name)(cells[place], tone) }, textOf(cells[place]))));
  };
  const first = all[0]?.cells ?? [];
  const headings = ["Name", ...columns.map(({ name }) => name)];
  const right = new Set(columns.filter(({ place }) => isNumeric(first[place])).map(({ name }) => name));
  const title = `${known?.kind ?? resource} (${rows.size})`;
  const rest = shown.length > MOST ? ` Only the ${MOST} youngest are shown.` : "";
  return h(
    "div",
    { class: "family" },
    shown.length ? section(title, headings, shown.slice(0, MOST).map(line), right) : h("h3", {}, title),
    rest && h("p", { class: "soft" }, rest),
    old.length ? h("details", { class: "old", id: `old-${resource}` }, h("summary", {}, `${old.length} scaled to 0`), section("Scaled to 0", headings, old.slice(0, MOST).map(line), right)) : null,
  );
}

/** @param {string} title @param {string[]} headings @param {HTMLElement[]} rows @param {Set<string>} [right] @returns {HTMLElement} */
export function section(title, headings, rows, right = RIGHT) {
  return h(
    "section",
    {},
    h("h3", {}, title),
    h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": title }, h("table", {}, h("thead", {}, h("tr", {}, ...headings.map((each) => h("th", { scope: "col", class: right.has(each) ? "right" : "" }, each)))), h("tbody", {}, ...rows))),
  );
}
