/**
 * Where the carrier finds us: our paths, and the URLs made of them and the public URL.
 */
export const VOICE_PATH = "/twilio/voice";
export const STATUS_PATH = "/twilio/status";
export const STREAM_PATH = "/twilio/stream";
export const MEDIA_PATH = "/twilio/media";

/** Joins the public URL, with or without a trailing slash, and a path that begins with one. */
export function publicAddress(publicUrl: string, path: string): string {
  return publicUrl.replace(/\/+$/, "") + path;
}

/** The URL that the carrier's media socket dials: `wss` for `https`, and `ws` for `http` (loopback only). */
export function mediaAddress(mediaUrl: string): string {
  return publicAddress(mediaUrl, MEDIA_PATH).replace(/^http/i, "ws");
}
