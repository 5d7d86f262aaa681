/** Requests about one object: where it is asked for, and how a shell would make the same. */

import { ask, token } from "./api.js";

/**
 * @typedef {object} Target
 * @property {string} resource
 * @property {any} object as it is now
 * @property {string[]} verbs that the resource has
 */
/** @typedef {{ method: string, path: string, type?: string, body?: string }} ObjectRequest */

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
 * @param {ObjectRequest} request
 * @returns {string}
 */
export function curl({ method, path, type, body }) {
  const parts = ["curl", "-X", method, quoted(location.origin + path)];
  // The token itself stays out of what may be copied into a chat.
  if (token()) parts.push("-H", '"Authorization: Bearer $K8S_MCP_TOKEN"');
  if (type) parts.push("-H", quoted(`Content-Type: ${type}`));
  if (body !== undefined) parts.push("--data-binary", quoted(body));
  return parts.join(" ");
}

/** @param {string} text @returns {string} */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** @param {ObjectRequest} request @returns {Promise<Response>} */
export function send({ method, path, type, body }) {
  return ask(path, { method, ...(body !== undefined && { body }), ...(type && { headers: { "Content-Type": type } }) });
}

/** @param {Target} target @returns {string} */
export function placeOf({ object }) {
  const { name, namespace } = object.metadata;
  return [object.cluster, namespace, name].filter(Boolean).join("/");
}

/**
 * The YAML of an object as its cluster has it.
 * @param {Target} target @param {Record<string, string>} [more]
 * @returns {Promise<string>}
 */
export async function textOf(target, more = {}) {
  const answer = await ask(pathOf(target, "", { format: "yaml", ...more }));
  return withoutCluster(await answer.text());
}

/** The text without its first line, in which the server says where it is. @param {string} text @returns {string} */
export function withoutCluster(text) {
  return text.replace(/^cluster: .*\n/, "");
}
