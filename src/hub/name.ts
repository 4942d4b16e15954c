/**
 * What people call a model on a hub: a short name of ours, or the owner and name of its repository.
 */

/** Short name -> repository with the original weights. The one table of them; docs/models.md shows it. */
export const SHORT_NAMES: Readonly<Record<string, string>> = {
  "whisper-base": "openai/whisper-base",
  "whisper-small": "openai/whisper-small",
  "whisper-medium": "openai/whisper-medium",
  "whisper-large-v3-turbo": "openai/whisper-large-v3-turbo",
  "distil-large-v3.5": "distil-whisper/distil-large-v3.5",
};

export interface HubName {
  /** `owner/name`. */
  readonly repository: string;
  /** One model of a repository that holds several, or null for the only one. */
  readonly model: string | null;
}

/** An owner, a repository or a model: never anything that means another place in an address or a folder. */
const PART = /^(?![.-])(?!.*\.\.)[\w.-]{1,96}(?<![.-])$/;
/** Branch, tag, commit, or a reference such as `refs/pr/1`. */
const REVISION = /^(?![./-])(?!.*(?:\.\.|\/\/|\/$))[\w./-]{1,200}$/;

/** Reads `whisper-small`, `owner/name` or `owner/name/model`; null for anything else. */
export function parseHubName(text: string): HubName | null {
  const known = Object.hasOwn(SHORT_NAMES, text) ? SHORT_NAMES[text] : undefined;
  const parts = (known ?? text).split("/");
  if (parts.length < 2 || parts.length > 3 || !parts.every((part) => PART.test(part))) return null;
  const [owner, name, model = null] = parts as [string, string, string?];
  return { repository: `${owner}/${name}`, model };
}

export function isRevision(text: string): boolean {
  return REVISION.test(text);
}
