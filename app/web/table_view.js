/**
 * The table on the screen: of the rows in the store, only those that can be seen are in the page.
 *
 * An element stays with its row while that is visible, so that a cell that changes can flash, and a
 * row that moves can be followed.
 */

import { isAge, isNumeric, same } from "./cells.js";
import { h, the } from "./dom.js";
import { shownColumns } from "./shown_columns.js";

/** @typedef {import("./row_store.js").Store} Store */
/** @typedef {import("./row_store.js").Row} Row */
/** @typedef {import("./shown_columns.js").Shown} Shown */

/** @typedef {{ row: Row, at: number, element: HTMLElement, cells: HTMLElement[], texts: string[], flashes: Animation[] }} Line */

const SPARE = 8;
const FLASH = { duration: 1200, easing: "ease-out" };
const STILL = matchMedia("(prefers-reduced-motion: reduce)");
const NARROW = matchMedia("(max-width: 700px)");

export class TableView extends EventTarget {
  wide = false;
  /** @type {string} key of the row that the keyboard is on */
  current = "";
  /** @type {string} key of the row in the drawer */
  open = "";
  /** @type {Shown[]} */
  #columns = [];
  /** @type {Map<string, Line>} */
  #lines = new Map();
  /** @type {Line[]} */
  #spare = [];
  #height = 28;
  #sort = "";
  /** Of how many rows the columns have their widths; -1 where they have none. */
  #measured = -1;
  #drawn = 0;
  #grid = the("grid");
  #head = /** @type {HTMLElement} */ (this.#grid.querySelector(".head"));
  #body = /** @type {HTMLElement} */ (this.#grid.querySelector(".body"));
  #pen = /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d"));

  /** @param {Store} store */
  constructor(store) {
    super();
    this.store = store;
    store.addEventListener("change", () => this.draw());
    this.#grid.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.#grid);
    NARROW.addEventListener("change", () => this.layout(this.#sort));
    setInterval(() => document.hidden || this.draw(), 1000);
    // The whole text of a cell, when somebody points at it: as an attribute of all it would cost frames.
    this.#body.addEventListener("mouseover", (event) => {
      const cell = /** @type {HTMLElement} */ (event.target);
      if (cell.role === "gridcell") cell.title = cell.scrollWidth > cell.clientWidth ? (cell.textContent ?? "") : "";
    });
    this.#body.addEventListener("click", (event) => {
      const line = /** @type {HTMLElement} */ (event.target).closest("[role=row]");
      if (!(line instanceof HTMLElement) || String(getSelection())) return;
      this.current = line.dataset["key"] ?? "";
      this.#choose();
    });
  }

  /**
   * Lay the columns out anew.
   * @param {string} sort as the address says it
   */
  layout(sort) {
    this.#sort = sort;
    const narrow = NARROW.matches;
    this.#height = narrow ? 48 : 28;
    this.#columns = shownColumns(this.store.table, { narrow, wide: this.wide, namespaced: this.namespaced });
    this.#grid.classList.toggle("narrow", narrow);
    this.#grid.setAttribute("aria-colcount", String(this.#columns.length));
    const field = sort.replace(/^-/, "");
    this.#head.replaceChildren(
      h("div", { role: "row", class: "row" }, ...this.#columns.map((column) => this.#heading(column, field, sort.startsWith("-")))),
    );
    for (const line of this.#lines.values()) line.element.remove();
    for (const line of this.#spare) line.element.remove();
    this.#lines.clear();
    this.#spare = [];
    this.#measured = -1;
    this.#grid.scrollLeft = 0;
    this.draw();
  }

  namespaced = true;

  /** @param {Shown} column @param {string} field @param {boolean} descending @returns {HTMLElement} */
  #heading(column, field, descending) {
    const sorted = column.key === field;
    const button = h("button", { type: "button", tabindex: -1, title: `Order by ${column.name}`, click: () => this.#reorder(column.key, field, descending) }, column.name);
    return h("div", { role: "columnheader", class: column.right ? "right" : "", "aria-sort": sorted ? (descending ? "descending" : "ascending") : "none" }, button);
  }

  /** @param {string} key @param {string} field @param {boolean} descending */
  #reorder(key, field, descending) {
    const sort = key !== field ? key : descending ? "" : `-${key}`;
    this.dispatchEvent(new CustomEvent("sort", { detail: sort }));
  }

  /** The sort that comes after the present one, for the keyboard. @param {number} step */
  sortBy(step) {
    const field = this.#sort.replace(/^-/, "");
    const at = this.#columns.findIndex((column) => column.key === field);
    const next = this.#columns[(at + step + this.#columns.length) % this.#columns.length];
    if (next) this.dispatchEvent(new CustomEvent("sort", { detail: next.key }));
  }

  draw() {
    const { view } = this.store;
    this.#drawn += 1;
    const top = this.#grid.scrollTop;
    const first = Math.max(Math.floor(top / this.#height) - SPARE, 0);
    const last = Math.min(Math.ceil((top + this.#grid.clientHeight) / this.#height) + SPARE, view.length);
    if (this.#measured < 0 || (view.length > this.#measured * 2 && this.#measured < 400)) this.#measure(view);
    this.#body.style.height = `${view.length * this.#height}px`;
    this.#grid.setAttribute("aria-rowcount", String(view.length + 1));
    const visible = view.slice(first, last);
    const keys = new Set(visible.map((row) => row.key));
    for (const [key, line] of this.#lines) {
      if (keys.has(key)) continue;
      this.#lines.delete(key);
      this.#spare.push(line);
    }
    let active = "";
    for (const [at, row] of visible.entries()) {
      const line = this.#lines.get(row.key) ?? this.#take(row);
      this.#write(line, row, first + at);
      if (row.key === this.current) active = line.element.id;
    }
    for (const line of this.#spare.splice(2 * SPARE)) line.element.remove();
    for (const line of this.#spare) line.element.hidden = true;
    if (active) this.#grid.setAttribute("aria-activedescendant", active);
    else this.#grid.removeAttribute("aria-activedescendant");
  }

  /** @param {Row} row @returns {Line} */
  #take(row) {
    let line = this.#spare.pop();
    if (!line) {
      const cells = this.#columns.map((column) => h("div", { role: "gridcell", class: column.right ? "right" : "" }));
      const element = h("div", { role: "row", class: "row", id: `row-${this.#drawn}-${this.#lines.size}` }, ...cells);
      line = { row, at: -1, element, cells, texts: [], flashes: [] };
      this.#body.append(element);
    }
    line.texts = [];
    line.element.hidden = false;
    line.element.dataset["key"] = row.key;
    for (const animation of line.flashes.splice(0)) animation.cancel();
    this.#lines.set(row.key, line);
    return line;
  }

  /** @param {Line} line @param {Row} row @param {number} at */
  #write(line, row, at) {
    const { element, cells, texts } = line;
    const isNew = texts.length === 0;
    const before = line.row;
    // A row that is what it was, where it was, has at most other ages.
    const moved = line.at !== at;
    line.at = at;
    line.row = row;
    if (moved) {
      element.style.transform = `translateY(${at * this.#height}px)`;
      element.ariaRowIndex = String(at + 2);
    }
    const selected = String(row.key === this.current);
    if (element.ariaSelected !== selected) element.ariaSelected = selected;
    const look = `row${row.key === this.open ? " open" : ""}${this.faded.has(row.cluster) ? " faded" : ""}`;
    if (element.className !== look) element.className = look;
    for (const [number, column] of this.#columns.entries()) {
      const text = column.text(row);
      const cell = /** @type {HTMLElement} */ (cells[number]);
      const tone = column.tone(row);
      if (cell.dataset["tone"] !== tone) cell.dataset["tone"] = tone;
      if (texts[number] === text) continue;
      if (column.key === "name" && NARROW.matches) cell.replaceChildren(row.title, h("small", {}, [row.cluster, row.namespace].filter(Boolean).join(" · ")));
      else if (cell.firstChild instanceof Text) cell.firstChild.data = text;
      else cell.textContent = text;
      // That time passes is no change.
      if (!isNew && !same(column.cell(before), column.cell(row)) && !STILL.matches) line.flashes.push(flash(cell, "--flash"));
      texts[number] = text;
    }
    if (isNew && row.born && performance.now() - row.born < 500 && !STILL.matches) line.flashes.push(flash(element, "--flash-new"));
  }

  /** Clusters whose rows are old news. @type {Set<string>} */
  faded = new Set();

  /**
   * Widths by what some of the rows say: a column is never wider than it needs, the name takes the rest.
   * @param {Row[]} view
   */
  #measure(view) {
    this.#measured = view.length;
    const { fontSize, fontFamily } = getComputedStyle(this.#grid);
    this.#pen.font = `500 ${fontSize} ${fontFamily}`;
    const step = Math.max(1, Math.floor(view.length / 120));
    const sample = view.filter((_, at) => at % step === 0);
    for (const [at, column] of this.#columns.entries()) {
      const cells = sample.map(column.cell).filter((cell) => cell !== undefined && cell !== null && cell !== "" && !/^<\w+>$/.test(String(cell)));
      column.right ||= column.at >= 0 && cells.length > 0 && cells.every(isNumeric);
      this.#head.firstElementChild?.children[at]?.classList.toggle("right", column.right);
      for (const line of [...this.#lines.values(), ...this.#spare]) line.cells[at]?.classList.toggle("right", column.right);
    }
    const widths = this.#columns.map((column) => {
      const heading = this.#pen.measureText(column.name).width * 0.95 + 22;
      const widest = Math.max(0, ...sample.map((row) => this.#pen.measureText(column.text(row)).width));
      return Math.ceil(Math.min(Math.max(heading, widest + 2), column.key === "message" ? 700 : 360)) + 22;
    });
    // An age gets room for one figure more.
    const tracks = this.#columns.map((column, at) => {
      const width = (widths[at] ?? 80) + (sample.some((row) => isAge(column.cell(row))) ? 10 : 0);
      if (NARROW.matches) return column.key === "name" ? "minmax(0, 1fr)" : `minmax(0, ${Math.min(width, 130)}px)`;
      // Numbers stay close to their heading; what is left over, words share.
      return column.right ? `${width}px` : `minmax(${width}px, ${width}fr)`;
    });
    this.#grid.style.setProperty("--tracks", tracks.join(" "));
  }

  /**
   * Move the keyboard's row.
   * @param {number} by rows; infinite for the ends
   */
  move(by) {
    const { view } = this.store;
    if (!view.length) return;
    const at = view.findIndex((row) => row.key === this.current);
    const to = Math.min(Math.max(at < 0 && by > 0 ? Math.min(by, view.length) - 1 : at + by, 0), view.length - 1);
    this.current = view[Number.isNaN(to) ? 0 : to]?.key ?? "";
    const top = to * this.#height;
    const room = this.#grid.clientHeight - this.#head.offsetHeight;
    if (top < this.#grid.scrollTop) this.#grid.scrollTop = top;
    else if (top + this.#height > this.#grid.scrollTop + room) this.#grid.scrollTop = top + this.#height - room;
    this.draw();
  }

  /** Rows that fit on the screen. @returns {number} */
  get page() {
    return Math.max(1, Math.floor(this.#grid.clientHeight / this.#height) - 2);
  }

  /** The row that the keyboard is on. @returns {Row | undefined} */
  get row() {
    return this.store.rows.get(this.current);
  }

  #choose() {
    this.draw();
    if (this.row) this.dispatchEvent(new CustomEvent("choose", { detail: this.row }));
  }

  focus() {
    this.#grid.focus({ preventScroll: true });
  }
}

/** @param {HTMLElement} element @param {string} colour @returns {Animation} */
function flash(element, colour) {
  return element.animate([{ backgroundColor: `var(${colour})` }, { backgroundColor: "transparent" }], FLASH);
}
