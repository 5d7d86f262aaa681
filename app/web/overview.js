/** An object at a glance: what it is, whose it is, how it is, and what belongs to it. */

import { ago, moment } from "./ages.js";
import { h } from "./dom.js";
import { podStatus } from "./podstatus.js";
import { resourceOf } from "./relations.js";
import { tableFor } from "./tables.js";
import { addressOf } from "./url.js";

/** @typedef {import("./dom.js").Child} Child */
/** @typedef {{ resource: string, objects: Map<string, any> }} Family */

const MOST = 100;
const RIGHT = new Set(["Age", "Restarts", "Count"]);
// Conditions that are bad news when they are true.
const BAD_WHEN_TRUE = /Pressure$|Unavailable$|^Failed|Failure$|^Dangling$|^Stalled$/;

/**
 * @param {string} resource @param {any} object
 * @param {Iterable<any>} resources of /resources
 * @param {Family[]} families
 * @returns {HTMLElement}
 */
export function overview(resource, object, resources, families) {
  const { metadata, status = {} } = object;
  const owners = (metadata.ownerReferences ?? []).map((/** @type {any} */ owner) => {
    const of = resourceOf(resources, owner.apiVersion, owner.kind);
    return of
      ? h("a", { href: addressOf(of, object.cluster, metadata.namespace ?? "", owner.name) }, `${owner.kind} ${owner.name}`)
      : `${owner.kind} ${owner.name}`;
  });
  const node = resource === "pods" && object.spec?.nodeName;
  return h(
    "div",
    { class: "overview" },
    facts([
      ...columns(resource, object),
      ["Created", `${metadata.creationTimestamp ?? ""} (${ago(moment(metadata.creationTimestamp))} ago)`],
      ["Being deleted", metadata.deletionTimestamp],
      ["Owner", owners.length ? h("span", {}, ...owners.flatMap((/** @type {Child} */ each, /** @type {number} */ at) => (at ? [", ", each] : [each]))) : ""],
      ["Node", node ? h("a", { href: addressOf("nodes", object.cluster, "", node) }, node) : ""],
      ["Labels", pairs(metadata.labels)],
      ["Message", status.message],
    ]),
    conditions(status.conditions),
    containers(object),
    ...families.map((family) => children(object.cluster, family, resources)),
  );
}

/** What the table says of it, with its wide columns. @param {string} resource @param {any} object @returns {[string, Child][]} */
function columns(resource, object) {
  const table = tableFor(resource, undefined);
  return table.columns.flatMap((column) => {
    const value = column.value(object);
    const text = column.show(value);
    const skipped = !text || ["Age", "Node", "Containers", "Images"].includes(column.name);
    return skipped ? [] : [/** @type {[string, Child]} */ ([column.name, h("span", { "data-tone": column.tone(value) }, text)])];
  });
}

/** @param {[string, Child][]} entries @returns {HTMLElement} */
function facts(entries) {
  return h("dl", { class: "facts" }, ...entries.flatMap(([name, value]) => (value ? [h("dt", {}, name), h("dd", {}, value)] : [])));
}

/** @param {Record<string, string> | undefined} labels @returns {Child} */
function pairs(labels) {
  const entries = Object.entries(labels ?? {});
  return entries.length ? h("span", { class: "labels" }, ...entries.map(([key, value]) => h("code", {}, `${key}=${value}`))) : "";
}

/** @param {any} list @returns {Child} */
function conditions(list) {
  if (!Array.isArray(list) || !list.length) return null;
  const rows = list.map((each) => {
    const fine = (each.status === "True") !== BAD_WHEN_TRUE.test(each.type);
    const tone = each.status === "Unknown" ? "warn" : fine ? "good" : "bad";
    return h(
      "tr",
      {},
      h("td", {}, each.type),
      h("td", { "data-tone": tone }, each.status),
      h("td", {}, ago(moment(each.lastTransitionTime ?? each.lastUpdateTime))),
      h("td", {}, [each.reason, each.message].filter(Boolean).join(": ")),
    );
  });
  return section("Conditions", ["Type", "Status", "Since", "Why"], rows);
}

/** @param {any} object @returns {Child} */
function containers(object) {
  const spec = object.kind === "Pod" ? object.spec : object.spec?.template?.spec;
  if (!spec?.containers) return null;
  const statuses = [...(object.status?.initContainerStatuses ?? []), ...(object.status?.containerStatuses ?? [])];
  const rows = [...(spec.initContainers ?? []), ...spec.containers].map((/** @type {any} */ each) => {
    const status = statuses.find((one) => one.name === each.name);
    const [state, why] = status ? stateOf(status) : ["", ""];
    const tone = !status ? "" : state === "running" && status.ready ? "good" : why === "Completed" ? "dim" : "bad";
    return h(
      "tr",
      {},
      h("td", {}, each.name),
      h("td", { class: "wrap" }, each.image),
      ...(object.kind === "Pod"
        ? [h("td", { "data-tone": tone }, why || state), h("td", { class: "right" }, String(status?.restartCount ?? 0))]
        : []),
    );
  });
  return section("Containers", ["Name", "Image", ...(object.kind === "Pod" ? ["State", "Restarts"] : [])], rows);
}

/** @param {any} status @returns {[string, string]} */
function stateOf(status) {
  const [state = "", detail = {}] = /** @type {[string, any][]} */ (Object.entries(status.state ?? {}))[0] ?? [];
  return [state, detail.reason ?? ""];
}

/** @param {string} cluster @param {Family} family @param {Iterable<any>} resources @returns {Child} */
function children(cluster, { resource, objects }, resources) {
  if (!objects.size) return null;
  const known = [...resources].find((each) => each.name === resource);
  const list = [...objects.values()].sort((a, b) => moment(b.metadata.creationTimestamp) - moment(a.metadata.creationTimestamp));
  const rows = list.slice(0, MOST).map((each) => {
    const table = tableFor(resource, undefined);
    const { tone } = table.row(each);
    const { name, namespace = "", creationTimestamp } = each.metadata;
    return h(
      "tr",
      {},
      h("td", {}, h("a", { href: addressOf(resource, cluster, namespace, name) }, name)),
      h("td", { "data-tone": tone }, summary(resource, each)),
      h("td", { class: "right" }, ago(moment(creationTimestamp))),
    );
  });
  return section(`${known?.kind ?? resource} (${objects.size})`, ["Name", "Status", "Age"], rows);
}

/** @param {string} resource @param {any} object @returns {string} */
function summary(resource, object) {
  if (resource === "pods") {
    const { reason, ready, containers: all } = podStatus(object);
    return `${ready}/${all} ${reason}`;
  }
  if (resource === "replicasets.apps") return `${object.status?.readyReplicas ?? 0}/${object.spec?.replicas ?? 0}`;
  const [column] = tableFor(resource, undefined).columns;
  return column ? column.show(column.value(object)) : "";
}

/** @param {string} title @param {string[]} headings @param {HTMLElement[]} rows @returns {HTMLElement} */
export function section(title, headings, rows) {
  return h(
    "section",
    {},
    h("h3", {}, title),
    h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": title }, h("table", {}, h("thead", {}, h("tr", {}, ...headings.map((each) => h("th", { scope: "col", class: RIGHT.has(each) ? "right" : "" }, each)))), h("tbody", {}, ...rows))),
  );
}
