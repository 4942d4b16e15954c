/**
 * What browsers are told about every page and every file of ours, so that nothing that is spoken can ever become a script.
 */
import type { ServerResponse } from "node:http";

/**
 * Everything from ourselves, nothing inline. `'self'` includes sockets of our own host. Trusted Types make even an
 * assignment to `innerHTML` an error. `script-src` is also what allows audio worklets.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": CONTENT_SECURITY_POLICY,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  // Not `no-referrer`: browsers would then send `Origin: null` with our own forms.
  "referrer-policy": "same-origin",
  "permissions-policy":
    "microphone=(self), camera=(), geolocation=(), display-capture=(), payment=(), usb=()",
  "cross-origin-resource-policy": "same-origin",
};

export function setPolicy(response: ServerResponse): void {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
}
