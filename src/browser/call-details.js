/**
 * What is known of a call beside its words, as a list of names and values.
 */
import { element } from "./dom.js";
import { shortNumber } from "./live-card.js";
import { languageName, lasting, wholeTime } from "./when.js";

/** @type {Record<string, string>} */
const REASONS = {
  stream_stopped: "the stream was stopped",
  stream_closed: "the stream broke off",
  stream_status: "the carrier told that the stream is over",
  call_status: "the carrier told that the call is over",
  never_streamed: "no audio ever came",
  shutdown: "the server was shut down",
  crash: "cut off: the server stopped",
};

/**
 * @param {HTMLElement} list - A `dl`.
 * @param {import("./calls-client.js").Call} call
 * @param {import("./call-record.js").CallRecord} record
 */
export function showDetails(list, call, record) {
  const started = record.events.find(({ type }) => type === "call.started");
  const given = started && "parameters" in started ? Object.entries(started.parameters) : [];
  /** @type {[string, string][]} */
  const rows = [
    ["From", shortNumber(call.from)],
    ["To", shortNumber(call.to)],
    ["Began", wholeTime(Date.parse(call.openedAt))],
    ["Duration", lasting(Math.max(call.durationMs, record.mediaMs))],
    ["Language", call.languages.map(languageName).join(", ")],
    [
      "Lines",
      String(Math.max(call.finals, record.rows.filter(({ type }) => type === "transcript.final").length)),
    ],
    ["Ended", call.endReason === null ? "" : (REASONS[call.endReason] ?? call.endReason)],
    ...given,
    ["Id", call.callSid],
  ];
  const shown = rows.filter(([, value]) => value !== "");
  list.replaceChildren(
    ...shown.flatMap(([name, value]) => [
      element("dt", "", name),
      element("dd", name === "Id" ? "id" : "", value),
    ]),
  );
}
