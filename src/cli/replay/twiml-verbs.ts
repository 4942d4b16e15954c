/**
 * Reads a TwiML document as the carrier does: a real XML parser, then verbs.
 */
import { DOMParser, type Element } from "@xmldom/xmldom";
import type { Track } from "../../transcript/event.ts";
import { CarrierError } from "./carrier-error.ts";

export interface StreamVerb {
  /** Without query and fragment: the carrier strips them before it dials. */
  url: string;
  name: string | undefined;
  tracks: Track[];
  statusCallback: string | undefined;
  parameters: Record<string, string>;
}

export type Verb =
  | { verb: "Start"; stream: StreamVerb }
  | { verb: "Connect"; stream: StreamVerb }
  | { verb: "Pause"; lengthMs: number }
  | { verb: "Redirect"; url: string }
  | { verb: "Say" | "Dial" | "Hangup" | "Reject" };

/** Name and value of a parameter together have fewer characters than this. */
const PARAMETER_MAXIMUM = 500;

const TRACK_SETS: Record<string, Track[]> = {
  inbound_track: ["inbound"],
  outbound_track: ["outbound"],
  both_tracks: ["inbound", "outbound"],
};

/** @throws {CarrierError} 12100 when the document is not XML or no TwiML, 12200 and 31941 when a verb is wrong. */
export function parseVerbs(document: string): Verb[] {
  const response = parseXml(document).documentElement;
  if (response?.tagName !== "Response") {
    throw new CarrierError(12100, "Document parse failure: expected a Response element");
  }
  return elementsIn(response).map(asVerb);
}

function parseXml(document: string) {
  const onError = (_level: string, message: string): never => {
    throw new CarrierError(12100, `Document parse failure: ${message.split("\n")[0]}`);
  };
  try {
    return new DOMParser({ onError }).parseFromString(document.trim(), "text/xml");
  } catch (error) {
    if (error instanceof CarrierError) throw error;
    throw new CarrierError(12100, `Document parse failure: ${String(error).split("\n")[0]}`);
  }
}

function elementsIn(parent: Element): Element[] {
  return Array.from(parent.childNodes).filter((node): node is Element => node.nodeType === node.ELEMENT_NODE);
}

function asVerb(element: Element): Verb {
  switch (element.tagName) {
    case "Start":
    case "Connect": {
      const [stream, ...others] = elementsIn(element);
      if (stream?.tagName !== "Stream" || others.length > 0) {
        throw new CarrierError(12200, `Schema validation: expected one Stream in ${element.tagName}`);
      }
      return { verb: element.tagName, stream: asStream(stream, element.tagName) };
    }
    case "Pause":
      return { verb: "Pause", lengthMs: 1000 * Number(element.getAttribute("length") ?? 1) };
    case "Redirect":
      return { verb: "Redirect", url: (element.textContent ?? "").trim() };
    case "Say":
    case "Dial":
    case "Hangup":
    case "Reject":
      return { verb: element.tagName };
    default:
      throw new CarrierError(12200, `Schema validation: unexpected element ${element.tagName}`);
  }
}

function asStream(element: Element, parent: "Start" | "Connect"): StreamVerb {
  const track = element.getAttribute("track") ?? "inbound_track";
  const tracks = TRACK_SETS[track];
  if (tracks === undefined || (parent === "Connect" && track !== "inbound_track")) {
    throw new CarrierError(31941, `Stream - Invalid Track configuration: ${track} in ${parent}`);
  }
  return {
    url: (element.getAttribute("url") ?? "").replace(/[?#].*$/, ""),
    name: element.getAttribute("name") ?? undefined,
    tracks,
    statusCallback: element.getAttribute("statusCallback") ?? undefined,
    parameters: Object.fromEntries(elementsIn(element).map(asParameter)),
  };
}

function asParameter(element: Element): [name: string, value: string] {
  const name = element.getAttribute("name") ?? "";
  const value = element.getAttribute("value") ?? "";
  if (element.tagName !== "Parameter" || name === "" || name.length + value.length >= PARAMETER_MAXIMUM) {
    throw new CarrierError(12200, "Schema validation: bad Parameter in Stream");
  }
  return [name, value];
}
