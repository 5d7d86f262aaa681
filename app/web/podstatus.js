/**
 * What kubectl shows of a pod: `printPod` of
 * kubernetes/pkg/printers/internalversion/printers.go, as of 1.37.
 */

import { moment } from "./ages.js";

/** The paths that this reads. */
export const POD_FIELDS = [
  "metadata.deletionTimestamp",
  "spec.containers[*].name",
  "spec.initContainers[*].name",
  "spec.initContainers[*].restartPolicy",
  "status.phase",
  "status.reason",
  "status.conditions[*].type",
  "status.conditions[*].status",
  "status.conditions[*].reason",
  ...["status.initContainerStatuses[*]", "status.containerStatuses[*]"].flatMap((statuses) =>
    [
      "name",
      "ready",
      "started",
      "restartCount",
      "state.waiting.reason",
      "state.running.startedAt",
      "state.terminated.reason",
      "state.terminated.exitCode",
      "state.terminated.signal",
      "lastState.terminated.finishedAt",
    ].map((path) => `${statuses}.${path}`),
  ),
];

/** @typedef {{ reason: string, ready: number, containers: number, restarts: number, restarted: number }} PodStatus */

/** The pod that was asked about last: each of its columns asks. @type {[any, PodStatus | null]} */
let latest = [null, null];

/**
 * @param {any} pod
 * @returns {PodStatus}
 */
export function podStatus(pod) {
  if (latest[0] !== pod || !latest[1]) latest = [pod, make(pod)];
  return /** @type {PodStatus} */ (latest[1]);
}

/** @param {any} pod @returns {PodStatus} */
function make(pod) {
  const status = pod.status ?? {};
  const spec = pod.spec ?? {};
  /** @type {any[]} */
  const conditions = status.conditions ?? [];
  /** @type {any[]} */
  const inits = spec.initContainers ?? [];
  let reason = status.reason || status.phase || "";
  if (conditions.some((each) => each.type === "PodScheduled" && each.reason === "SchedulingGated")) {
    reason = "SchedulingGated";
  }
  const sidecars = new Set(inits.filter((each) => each.restartPolicy === "Always").map((each) => each.name));
  const all = { restarts: 0, latest: 0 };
  const ofSidecars = { restarts: 0, latest: 0 };
  let ready = 0;
  let initializing = "";
  for (const [number, container] of (status.initContainerStatuses ?? []).entries()) {
    const sidecar = sidecars.has(container.name);
    tally(all, container);
    if (sidecar) tally(ofSidecars, container);
    if (sidecar && container.started && !succeeded(container)) {
      if (container.ready) ready += 1;
      continue;
    }
    initializing = holdsUp(container, number, inits.length);
    if (initializing) {
      reason = initializing;
      break;
    }
  }
  let counted = all;
  if (!initializing || conditions.find((each) => each.type === "Initialized")?.status === "True") {
    counted = ofSidecars;
    const containers = status.containerStatuses ?? [];
    reason = running(containers, reason, conditions);
    for (const container of containers) {
      tally(counted, container);
      if (runsAndIsReady(container)) ready += 1;
    }
  }
  if (pod.metadata?.deletionTimestamp) {
    if (status.reason === "NodeLost") reason = "Unknown";
    else if (status.phase !== "Succeeded" && status.phase !== "Failed") reason = "Terminating";
  }
  const containers = (spec.containers ?? []).length + sidecars.size;
  return { reason, ready, containers, restarts: counted.restarts, restarted: counted.latest };
}

/** @param {{ restarts: number, latest: number }} counted @param {any} container */
function tally(counted, container) {
  counted.restarts += container.restartCount ?? 0;
  counted.latest = Math.max(counted.latest, moment(container.lastState?.terminated?.finishedAt));
}

/** @param {any} container @returns {boolean} */
function succeeded(container) {
  const ended = container.state?.terminated;
  return !!ended && !ended.exitCode;
}

/** @param {any} container @param {number} number @param {number} total @returns {string} */
function holdsUp(container, number, total) {
  if (succeeded(container)) return "";
  const ended = container.state?.terminated;
  if (ended) return `Init:${endOf(ended)}`;
  const waiting = container.state?.waiting?.reason;
  return waiting && waiting !== "PodInitializing" ? `Init:${waiting}` : `Init:${number}/${total}`;
}

/** @param {any} ended @returns {string} */
function endOf(ended) {
  if (ended.reason) return ended.reason;
  return ended.signal ? `Signal:${ended.signal}` : `ExitCode:${ended.exitCode ?? 0}`;
}

/** @param {any[]} containers @param {string} reason @param {any[]} conditions @returns {string} */
function running(containers, reason, conditions) {
  let runs = false;
  let error = "";
  for (const container of [...containers].reverse()) {
    const { waiting, terminated } = container.state ?? {};
    if (waiting?.reason) reason = waiting.reason;
    else if (terminated) {
      reason = endOf(terminated);
      if (terminated.exitCode) error = reason;
    } else if (runsAndIsReady(container)) runs = true;
  }
  if (reason !== "Completed") return reason;
  if (runs && conditions.some((each) => each.type === "Ready" && each.status === "True")) return "Running";
  return error || (runs ? "NotReady" : reason);
}

/** @param {any} container @returns {boolean} */
function runsAndIsReady(container) {
  const { waiting, terminated, running: runs } = container.state ?? {};
  return !waiting?.reason && !terminated && !!runs && !!container.ready;
}
