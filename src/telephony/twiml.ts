/**
 * Writes the TwiML documents that answer the voice webhook, from the templates in `twiml/`.
 */
import { readdirSync, readFileSync } from "node:fs";
import type { Track } from "../transcript/event.ts";
import type { NumberEntry, Then } from "./port.ts";
import { TOKEN_PARAMETER } from "./token.ts";

/** The templates lie beside `src/` in a clone and beside `dist/` in the package: two levels up in both. */
const FOLDER = new URL("../../twiml/", import.meta.url);

/** What XML 1.0 cannot hold, even escaped. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to be removed
const UNSAFE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;
const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

const PLACEHOLDER = /{{(>?) ?(\w+)}}/g;

const TEMPLATES = [
  "start",
  "connect",
  "then",
  "overload",
  "reject",
  "part-say",
  "part-say-language",
  "part-parameter",
  "part-dial",
  "part-sip",
  "part-client",
  "part-redirect",
  "part-hangup",
] as const;
type TemplateName = (typeof TEMPLATES)[number];

/** Where one stream goes, and the token that opens it. */
export interface StreamOffer {
  /** The `wss` URL of the media socket, without a query. */
  url: string;
  /** Unique among the streams of the call. */
  name: string;
  statusCallback: string;
  token: string;
}

export interface ConnectOffer extends StreamOffer {
  /** Our own voice webhook, which the call asks when the stream has ended. */
  recoveryUrl: string;
}

export class Twiml {
  readonly #templates: ReadonlyMap<string, string>;

  /** Reads every template. @throws when the folder or a template is missing. */
  constructor(folder: URL = FOLDER) {
    const files = readdirSync(folder).filter((file) => file.endsWith(".xml"));
    this.#templates = new Map(
      files.map((file) => [file.slice(0, -4), joinLines(readFileSync(new URL(file, folder), "utf8"))]),
    );
    for (const name of TEMPLATES) {
      if (!this.#templates.has(name))
        throw new Error(`Expected a template ${name}.xml in ${folder.pathname}`);
    }
  }

  /** Announcement, `<Start><Stream>`, then what follows while the stream runs. */
  start(entry: NumberEntry, offer: StreamOffer): string {
    return this.#fill("start", this.#streamTexts(entry, offer), {
      ...this.#streamParts(entry, offer),
      next: this.#next(entry.then),
    });
  }

  /** Announcement, `<Connect><Stream>`, then the redirect that recovers the stream or goes on. */
  connect(entry: NumberEntry, { recoveryUrl, ...offer }: ConnectOffer): string {
    const texts = { ...this.#streamTexts(entry, offer), recoveryUrl };
    return this.#fill("connect", texts, this.#streamParts(entry, offer));
  }

  /** The call goes on without a stream; null hangs up. */
  withoutStream(then: Then | null): string {
    return this.#fill("then", {}, { next: this.#next(then ?? { hangup: true }) });
  }

  /** One sentence, then hang up. */
  overload(entry: NumberEntry): string {
    const sentence = this.#say(entry.overloadMessage, entry.announcementLanguage);
    return this.#fill("overload", {}, { sentence });
  }

  /** The call is not taken. */
  reject(): string {
    return this.#fill("reject", {}, {});
  }

  #streamTexts(entry: NumberEntry, offer: StreamOffer): Record<string, string> {
    const { url, name, statusCallback } = offer;
    return { url, name, statusCallback, track: trackAttribute(entry.tracks) };
  }

  #streamParts(entry: NumberEntry, offer: StreamOffer): Record<string, string> {
    const parameters = { ...entry.parameters, [TOKEN_PARAMETER]: offer.token };
    return {
      announcement:
        entry.announcement === null ? "" : this.#say(entry.announcement, entry.announcementLanguage),
      parameters: Object.entries(parameters)
        .map(([name, value]) => this.#fill("part-parameter", { name, value }, {}))
        .join(""),
    };
  }

  #say(text: string, language: string | undefined): string {
    if (text === "") return "";
    return language === undefined
      ? this.#fill("part-say", { text }, {})
      : this.#fill("part-say-language", { text, language }, {});
  }

  #next(then: Then | null): string {
    if (then === null) return "";
    if ("dial" in then) return this.#fill("part-dial", { target: then.dial }, {});
    if ("sip" in then) return this.#fill("part-sip", { target: then.sip }, {});
    if ("client" in then) return this.#fill("part-client", { target: then.client }, {});
    if ("redirect" in then) return this.#fill("part-redirect", { target: then.redirect }, {});
    return this.#fill("part-hangup", {}, {});
  }

  /** @param texts - Values to escape. @param parts - Values that are XML already. */
  #fill(name: TemplateName, texts: Record<string, string>, parts: Record<string, string>): string {
    const unused = new Set([...Object.keys(texts), ...Object.keys(parts)]);
    const template = this.#templates.get(name) as string;
    const filled = template.replace(PLACEHOLDER, (placeholder, part: string, key: string) => {
      const value = part === "" ? texts[key] : parts[key];
      if (value === undefined) throw new TypeError(`No value for ${placeholder} of template ${name}.xml`);
      unused.delete(key);
      return part === "" ? escapeXml(value) : value;
    });
    if (unused.size > 0)
      throw new TypeError(`Template ${name}.xml has no place for ${[...unused].join(", ")}`);
    return filled;
  }
}

/** Drops line breaks and indentation, which no template has inside a text or a tag. */
function joinLines(template: string): string {
  return template.replace(/\s*\n\s*/g, "");
}

/** Escapes text for an attribute or an element; characters that XML cannot hold are dropped. */
export function escapeXml(text: string): string {
  return text.replace(UNSAFE, "").replace(/[&<>"']/g, (character) => ENTITIES[character] as string);
}

/** TwiML's name for a set of tracks. */
export function trackAttribute(tracks: readonly Track[]): "inbound_track" | "outbound_track" | "both_tracks" {
  const inbound = tracks.includes("inbound");
  const outbound = tracks.includes("outbound");
  if (inbound && outbound) return "both_tracks";
  return outbound ? "outbound_track" : "inbound_track";
}
