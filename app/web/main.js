/** The page: what the address says is shown, and what is done goes into the address. */

import { ProblemError, adoptToken, askJson } from "./api.js";
import { Clusters } from "./cluster_strip.js";
import { messageOf, say, the } from "./dom.js";
import { Drawer } from "./drawer.js";
import { whyEmpty } from "./empty_table.js";
import { parseFilter } from "./filter.js";
import { help, listen, theme } from "./keyboard.js";
import { address, opened, readView } from "./page_address.js";
import { pickCluster, pickNamespace, pickResource } from "./pickers.js";
import { Store } from "./row_store.js";
import { keyOf } from "./server_table.js";
import { Socket } from "./socket.js";
import { Live } from "./table_stream.js";
import { TableView } from "./table_view.js";
import { askForToken } from "./token_dialog.js";
import { compareVersions } from "./version_notice.js";

/** @typedef {import("./page_address.js").View} View */

adoptToken();
theme();

const filter = /** @type {HTMLInputElement} */ (the("filter"));
const socket = new Socket();
const store = new Store();
const clusters = new Clusters();
const table = new TableView(store);
const live = new Live(socket, store, clusters, () => tell());
const drawer = new Drawer(socket, clusters, () => resources);
let view = readView();
/** @type {Map<string, any>} */
let resources = new Map();
/** @type {Set<string>} */
const namespaces = new Set();

/**
 * Show something else; a step back leads to what was seen before.
 * @param {Partial<View>} change @param {boolean} [replace] without a step of its own
 */
function go(change, replace = false) {
  const turned = change.resource !== undefined && change.resource !== view.resource;
  view = { ...view, ...(turned && { sort: "", open: "", tab: "" }), ...change };
  const target = address(view);
  if (target !== location.pathname + location.search) history[replace ? "replaceState" : "pushState"](null, "", target);
  show();
}

function show() {
  const known = resources.get(view.resource) ?? [...resources.values()].find((each) => means(each, view.resource));
  if (known && known.name !== view.resource) {
    view.resource = known.name;
    history.replaceState(null, "", address(view));
  }
  if (filter.value !== view.q) filter.value = view.q;
  the("resource").textContent = known?.kind ?? view.resource;
  the("namespace").textContent = view.namespace || "all namespaces";
  the("namespace").hidden = known?.namespaced === false;
  the("problems").setAttribute("aria-pressed", String(view.problems));
  clusters.chosen = new Set(view.cluster.split(",").filter(Boolean));
  table.namespaced = known?.namespaced !== false;
  live.show(view);
  const place = opened(view.open);
  table.open = place ? keyOf(place) : "";
  drawer.show(place && { resource: view.resource, ...place }, view.tab);
  layOut();
  document.title = `${known?.kind ?? view.resource} · k8s-mcp`;
  clusters.draw();
  tell();
}

let laid = "";

/** Lay the table out anew, only where it is another. */
function layOut() {
  const layout = JSON.stringify([view.resource, view.sort, table.namespaced, table.wide, store.table.columns.map((each) => each.name)]);
  if (layout !== laid) table.layout(view.sort);
  else table.draw();
  laid = layout;
}

/** @param {any} resource @param {string} word @returns {boolean} */
function means(resource, word) {
  const wanted = word.toLowerCase();
  return [resource.plural, resource.singular, resource.kind, ...resource.shortNames].some((each) => each.toLowerCase() === wanted);
}

/** Say what is in the table, and what is wrong with the filter. */
function tell() {
  const shown = store.view.length;
  const all = store.rows.size;
  the("count").textContent = shown === all ? all.toLocaleString("en") : `${shown.toLocaleString("en")} of ${all.toLocaleString("en")}`;
  const trouble = the("trouble");
  trouble.textContent = live.error || parseFilter(view.q).error;
  trouble.hidden = !trouble.textContent;
  filter.setAttribute("aria-invalid", String(!!trouble.textContent));
  const empty = /** @type {HTMLElement} */ (the("grid").querySelector(".empty"));
  empty.hidden = shown > 0;
  const why = shown
    ? ""
    : whyEmpty({
        resource: view.resource,
        resources: [...resources.values()],
        error: live.error,
        lost: socket.lost,
        synced: store.synced,
        all,
        problems: view.problems,
        filtered: !!view.q,
        selected: !!view.namespace || /(^|\s)-l\s/.test(view.q),
        conditions: clusters.inScope.map((name) => ({ name, ...clusters.condition(name) })),
      });
  if (empty.textContent !== why) empty.textContent = why;
  clusters.counts = store.counts;
}

async function learn() {
  const [known, served] = await Promise.all([askJson("/clusters"), askJson("/resources")]);
  clusters.learn(known.clusters);
  resources = new Map(served.resources.map((/** @type {any} */ each) => [each.name, each]));
}

/** @type {number | undefined} */
let learning;

/** A definition has come or gone, or a cluster; its resources are served a little later. */
function learnSoon() {
  clearTimeout(learning);
  learning = setTimeout(() => learn().then(show, () => {}), 1000);
}

async function chooseResource() {
  const chosen = await pickResource(resources.values(), view.resource);
  if (chosen) go({ resource: chosen, q: "" });
}

async function chooseNamespace() {
  const ofRows = [...store.rows.values()].map((row) => row.namespace);
  const chosen = await pickNamespace([...namespaces, ...ofRows], view.namespace);
  if (chosen !== null) go({ namespace: chosen });
}

/** What is live beside the table: namespaces to choose from, warnings, and which custom resources there are. */
function follow() {
  socket.subscribe({ resource: "namespaces", fields: "metadata.name" }, (frame) => {
    if (frame.type === "ADDED" || frame.type === "MODIFIED") namespaces.add(frame.name);
  });
  socket.subscribe({ resource: "events", fieldSelector: "type=Warning", fields: "metadata.name" }, (frame) => clusters.hearWarnings(frame));
  socket.subscribe(
    { resource: "customresourcedefinitions.apiextensions.k8s.io", fields: "metadata.name" },
    (frame) => {
      if (frame.type === "DELETED" || (frame.type === "ADDED" && !resources.has(frame.name))) learnSoon();
    },
  );
}

async function begin() {
  for (;;) {
    try {
      await learn();
      break;
    } catch (error) {
      if (error instanceof ProblemError && error.status === 401) await askForToken(error.message);
      else {
        say(messageOf(error), "bad");
        await new Promise((resolve) => setTimeout(resolve, 2000));
      }
    }
  }
  follow();
  show();
  socket.connect();
}

let lost = false;
socket.addEventListener("state", () => {
  const link = the("link");
  link.dataset["state"] = socket.state;
  clusters.lost = socket.lost;
  clusters.draw();
  table.faded = clusters.faded;
  table.draw();
  tell();
  if (socket.state === "open") {
    link.textContent = "";
    drawer.reconnected();
    compareVersions().catch(() => {});
    if (lost) learn().catch(() => {});
  } else if (socket.lost) {
    lost = true;
    link.textContent = `not connected since ${new Date(socket.lost).toLocaleTimeString()}`;
  }
  if (socket.state === "waiting") {
    // Only a request can learn that it is the token which is wrong.
    learn().catch(async (error) => {
      if (!(error instanceof ProblemError) || error.status !== 401 || document.querySelector("dialog")) return;
      await askForToken(error.message);
      socket.connect();
    });
  }
});

store.addEventListener("change", tell);
store.addEventListener("synced", () => {
  if (!lost) return;
  lost = false;
  say("Connected again; the table is up to date.", "good");
});
store.addEventListener("columns", layOut);
clusters.addEventListener("other", learnSoon);
clusters.addEventListener("removed", (event) => say(`The cluster ${/** @type {CustomEvent} */ (event).detail} was removed.`));
clusters.addEventListener("state", () => {
  tell();
  table.faded = clusters.faded;
  table.draw();
});
clusters.addEventListener("choose", (event) => {
  const { name, more } = /** @type {CustomEvent} */ (event).detail;
  const chosen = new Set(clusters.chosen);
  const alone = chosen.size === 1 && chosen.has(name);
  if (!more) chosen.clear();
  if (more && chosen.has(name)) chosen.delete(name);
  else if (!alone) chosen.add(name);
  go({ cluster: [...chosen].sort().join(",") });
});
table.addEventListener("sort", (event) => go({ sort: /** @type {CustomEvent} */ (event).detail }, true));
the("resource").addEventListener("click", chooseResource);
the("namespace").addEventListener("click", chooseNamespace);
the("problems").addEventListener("click", () => go({ problems: !view.problems }));
addEventListener("popstate", () => {
  view = readView();
  show();
});
/** @type {number | undefined} */
let typing;
filter.addEventListener("input", () => {
  clearTimeout(typing);
  // A selector is asked of the server: not with every letter.
  typing = setTimeout(() => go({ q: filter.value.trim() }, true), /-l\s/.test(filter.value) ? 350 : 40);
});

table.addEventListener("choose", (event) => openRow(/** @type {CustomEvent} */ (event).detail));
drawer.addEventListener("close", closeDrawer);
drawer.addEventListener("tab", (event) => go({ tab: /** @type {CustomEvent} */ (event).detail }, true));
the("help").addEventListener("click", help);
document.addEventListener("click", (event) => {
  const link = /** @type {Element} */ (event.target).closest?.("a[href^='/?']");
  const { button, ctrlKey, metaKey, shiftKey } = event;
  if (!(link instanceof HTMLAnchorElement) || button || ctrlKey || metaKey || shiftKey) return;
  event.preventDefault();
  go({ ...readView(link.search), cluster: view.cluster, namespace: "", q: "", problems: false });
});

/** @param {import("./row_store.js").Row} row */
function openRow(row) {
  go({ open: `${row.cluster}/${row.namespace}/${row.name}` }, !!view.open);
}

/** Open the row under the keyboard, if none is open, at a tab. @param {string} tab */
function openTab(tab) {
  const { row } = table;
  if (view.open) go({ tab }, true);
  else if (row) go({ open: `${row.cluster}/${row.namespace}/${row.name}`, tab });
}

function closeDrawer() {
  go({ open: "", tab: "" });
  table.focus();
}

/** @param {number} by */
function move(by) {
  table.move(by);
  table.focus();
  // What is open follows the keyboard.
  if (view.open && table.row) openRow(table.row);
}

async function findCluster() {
  const chosen = await pickCluster(clusters, view.cluster);
  if (chosen !== null) go({ cluster: chosen });
}

/** @param {KeyboardEvent} event */
function chooseCluster({ key }) {
  const name = [...clusters.known.keys()][Number(key) - 1] ?? "";
  go({ cluster: name });
}

function escape() {
  if (document.activeElement === filter && filter.value) go({ q: "" }, true);
  else if (document.activeElement === filter) table.focus();
  else if (view.open) closeDrawer();
  else if (view.q) go({ q: "" });
  else if (view.problems) go({ problems: false });
}

listen({
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  j: () => move(1),
  k: () => move(-1),
  PageDown: () => move(table.page),
  PageUp: () => move(-table.page),
  g: () => move(-Infinity),
  G: () => move(Infinity),
  Home: () => move(-Infinity),
  End: () => move(Infinity),
  Enter: () => (document.activeElement === filter ? move(1) : table.row && openRow(table.row)),
  Escape: escape,
  "/": () => {
    filter.focus();
    filter.select();
  },
  ":": chooseResource,
  n: chooseNamespace,
  c: findCluster,
  p: () => go({ problems: !view.problems }),
  "?": help,
  t: () => say(`Theme: ${theme(true)}`),
  w: () => {
    table.wide = !table.wide;
    layOut();
  },
  "<": () => table.sortBy(-1),
  ">": () => table.sortBy(1),
  "=": () => go({ sort: view.sort.startsWith("-") ? view.sort.slice(1) : view.sort && `-${view.sort}` }, true),
  "[": () => drawer.place && drawer.turnTab(-1),
  "]": () => drawer.place && drawer.turnTab(1),
  l: () => openTab("logs"),
  y: () => openTab("yaml"),
  v: () => openTab("events"),
  ...Object.fromEntries(["s", "r", "e", "d"].map((key) => [key, () => drawer.act(key)])),
  ...Object.fromEntries([..."0123456789"].map((key) => [key, chooseCluster])),
});

begin();
