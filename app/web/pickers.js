/** Dialogs to pick a resource, a namespace or a cluster; each returns null where nothing was picked. */

import { choose } from "./choice_dialog.js";

/** @param {Iterable<any>} resources of /resources @param {string} present @returns {Promise<string | null>} */
export function pickResource(resources, present) {
  const choices = [...resources]
    .filter((resource) => resource.verbs.includes("list"))
    .map((resource) => ({ value: resource.name, label: resource.kind, note: resource.name, words: resource.shortNames.join(" ") }))
    .sort((a, b) => (a.label < b.label ? -1 : 1));
  return choose("Resource", choices, present);
}

/** @param {string[]} namespaces may repeat @param {string} present @returns {Promise<string | null>} "" for all */
export function pickNamespace(namespaces, present) {
  const names = [...new Set(namespaces)].filter(Boolean).sort();
  return choose("Namespace", [{ value: "", label: "all namespaces" }, ...names.map((name) => ({ value: name, label: name }))], present);
}

/** @param {import("./cluster_strip.js").Clusters} clusters @param {string} present @returns {Promise<string | null>} "" for all */
export function pickCluster(clusters, present) {
  const choices = [...clusters.known.keys()].map((name) => ({ value: name, label: name, note: clusters.condition(name).state }));
  return choose("Cluster", [{ value: "", label: "all clusters" }, ...choices], present);
}
