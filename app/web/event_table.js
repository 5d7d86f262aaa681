/** The events of an object, as the drawer shows them. */

import { ago, moment } from "./ages.js";
import { h, visible } from "./dom.js";
import { at, number, text } from "./json_access.js";
import { section } from "./overview.js";

/** A table of events, the latest first. @param {any[]} events as the server has them @returns {HTMLElement} */
export function eventTable(events) {
  const lastSeen = (/** @type {any} */ event) =>
    moment(at(event, "series", "lastObservedTime")) || moment(event.lastTimestamp) || moment(event.eventTime) || moment(at(event, "metadata", "creationTimestamp"));
  const rows = events
    .sort((a, b) => lastSeen(b) - lastSeen(a))
    .map((event) =>
      h(
        "tr",
        {},
        h("td", {}, ago(lastSeen(event))),
        h("td", { "data-tone": event.type === "Warning" ? "warn" : "dim" }, text(event.type)),
        h("td", {}, text(event.reason)),
        h("td", { class: "wrap" }, visible(text(event.message) || text(event.note))),
        h("td", { class: "right" }, String(number(at(event, "series", "count")) || number(event.count) || 1)),
      ),
    );
  return rows.length ? section("Events", ["Seen", "Type", "Reason", "Message", "Count"], rows) : h("p", { class: "soft" }, "No events.");
}
