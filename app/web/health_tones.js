/** What looks well, what needs a look and what is broken, told from the cells of a row. */

import { isAge } from "./cells.js";
import { moment } from "./ages.js";
import { list } from "./json_access.js";

/** @typedef {"" | "good" | "warn" | "bad" | "dim"} Tone */
/** @typedef {import("./cells.js").Cell} Cell */
/** @typedef {(column: string) => Cell} Get */

/**
 * @typedef {object} Kind
 * @property {(get: Get, object: any) => Tone} row how an object is; whoever is `warn` or `bad` has a problem
 * @property {(text: string) => Tone} [status] of a cell in the column Status
 * @property {string} [fields] what this needs of the object, beside its cells
 */

const RECENT = 600_000;
const UNDERWAY = /^(Pending|ContainerCreating|PodInitializing|Terminating|SchedulingGated|NotReady|Init:\d+\/\d+)$/;
const STATUS = /^(Status|Phase|State|Health|Health Status|Sync Status)$/;
const GOOD = /^(Running|Ready|Active|Bound|Available|Healthy|Synced|Established|Succeeded)$/;
const BAD = /Fail|Error|BackOff|Degraded|Lost|Unhealthy|Invalid|Denied/;
const WAITS = /^(Pending|Progressing|Unknown|OutOfSync|Suspended|Terminating|Released|NotReady)/;

/** @param {number} ready @param {number} wanted @returns {Tone} */
const rollout = (ready, wanted) => (ready >= wanted ? "" : ready === 0 ? "bad" : "warn");

/** @param {Cell} cell `2/3` @returns {Tone} */
function share(cell) {
  if (typeof cell !== "string") return "";
  const [, ready, wanted] = /^(\d+)\/(\d+)$/.exec(cell) ?? [];
  return wanted === undefined ? "" : rollout(Number(ready), Number(wanted));
}

/** @param {string} status @returns {Tone} */
function podStatus(status) {
  if (status === "Completed" || status === "Succeeded") return "dim";
  return status === "Running" ? "good" : UNDERWAY.test(status) ? "warn" : "bad";
}

/** @param {string} status @returns {Tone} */
const nodeStatus = (status) => (status === "Ready" ? "good" : status.startsWith("Ready") ? "warn" : "bad");

/** @param {string} phase @returns {Tone} */
const phase = (phase) => (/^(Bound|Available|Active)$/.test(phase) ? "good" : /^(Lost|Failed)$/.test(phase) ? "bad" : "warn");

/** @param {string} status @returns {Tone} */
const jobStatus = (status) => (/** @type {Record<string, Tone>} */ ({ Complete: "dim", Failed: "bad", Running: "good" })[status] ?? "warn");

/** @param {Tone} tone @returns {Tone} what is good is nothing to be told of a row */
const trouble = (tone) => (tone === "good" ? "" : tone);

/** @param {(text: string) => Tone} status @returns {Kind} */
const byStatus = (status) => ({ status, row: (get) => trouble(status(String(get("Status") ?? ""))) });

/** @type {Kind} */
const byReady = { row: (get) => share(get("Ready")) };
/** @type {Kind} */
const byDesired = { row: (get) => rollout(Number(get("Ready")) || 0, Number(get("Desired")) || 0) };
/** @type {Kind} */
const warnings = { row: (get) => (get("Type") === "Warning" ? "warn" : "") };

/** @type {Record<string, Kind>} */
const KINDS = {
  pods: {
    status: podStatus,
    row: (get) => {
      const tone = podStatus(String(get("Status") ?? ""));
      return tone === "good" && share(get("Ready")) ? "warn" : tone;
    },
  },
  "deployments.apps": byReady,
  "statefulsets.apps": byReady,
  "replicasets.apps": byDesired,
  replicationcontrollers: byDesired,
  "daemonsets.apps": byDesired,
  "jobs.batch": { status: jobStatus, row: (get) => (get("Status") === "Failed" ? "bad" : "") },
  nodes: byStatus(nodeStatus),
  namespaces: byStatus(phase),
  persistentvolumeclaims: byStatus(phase),
  persistentvolumes: byStatus(phase),
  events: warnings,
  "events.events.k8s.io": warnings,
  services: { row: (get) => (get("External-IP") === "<pending>" ? "warn" : "") },
};
for (const plain of ["configmaps", "secrets", "serviceaccounts", "endpoints", "endpointslices.discovery.k8s.io"]) KINDS[plain] = { row: () => "" };

/** Others, custom resources above all, by a habit that nearly all have: a condition Ready or Available. @type {Kind} */
const OTHERS = {
  fields: "status.conditions",
  row: (_, object) => {
    const found = list(object?.status?.conditions).find((each) => each.type === "Ready" || each.type === "Available");
    return !found || found.status === "True" ? "" : found.status === "False" ? "bad" : "warn";
  },
};

/** @param {string} resource @returns {Kind} */
export function toneOf(resource) {
  return KINDS[resource] ?? OTHERS;
}

/** @param {string} status @returns {Tone} */
const anyStatus = (status) => (GOOD.test(status) ? "good" : BAD.test(status) ? "bad" : WAITS.test(status) ? "warn" : "");

/**
 * The tones of the cells of a column, in a row of a tone.
 * @param {string} resource @param {string} column
 * @returns {(cell: Cell, row: Tone) => Tone}
 */
export function tonesOf(resource, column) {
  if (column === "Restarts") return (cell) => (isAge(cell) && Date.now() - moment(cell.since) < RECENT ? "warn" : "");
  if (column === "Ready" || column === "Available") return (cell, row) => (row === "dim" ? "dim" : cell === "False" ? "bad" : share(cell));
  if (STATUS.test(column)) {
    const status = KINDS[resource]?.status ?? anyStatus;
    return (cell) => (typeof cell === "string" ? status(cell) : "");
  }
  if (column === "Type") return (cell) => (cell === "Warning" ? "warn" : "");
  return (cell) => (cell === "<pending>" ? "warn" : "");
}
