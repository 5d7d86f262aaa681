/** Why there is nothing to see. */

/**
 * @typedef {object} Situation
 * @property {string} resource as the address says it
 * @property {any[]} resources of /resources
 * @property {string} error what the stream was refused with
 * @property {number} lost when the connection was lost, in ms; 0 where there is one
 * @property {boolean} synced
 * @property {number} all rows, shown or not
 * @property {boolean} problems whether only these are wanted
 * @property {boolean} filtered whether a filter is set
 * @property {boolean} selected whether the server was given a selector or a namespace
 * @property {{ name: string, state: string, error: string | null }[]} conditions of the clusters in scope, for the resource
 */

/** @param {Situation} situation @returns {string} */
export function whyEmpty({ resource, resources, error, lost, synced, all, problems, filtered, selected, conditions }) {
  if (error) return error;
  if (resources.length && !resources.some((each) => each.name === resource)) return unknown(resource, resources);
  if (all) return problems ? (filtered ? "No problems among what the filter matches." : "No problems here.") : "Nothing matches the filter.";
  if (lost) return `Not connected to the server since ${new Date(lost).toLocaleTimeString()}.`;
  if (!conditions.length) return "There are no clusters.";
  const bad = conditions.filter(({ state }) => state !== "synced");
  if (!synced && !bad.length) return "Loading…";
  const whys = bad.slice(0, 5).map(({ name, state, error: why }) => `${name}: ${WORDS[state] ?? state}${why ? ` (${why})` : ""}`);
  if (bad.length > 5) whys.push(`and ${bad.length - 5} more clusters`);
  if (bad.length === conditions.length) return [bad.every(({ state }) => state === "syncing") ? "Loading…" : `Nobody knows which ${resource} there are.`, ...whys].join("\n");
  const none = selected ? `No ${resource} match what was asked for.` : `No ${resource} here.`;
  return [none, ...whys].join("\n");
}

const WORDS = /** @type {Record<string, string>} */ ({
  syncing: "not read yet",
  stale: "stale",
  unreachable: "cannot be reached",
  forbidden: "may not be read",
  removed: "removed",
});

/** @param {string} resource @param {any[]} resources @returns {string} */
function unknown(resource, resources) {
  const wanted = resource.toLowerCase();
  const near = resources
    .filter((each) => [each.name, each.kind, ...each.shortNames].some((word) => word.toLowerCase().startsWith(wanted.slice(0, Math.max(3, wanted.length - 2)))))
    .map((each) => each.name);
  return `No cluster serves ${resource}.${near.length ? ` Near are ${near.slice(0, 5).join(", ")}.` : ""}`;
}
