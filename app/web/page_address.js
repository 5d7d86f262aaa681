/** What is seen, as the address of the page says it, and comes back from it. */

/**
 * @typedef {object} View
 * @property {string} resource the name of a resource: plural, or plural.group
 * @property {string} cluster names with commas between; all if empty
 * @property {string} namespace names with commas between; all if empty
 * @property {string} q the filter
 * @property {string} sort a column, with `-` before it where it descends; the default order if empty
 * @property {boolean} problems only what has a problem
 * @property {string} open cluster/namespace/name of the object in the drawer
 * @property {string} tab of the drawer
 */

const WORDS = /** @type {const} */ (["resource", "cluster", "namespace", "q", "sort", "open", "tab"]);

/** @type {View} */
const NOTHING = {
  resource: "pods",
  cluster: "",
  namespace: "",
  q: "",
  sort: "",
  problems: false,
  open: "",
  tab: "",
};

/**
 * @param {string} [search]
 * @returns {View}
 */
export function readView(search = location.search) {
  const query = new URLSearchParams(search);
  const view = { ...NOTHING };
  for (const word of WORDS) view[word] = query.get(word) ?? NOTHING[word];
  view.problems = query.has("problems");
  return view;
}

/**
 * @param {View} view
 * @returns {string}
 */
export function address(view) {
  const parts = WORDS.filter((word) => view[word] && (word === "resource" || view[word] !== NOTHING[word])).map(
    // Slashes and commas are legal in a query, and read better as they are.
    (word) => `${word}=${encodeURIComponent(view[word]).replace(/%2F/g, "/").replace(/%2C/g, ",")}`,
  );
  if (view.problems) parts.push("problems");
  return `/?${parts.join("&")}`;
}

/**
 * The page of one object in its table.
 * @param {string} resource @param {string} cluster @param {string} namespace @param {string} name
 * @returns {string}
 */
export function addressOf(resource, cluster, namespace, name) {
  return address({ ...NOTHING, resource, open: `${cluster}/${namespace}/${name}` });
}

/**
 * @param {string} open
 * @returns {{ cluster: string, namespace: string, name: string } | null}
 */
export function opened(open) {
  const [cluster = "", namespace = "", ...name] = open.split("/");
  return cluster && name.length ? { cluster, namespace, name: name.join("/") } : null;
}
