/** Who owns an object, and what it has made, or reaches. */

import { at, entries, text } from "./json_access.js";

/** @typedef {{ resource: string, query: Record<string, string> }} Related */

// What each kind owns, directly.
/** @type {Record<string, string[]>} */
const OWNED = {
  "deployments.apps": ["replicasets.apps"],
  "replicasets.apps": ["pods"],
  "statefulsets.apps": ["pods"],
  "daemonsets.apps": ["pods"],
  replicationcontrollers: ["pods"],
  "jobs.batch": ["pods"],
  "cronjobs.batch": ["jobs.batch"],
  services: ["endpointslices.discovery.k8s.io"],
};

/**
 * Subscriptions for what belongs to an object, in its cluster: its pods first.
 * @param {string} resource @param {any} object
 * @returns {Related[]}
 */
export function related(resource, object) {
  const [uid, name, namespace] = ["uid", "name", "namespace"].map((each) => text(at(object, "metadata", each)));
  /** @type {Record<string, string>} */
  const place = namespace ? { namespace } : {};
  const owned = (OWNED[resource] ?? []).map((child) => ({
    resource: child,
    query: { ...place, fieldSelector: `metadata.ownerReferences[*].uid=${uid}` },
  }));
  const selector = at(object, "spec", "selector");
  const labels = entries(resource === "services" ? selector : resource === "deployments.apps" ? at(selector, "matchLabels") : null);
  const labelSelector = labels.map(([key, value]) => `${key}=${value}`).join(",");
  return [
    ...(labelSelector ? [{ resource: "pods", query: { ...place, labelSelector } }] : []),
    ...(resource === "nodes" ? [{ resource: "pods", query: { fieldSelector: `spec.nodeName=${name}` } }] : []),
    ...owned,
  ];
}

/**
 * The name of the resource of a kind.
 * @param {Iterable<any>} resources of /resources
 * @param {string} apiVersion @param {string} kind
 * @returns {string | null}
 */
export function resourceOf(resources, apiVersion, kind) {
  const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
  for (const each of resources) {
    const its = each.apiVersion.includes("/") ? each.apiVersion.split("/")[0] : "";
    if (each.kind === kind && its === group) return each.name;
  }
  return null;
}

/** Whether logs can be asked of it. @param {string} resource @returns {boolean} */
export function hasLogs(resource) {
  return resource === "pods" || resource === "services" || (resource in OWNED && resource !== "cronjobs.batch");
}

/** @param {string} resource @returns {boolean} */
export function canScale(resource) {
  return ["deployments.apps", "replicasets.apps", "statefulsets.apps", "replicationcontrollers"].includes(resource);
}

/** @param {string} resource @returns {boolean} */
export function canRestart(resource) {
  return ["deployments.apps", "statefulsets.apps", "daemonsets.apps"].includes(resource);
}
