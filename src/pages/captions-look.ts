/**
 * How `/calls/:sid/captions` looks, as its address says.
 */
import * as z from "zod";

const NAMED = ["white", "black", "yellow", "cyan", "lime", "transparent"] as const;

/** Colours as CSS has them, without the `#` that an address cannot have: `ffcc00`, with opacity `ffcc00cc`, or a name. */
const colour = z
  .string()
  .toLowerCase()
  .regex(new RegExp(`^(?:[0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8}|${NAMED.join("|")})$`))
  .transform((value) => ((NAMED as readonly string[]).includes(value) ? value : `#${value}`));

const whole = (minimum: number, maximum: number) =>
  z
    .string()
    .regex(/^\d{1,3}$/)
    .transform(Number)
    .pipe(z.number().min(minimum).max(maximum))
    .transform(String);

const look = z.strictObject({
  /** Of letters, CSS pixels. */
  size: whole(12, 200).default("48"),
  lines: whole(1, 8).default("2"),
  colour: colour.default("white"),
  /** Of the whole page. */
  background: colour.default("transparent"),
  /** Whose words; default: everybody's. */
  track: z.enum(["inbound", "outbound"]).or(z.literal("")).default(""),
});

export type CaptionsLook = z.infer<typeof look>;

const EXPECTED: Record<keyof CaptionsLook, string> = {
  size: "a whole number from 12 to 200",
  lines: "a whole number from 1 to 8",
  colour: `a colour such as ffcc00, ffcc00cc or ${NAMED.join(", ")}`,
  background: `a colour such as ffcc00, ffcc00cc or ${NAMED.join(", ")}`,
  track: "inbound or outbound",
};

/** The look, or a sentence on what is wrong with it. */
export function captionsLook(
  query: unknown,
): { ok: true; look: CaptionsLook } | { ok: false; fault: string } {
  const parsed = look.safeParse(query);
  if (parsed.success) return { ok: true, look: parsed.data };
  const name = parsed.error.issues[0]?.path[0];
  const expected = EXPECTED[name as keyof CaptionsLook];
  const fault = expected
    ? `The option ${String(name)} is not as it should be: expected ${expected}, once`
    : `The address has an option that is not known; there are ${Object.keys(EXPECTED).join(", ")}`;
  return { ok: false, fault };
}
