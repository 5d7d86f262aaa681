/** Two texts, line by line: what was taken out, what came in, and a little of what is around it. */

/** @typedef {{ sign: " " | "+" | "-" | "…", text: string }} Line */

const AROUND = 3;

/**
 * By the longest common subsequence, after what is equal at both ends is set aside.
 * @param {string} before @param {string} after
 * @returns {Line[]} empty where they are equal
 */
export function diffLines(before, after) {
  const old = before.split("\n");
  const now = after.split("\n");
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start += 1;
  let end = 0;
  while (end < old.length - start && end < now.length - start && old.at(-1 - end) === now.at(-1 - end)) end += 1;
  const a = old.slice(start, old.length - end);
  const b = now.slice(start, now.length - end);
  if (!a.length && !b.length) return [];
  /** @type {Line[]} */
  const lines = old.slice(0, start).map((text) => ({ sign: " ", text }));
  lines.push(...middle(a, b));
  lines.push(...old.slice(old.length - end).map((text) => /** @type {Line} */ ({ sign: " ", text })));
  return hunks(lines);
}

/** @param {string[]} a @param {string[]} b @returns {Line[]} */
function middle(a, b) {
  const width = b.length + 1;
  const common = new Uint32Array((a.length + 1) * width);
  const at = (/** @type {number} */ i, /** @type {number} */ j) => common[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      common[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  /** @type {Line[]} */
  const lines = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ sign: " ", text: a[i] ?? "" });
      i += 1;
      j += 1;
    } else if (i < a.length && (j === b.length || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ sign: "-", text: a[i] ?? "" });
      i += 1;
    } else {
      lines.push({ sign: "+", text: b[j] ?? "" });
      j += 1;
    }
  }
  return lines;
}

/** @param {Line[]} lines @returns {Line[]} */
function hunks(lines) {
  const near = lines.map((_, at) => lines.slice(Math.max(at - AROUND, 0), at + AROUND + 1).some((each) => each.sign !== " "));
  /** @type {Line[]} */
  const kept = [];
  for (const [at, line] of lines.entries()) {
    if (near[at]) kept.push(line);
    else if (kept.at(-1)?.sign !== "…") kept.push({ sign: "…", text: "" });
  }
  return kept;
}
