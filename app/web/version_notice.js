/** Tells when the server is of another version than the page that it sent. */

import { askJson } from "./api.js";
import { h, the } from "./dom.js";

/** The version of the server that this page is from; "" until it is known. */
let version = "";

/** Ask for the server's version, and offer to load the page again where it is another. */
export async function compareVersions() {
  const present = (await askJson("/version")).version;
  version ||= present;
  if (present === version) return;
  document.querySelector(".news")?.remove();
  const text = `The server is of version ${present} now, this page of ${version}.`;
  the("clusters").before(h("p", { class: "news", role: "status" }, text, h("button", { type: "button", click: () => location.reload() }, "Reload")));
}
