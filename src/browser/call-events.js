/**
 * The events of a call as a table, each with its delivery.
 */
import { CAUSES, DELIVERIES } from "./call-lines.js";
import { element, setText } from "./dom.js";
import { clockTime, languageName, lasting, wholeTime } from "./when.js";

/** @typedef {import("./call-record.js").CallEvent} CallEvent */

export class CallEvents {
  #rows;
  /** @type {HTMLElement[]} Of the deliveries, by sequence less 1. */
  #states = [];

  /** @param {HTMLElement} rows */
  constructor(rows) {
    this.#rows = rows;
  }

  /** @param {readonly CallEvent[]} events - In sequence; those that are new are added. */
  show(events) {
    for (const event of events.slice(this.#states.length)) {
      const state = element("td");
      this.#states.push(state);
      const row = element("tr");
      const at = Date.parse(event.timestamp);
      const time = element("td", "time", clockTime(at));
      time.title = wholeTime(at);
      row.append(
        element("td", "number", String(event.sequence)),
        time,
        element("td", "kind", event.type),
        element("td", "what", summaryOf(event)),
        state,
      );
      this.#rows.append(row);
    }
  }

  /** @param {readonly import("./calls-client.js").Delivery[]} deliveries */
  deliver(deliveries) {
    for (const { sequence, state, attempts, lastStatus, lastError } of deliveries) {
      const cell = this.#states[sequence - 1];
      if (cell === undefined) continue;
      const { text, tone } = DELIVERIES[state];
      const tries =
        attempts > 1 || (attempts > 0 && state !== "delivered")
          ? `, ${attempts} ${attempts === 1 ? "try" : "tries"}`
          : "";
      const why = state === "delivered" ? null : (lastStatus ?? lastError);
      setText(cell, `${text}${tries}${why === null ? "" : `, ${why}`}`);
      cell.className = `state ${tone}`;
    }
  }
}

/** @param {CallEvent} event */
function summaryOf(event) {
  switch (event.type) {
    case "call.started": {
      const given = Object.entries(event.parameters).map(([name, value]) => `${name}: ${value}`);
      return [languageOf(event.language), ...given].join(", ");
    }
    case "transcript.final":
      return `${event.label} ${event.utterance}: ${event.text}`;
    case "transcript.gap":
      return `${event.label}: ${lasting(event.startMs)} to ${lasting(event.endMs)}, ${CAUSES[event.cause] ?? event.cause}`;
    case "call.dtmf":
      return `key ${event.digit} at ${lasting(event.atMs)}`;
    case "call.ended":
      return `${event.reason}, ${counted(event.finals, "line")}, ${counted(event.gaps, "gap")}`;
  }
}

/** @param {string} language */
function languageOf(language) {
  return language === "auto" ? "language from the first words" : languageName(language);
}

/**
 * @param {number} count
 * @param {string} thing
 */
function counted(count, thing) {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}
