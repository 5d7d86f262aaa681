/** Requests to the server that this page came from, with the token where there is one. */

const KEY = "k8s-mcp-token";

/** A refusal, as the server words it. */
export class ProblemError extends Error {
  /** @param {number} status @param {string} detail */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** Take the token out of the address, where nobody is to see it again. */
export function adoptToken() {
  const found = /^#token=(.+)$/.exec(location.hash);
  if (!found?.[1]) return;
  setToken(decodeURIComponent(found[1]));
  history.replaceState(history.state, "", location.pathname + location.search);
}

/** @returns {string} */
export function token() {
  return sessionStorage.getItem(KEY) ?? "";
}

/** @param {string} value */
export function setToken(value) {
  sessionStorage.setItem(KEY, value);
}

/**
 * An answer that is no refusal. Throws ProblemError.
 * @param {string} path @param {RequestInit} [options]
 * @returns {Promise<Response>}
 */
export async function ask(path, options = {}) {
  const headers = new Headers(options.headers);
  if (token()) headers.set("Authorization", `Bearer ${token()}`);
  const answer = await fetch(path, { ...options, headers });
  if (answer.ok) return answer;
  let detail = answer.statusText;
  try {
    const problem = await answer.json();
    detail = problem.detail ?? problem.message ?? detail;
  } catch {
    // A proxy's page, say, has nothing that is worth reading.
  }
  throw new ProblemError(answer.status, detail);
}

/**
 * @param {string} path @param {RequestInit} [options]
 * @returns {Promise<any>}
 */
export async function askJson(path, options) {
  return (await ask(path, options)).json();
}
