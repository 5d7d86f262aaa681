/**
 * The filter's grammar, as in k9s: words that must all be there, `!word` that must not, `/regular
 * expression/`, and after `-l` a label selector, which takes the rest.
 */

/** @typedef {{ selector: string, error: string, matches: (text: string) => boolean }} Filter */

/**
 * @param {string} text
 * @returns {Filter}
 */
export function parseFilter(text) {
  let rest = text;
  let selector = "";
  const found = /(?:^|\s)-l\s+(.*)$/.exec(text);
  if (found) {
    selector = (found[1] ?? "").trim();
    rest = text.slice(0, found.index);
  }
  /** @type {((text: string) => boolean)[]} */
  const conditions = [];
  let error = "";
  for (const [, not, expression, word] of rest.matchAll(/(!?)(?:\/((?:[^/\\]|\\.)+)\/(?=\s|$)|(\S+))/g)) {
    /** @type {(text: string) => boolean} */
    let holds;
    if (expression !== undefined) {
      try {
        const pattern = new RegExp(expression, "i");
        holds = (candidate) => pattern.test(candidate);
      } catch (reason) {
        error = reason instanceof Error ? reason.message : String(reason);
        continue;
      }
    } else {
      const wanted = (word ?? "").toLowerCase();
      if (!wanted) continue;
      holds = (candidate) => candidate.includes(wanted);
    }
    conditions.push(not ? (candidate) => !holds(candidate) : holds);
  }
  return { selector, error, matches: (candidate) => conditions.every((holds) => holds(candidate)) };
}
