/**
 * Two texts, line by line: what was taken out, what came in, and a little of what is around it.
 *
 * By Myers' greedy algorithm, which is exact and fast where little is different. Where that would take long, what lies
 * between lines that both texts have once is compared by itself, and replaced as a whole where there are none.
 */

/** @typedef {{ sign: " " | "+" | "-" | "…", text: string }} Line */
/** Lines of the old text, from and up to, and those of the new one that stand in their place. @typedef {[number, number, number, number]} Change */

const AROUND = 3;
// So many lines of difference are looked for, and so many steps made, in some 20 ms.
const MOST_DIFFERENCES = 400;
const MOST_STEPS = 500_000;

/**
 * @param {string} before @param {string} after
 * @returns {Line[]} empty where they are equal
 */
export function diffLines(before, after) {
  const old = before.split("\n");
  const now = after.split("\n");
  const found = changes(old, now);
  /** @type {Line[]} */
  const lines = [];
  const put = (/** @type {Line["sign"]} */ sign, /** @type {string[]} */ texts, /** @type {number} */ from, /** @type {number} */ to) => {
    for (let at = from; at < to; at += 1) lines.push({ sign, text: texts[at] ?? "" });
  };
  let shown = 0;
  for (const [index, [from, to, first, last]] of found.entries()) {
    const start = Math.max(from - AROUND, shown);
    if (start > shown) lines.push({ sign: "…", text: "" });
    put(" ", old, start, from);
    put("-", old, from, to);
    put("+", now, first, last);
    shown = Math.min(to + AROUND, found[index + 1]?.[0] ?? old.length);
    put(" ", old, to, shown);
  }
  if (found.length && shown < old.length) lines.push({ sign: "…", text: "" });
  return lines;
}

/**
 * What makes one text of the other, in order.
 * @param {string[]} old @param {string[]} now
 * @returns {Change[]}
 */
export function changes(old, now) {
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start += 1;
  let end = 0;
  while (end < old.length - start && end < now.length - start && old.at(-1 - end) === now.at(-1 - end)) end += 1;
  /** @type {Map<string, number>} */
  const numbers = new Map();
  const numbered = (/** @type {string[]} */ texts) =>
    Int32Array.from(texts, (text) => {
      let number = numbers.get(text);
      if (number === undefined) numbers.set(text, (number = numbers.size));
      return number;
    });
  const mine = numbered(old.slice(start, old.length - end));
  const theirs = numbered(now.slice(start, now.length - end));
  const comparison = new Comparison(mine, theirs, numbers.size);
  comparison.compare(0, mine.length, 0, theirs.length);
  return comparison.changes.map(([from, to, first, last]) => [from + start, to + start, first + start, last + start]);
}

class Comparison {
  /** @type {Change[]} */
  changes = [];
  #steps = MOST_STEPS;

  /** @param {Int32Array} old @param {Int32Array} now lines as numbers @param {number} kinds how many there are */
  constructor(old, now, kinds) {
    this.old = old;
    this.now = now;
    this.places = new Int32Array(kinds).fill(-1);
    this.theirs = new Int32Array(kinds).fill(-1);
  }

  /** @param {number} from @param {number} to @param {number} first @param {number} last */
  compare(from, to, first, last) {
    const { old, now } = this;
    while (from < to && first < last && old[from] === now[first]) {
      from += 1;
      first += 1;
    }
    while (from < to && first < last && old[to - 1] === now[last - 1]) {
      to -= 1;
      last -= 1;
    }
    if (from === to && first === last) return;
    const one = to - from === 1 && last - first === 1;
    if (!one && from < to && first < last && (this.#exact(from, to, first, last) || this.#anchored(from, to, first, last))) return;
    this.#add(from, to, first, last);
  }

  /** @param {number} from @param {number} to @param {number} first @param {number} last */
  #add(from, to, first, last) {
    const before = this.changes.at(-1);
    if (before && before[1] === from && before[3] === first) {
      before[1] = to;
      before[3] = last;
    } else this.changes.push([from, to, first, last]);
  }

  /**
   * The shortest way from one to the other, if it is short.
   * @param {number} from @param {number} to @param {number} first @param {number} last
   * @returns {boolean} whether it was found
   */
  #exact(from, to, first, last) {
    const { old, now } = this;
    const height = to - from;
    const width = last - first;
    const most = Math.min(height + width, MOST_DIFFERENCES);
    // How far each diagonal has come: old lines by the difference of lines gone on both sides.
    const reached = new Int32Array(2 * most + 3);
    const middle = most + 1;
    /** @type {Int32Array[]} */
    const history = [];
    for (let depth = 0; depth <= most; depth += 1) {
      history.push(reached.slice(middle - depth, middle + depth + 1));
      for (let diagonal = -depth; diagonal <= depth; diagonal += 2) {
        const left = reached[middle + diagonal - 1] ?? 0;
        const right = reached[middle + diagonal + 1] ?? 0;
        let x = diagonal === -depth || (diagonal !== depth && left < right) ? right : left + 1;
        const start = x;
        while (x < height && x - diagonal < width && old[from + x] === now[first + x - diagonal]) x += 1;
        reached[middle + diagonal] = x;
        this.#steps -= 1 + x - start;
        if (x >= height && x - diagonal >= width) {
          this.#walk(history, from, first, height, width);
          return true;
        }
      }
      if (this.#steps < 0) return false;
    }
    return false;
  }

  /** Back along the way that was found. @param {Int32Array[]} history @param {number} from @param {number} first @param {number} x @param {number} y */
  #walk(history, from, first, x, y) {
    /** @type {Change[]} */
    const steps = [];
    for (let depth = history.length - 1; depth > 0; depth -= 1) {
      const reached = /** @type {Int32Array} */ (history[depth]);
      const diagonal = x - y;
      const at = (/** @type {number} */ other) => reached[other + depth] ?? 0;
      const down = diagonal === -depth || (diagonal !== depth && at(diagonal - 1) < at(diagonal + 1));
      const before = down ? diagonal + 1 : diagonal - 1;
      x = at(before);
      y = x - before;
      steps.push(down ? [from + x, from + x, first + y, first + y + 1] : [from + x, from + x + 1, first + y, first + y]);
    }
    for (const step of steps.reverse()) this.#add(...step);
  }

  /**
   * What lies between lines that both have just once.
   * @param {number} from @param {number} to @param {number} first @param {number} last
   * @returns {boolean} whether there are any
   */
  #anchored(from, to, first, last) {
    const { old, now, places, theirs } = this;
    for (let at = from; at < to; at += 1) note(places, old[at] ?? 0, at);
    for (let at = first; at < last; at += 1) note(theirs, now[at] ?? 0, at);
    /** @type {[number, number][]} */
    const pairs = [];
    for (let at = from; at < to; at += 1) {
      const line = old[at] ?? 0;
      if (places[line] === at && (theirs[line] ?? -1) >= 0) pairs.push([at, theirs[line] ?? 0]);
    }
    for (let at = from; at < to; at += 1) places[old[at] ?? 0] = -1;
    for (let at = first; at < last; at += 1) theirs[now[at] ?? 0] = -1;
    const anchors = ascending(pairs);
    for (const [mine, other] of anchors) {
      this.compare(from, mine, first, other);
      from = mine + 1;
      first = other + 1;
    }
    if (anchors.length) this.compare(from, to, first, last);
    return anchors.length > 0;
  }
}

/** The place of a line that is there once, -2 of one that is there again. @param {Int32Array} places @param {number} line @param {number} at */
function note(places, line, at) {
  places[line] = places[line] === -1 ? at : -2;
}

/** The longest choice of pairs whose second numbers ascend, as the first ones do. @param {[number, number][]} pairs @returns {[number, number][]} */
function ascending(pairs) {
  /** @type {number[]} the last pair of the best choice of each length */
  const ends = [];
  const before = new Int32Array(pairs.length).fill(-1);
  for (const [index, [, value]] of pairs.entries()) {
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const half = (low + high) >> 1;
      if ((pairs[ends[half] ?? 0]?.[1] ?? 0) < value) low = half + 1;
      else high = half;
    }
    if (low > 0) before[index] = ends[low - 1] ?? -1;
    ends[low] = index;
  }
  /** @type {[number, number][]} */
  const chosen = [];
  for (let at = ends.at(-1) ?? -1; at >= 0; at = before[at] ?? -1) chosen.push(/** @type {[number, number]} */ (pairs[at]));
  return chosen.reverse();
}
