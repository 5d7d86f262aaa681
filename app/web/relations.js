/** Who owns an object, and what it has made, or reaches. */

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
 * Subscriptions for what belongs to an object, in its cluster.
 * @param {string} resource @param {any} object
 * @returns {Related[]}
 */
export function related(resource, object) {
  const { uid, name, namespace } = object.metadata;
  /** @type {Record<string, string>} */
  const place = namespace ? { namespace } : {};
  /** @type {Related[]} */
  const found = (OWNED[resource] ?? []).map((child) => ({
    resource: child,
    query: { ...place, fieldSelector: `metadata.ownerReferences[*].uid=${uid}` },
  }));
  const labels = resource === "services" ? object.spec?.selector : resource === "deployments.apps" && object.spec?.selector?.matchLabels;
  if (labels && Object.keys(labels).length) {
    const labelSelector = Object.entries(labels).map(([key, value]) => `${key}=${value}`).join(",");
    found.push({ resource: "pods", query: { ...place, labelSelector } });
  }
  if (resource === "nodes") found.push({ resource: "pods", query: { fieldSelector: `spec.nodeName=${name}` } });
  return found;
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
