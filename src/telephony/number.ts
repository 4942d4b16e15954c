/**
 * Which entries of the configuration's `numbers` the carrier could not carry out. The configuration asks at start-up.
 */
import { publicAddress, VOICE_PATH } from "./address.ts";
import type { NumberEntry } from "./port.ts";
import { TOKEN_PARAMETER } from "./token.ts";

/** The carrier's limit of a custom parameter, name and value together, is below this many characters. */
const PARAMETER_LIMIT = 500;
/** The carrier's limit, less our own token. */
const PARAMETERS_MAXIMUM = 98;
/** The carrier's limit of what `<Say>` speaks, in characters. */
const SENTENCE_MAXIMUM = 4096;

/** Says what is impossible about an entry, one sentence each; empty when all is well. */
export function faultsOfNumber(entry: NumberEntry, publicUrl: string): string[] {
  return [
    ...trackFaults(entry),
    ...thenFaults(entry, publicUrl),
    ...parameterFaults(entry),
    ...sentenceFaults(entry),
  ];
}

function trackFaults({ mode, tracks }: NumberEntry): string[] {
  const faults: string[] = [];
  if (tracks.length === 0) faults.push("Expected at least one track");
  if (new Set(tracks).size !== tracks.length) faults.push("Expected each track once");
  if (mode === "connect" && tracks.includes("outbound")) {
    faults.push("Mode connect has the inbound track only; use mode start for the outbound one");
  }
  return faults;
}

function thenFaults({ mode, then }: NumberEntry, publicUrl: string): string[] {
  if (mode === "start" && (then === null || "hangup" in then)) {
    return ["Mode start needs a `then` that keeps the call alive (dial, sip, client or redirect)"];
  }
  if (then === null || !("redirect" in then)) return [];
  const ours = publicAddress(publicUrl, VOICE_PATH);
  const [target] = then.redirect.split(/[?#]/, 1);
  return target === ours ? ["A redirect to our own voice webhook would go round for ever"] : [];
}

function parameterFaults({ parameters = {} }: NumberEntry): string[] {
  const faults: string[] = [];
  const entries = Object.entries(parameters);
  if (entries.length > PARAMETERS_MAXIMUM) faults.push(`Expected at most ${PARAMETERS_MAXIMUM} parameters`);
  for (const [name, value] of entries) {
    if (name === TOKEN_PARAMETER) faults.push(`The parameter name ${TOKEN_PARAMETER} is ours`);
    if (name === "" || name.length + value.length >= PARAMETER_LIMIT) {
      faults.push(`Expected parameter "${name.slice(0, 40)}" to have under ${PARAMETER_LIMIT} characters`);
    }
  }
  return faults;
}

function sentenceFaults({ announcement, overloadMessage, mode }: NumberEntry): string[] {
  const faults: string[] = [];
  if ((announcement ?? "").length > SENTENCE_MAXIMUM || overloadMessage.length > SENTENCE_MAXIMUM) {
    faults.push(`Expected sentences of at most ${SENTENCE_MAXIMUM} characters`);
  }
  if (mode === "connect" && overloadMessage.trim() === "") {
    faults.push("Mode connect needs an overload message, or a caller would hear nothing");
  }
  return faults;
}
