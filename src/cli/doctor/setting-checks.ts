/**
 * What a configuration without faults may still have wrong: things that a carrier or a receiver would not take.
 */
import { type Config, expectsCalls, isLoopback, shownUrl } from "../../app/config.ts";
import type { Check } from "../doctor.ts";

export function settingChecks(config: Config): Check[] {
  if (!config.insecure && !expectsCalls(config, config.lines.size)) return [noCallsCheck];
  return [publicUrlCheck(config), ...tokenChecks(config), numberCheck(config), ...callbackChecks(config)];
}

const noCallsCheck: Check = {
  name: "phone calls",
  verdict: "warn",
  found: "nothing configured: every call is refused, only sockets are served",
  fix: "set publicUrl, twilio.authTokens and numbers to take calls",
};

/** The carrier opens media sockets with TLS only, and from the internet. */
function publicUrlCheck({ publicUrl, insecure }: Config): Check {
  const name = "public URL";
  if (publicUrl === null) {
    const fix = "set publicUrl and twilio.authTokens and leave out insecure before a carrier calls";
    return { name, verdict: "warn", found: "none, and webhooks are not checked: good for replay only", fix };
  }
  const { protocol, hostname } = new URL(publicUrl);
  const faults: string[] = [];
  if (protocol !== "https:") faults.push("is not https");
  if (isLoopback(hostname.replace(/^\[|\]$/g, ""))) faults.push("is this machine only");
  if (faults.length === 0) return { name, verdict: "ok", found: publicUrl };
  const fix = "set publicUrl to the https address under which the carrier reaches this server";
  return { name, verdict: insecure ? "warn" : "fail", found: `${publicUrl} ${faults.join(" and ")}`, fix };
}

function tokenChecks({ twilio: { authTokens, api }, insecure }: Config): Check[] {
  const name = "auth tokens";
  const usual = authTokens.every((token) => /^[0-9a-f]{32}$/.test(token));
  const checks: Check[] = [];
  if (insecure) {
    const fix = "leave out insecure when a carrier calls";
    checks.push({ name, verdict: "warn", found: "signatures are not checked (insecure)", fix });
  } else if (usual) checks.push({ name, verdict: "ok", found: `${authTokens.length} configured` });
  else {
    const fix = "copy the account's auth token (not an API key) from the console";
    checks.push({ name, verdict: "warn", found: "one is not 32 hexadecimal digits", fix });
  }
  if (api && !/^AC[0-9a-f]{32}$/.test(api.accountSid)) {
    const fix = 'set twilio.api.accountSid to the account\'s "AC..." identifier';
    checks.push({ name: "REST API", verdict: "warn", found: "the account does not look like one", fix });
  }
  return checks;
}

function numberCheck({ lines }: Config): Check {
  const name = "numbers";
  if (lines.size > 0) return { name, verdict: "ok", found: `${lines.size} configured` };
  return {
    name,
    verdict: "fail",
    found: "none: every call would be rejected",
    fix: 'add an entry to numbers, for example "*"',
  };
}

function callbackChecks({ endpoints, lines }: Config): Check[] {
  const name = "callback";
  const checks = [...endpoints].map(([url, secrets]): Check => {
    const { protocol, hostname } = new URL(url);
    const found = `${shownUrl(url)}, signed with ${secrets.length} ${secrets.length === 1 ? "secret" : "secrets"}`;
    if (protocol === "https:" || isLoopback(hostname)) return { name, verdict: "ok", found };
    return {
      name,
      verdict: "warn",
      found: `${found}, but not encrypted`,
      fix: "use an https URL outside your own network",
    };
  });
  const silent = [...lines.values()].filter(({ endpoint }) => endpoint === null).length;
  if (silent === 0) return checks;
  const fix = "set callback.url and callback.secrets";
  return [
    ...checks,
    { name, verdict: "warn", found: `${silent} numbers have none: their events are only stored`, fix },
  ];
}
