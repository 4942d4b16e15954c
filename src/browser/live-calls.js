/**
 * The calls that go on, as a page shows them: a snapshot replaces everything, news changes it (docs/live.md).
 */

/** @typedef {"inbound" | "outbound"} Track */
/**
 * @typedef {{ track: Track, label: string, utterance: number, startMs: number, endMs: number, text: string }} Line
 * @typedef {{ track: Track, label: string }} TrackLabel
 * @typedef {{ callSid: string, kind: string, from: string, to: string, tracks: TrackLabel[], startedAt: string | null,
 *   finals: number, gaps: number, mediaMs: number, lines: Line[], partials: Line[] }} SnapshotCall
 */
/**
 * @typedef {object} LiveCall
 * @property {string} callSid
 * @property {string} kind `call` or `session`.
 * @property {string} from Masked.
 * @property {string} to Masked.
 * @property {TrackLabel[]} tracks
 * @property {number | null} startedAt Epoch ms; null: nobody knows.
 * @property {number} finals
 * @property {number} gaps
 * @property {Line[]} lines The last finals, by their start.
 * @property {Map<Track, Line>} partials What is being said on each track.
 * @property {boolean} known Whether its parties were told.
 * @property {boolean} ended
 */
/**
 * @typedef {{ callSid: string, type: string, timestamp?: string, from?: string, to?: string, tracks?: TrackLabel[] }
 *   & Partial<Line>} NewsItem An event as webhooks have it, or a partial.
 */

/** Lines that a page has of each call; all of them are on the page of the call. */
export const LINES = 6;

export class LiveCalls {
  /** @type {Map<string, LiveCall>} By `callSid`, in the order in which they became known. */
  calls = new Map();

  /**
   * @param {readonly SnapshotCall[]} told
   * @returns {Set<string>} Calls that changed, came or went.
   */
  snapshot(told) {
    const changed = new Set(this.calls.keys());
    this.calls = new Map(told.map((call) => [call.callSid, asLive(call)]));
    for (const callSid of this.calls.keys()) changed.add(callSid);
    return changed;
  }

  /**
   * @param {readonly NewsItem[]} news - In order.
   * @returns {Set<string>} Calls that changed.
   */
  news(news) {
    const changed = new Set();
    for (const item of news) {
      if (item.type === "call.ended" && !this.calls.has(item.callSid)) continue;
      apply(this.#callOf(item), item);
      changed.add(item.callSid);
    }
    return changed;
  }

  /**
   * What was looked up of a call.
   *
   * @param {Pick<LiveCall, "callSid" | "from" | "to" | "tracks" | "startedAt">} facts
   */
  learn({ callSid, ...facts }) {
    const call = this.calls.get(callSid);
    if (call) Object.assign(call, facts, { known: true });
  }

  /** @param {string} callSid */
  forget(callSid) {
    this.calls.delete(callSid);
  }

  /**
   * @param {NewsItem} item
   * @returns {LiveCall}
   */
  #callOf({ callSid }) {
    const found = this.calls.get(callSid);
    if (found) return found;
    const kind = callSid.startsWith("ses_") ? "session" : "call";
    /** @type {SnapshotCall} */
    const nothing = {
      ...{ callSid, kind, from: "", to: "", tracks: [], startedAt: null },
      ...{ finals: 0, gaps: 0, mediaMs: 0, lines: [], partials: [] },
    };
    const call = { ...asLive(nothing), known: false };
    this.calls.set(callSid, call);
    return call;
  }
}

/**
 * @param {SnapshotCall} told
 * @returns {LiveCall}
 */
function asLive({ callSid, kind, from, to, tracks, startedAt, finals, gaps, lines, partials }) {
  const began = startedAt === null ? null : Date.parse(startedAt);
  return {
    ...{ callSid, kind, from, to, tracks, startedAt: began, finals, gaps, ended: false, known: true },
    lines: lines.slice(-LINES),
    partials: new Map(partials.filter(({ text }) => text !== "").map((line) => [line.track, line])),
  };
}

/**
 * @param {LiveCall} call
 * @param {NewsItem} item
 */
function apply(call, item) {
  switch (item.type) {
    case "call.started":
      Object.assign(call, {
        from: item.from ?? "",
        to: item.to ?? "",
        tracks: item.tracks ?? [],
        known: true,
      });
      call.startedAt ??= Date.parse(item.timestamp ?? "") || null;
      break;
    case "transcript.final":
      addFinal(call, lineOf(item));
      break;
    case "transcript.partial":
      addPartial(call, lineOf(item));
      break;
    case "transcript.gap":
      call.gaps += 1;
      break;
    case "call.ended":
      call.ended = true;
      call.partials.clear();
  }
}

/**
 * @param {LiveCall} call
 * @param {Line} line
 */
function addFinal(call, line) {
  call.finals += 1;
  const at = call.lines.findLastIndex(({ startMs }) => startMs <= line.startMs);
  call.lines.splice(at + 1, 0, line);
  if (call.lines.length > LINES) call.lines.shift();
  const open = call.partials.get(line.track);
  if (open && open.utterance <= line.utterance) call.partials.delete(line.track);
}

/**
 * @param {LiveCall} call
 * @param {Line} line
 */
function addPartial(call, line) {
  // One that was under way when its final was told is old news.
  const done = call.lines.some(({ track, utterance }) => track === line.track && utterance >= line.utterance);
  if (done || call.ended) return;
  if (line.text === "") call.partials.delete(line.track);
  else call.partials.set(line.track, line);
}

/**
 * @param {NewsItem} item
 * @returns {Line}
 */
function lineOf({ track = "inbound", label = "", utterance = 0, startMs = 0, endMs = 0, text = "" }) {
  return { track, label, utterance, startMs, endMs, text };
}
