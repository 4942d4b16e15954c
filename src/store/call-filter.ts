/**
 * Which calls somebody wants to see, as a condition of SQL: fixed words and bound values.
 */

/** `live`: without `call.ended`. `faulty`: with a gap, cut off by a crash, or with an event that was given up. */
export type CallStatus = "live" | "ended" | "faulty";

export interface CallFilter {
  /** Of either side, exactly as it was announced. Parts are not looked for: they would tell masked numbers digit by digit. */
  number?: string;
  /** Opened at or after, epoch ms. */
  since?: number;
  /** Opened before, epoch ms. */
  until?: number;
  /** Whisper code of the language of any of its finals. */
  language?: string;
  status?: CallStatus;
  kind?: "call" | "session";
}

export interface Condition {
  /** Of the table `call`; what is bound is named. Needs `low` and `high` besides `values`: the window of numbers looked at. */
  sql: string;
  values: Record<string, string | number>;
}

const STATUSES: Record<CallStatus, string> = {
  live: "ended_at IS NULL",
  ended: "ended_at IS NOT NULL",
  faulty: `(gaps > 0 OR end_reason = 'crash'
    OR +call_sid IN (SELECT call_sid FROM outbox WHERE state = 'dead'))`,
};

/**
 * The sign in front of a column keeps SQLite from looking for each value of one list in each of another: calls are walked by
 * number, or by the numbers of a party, and all else is asked of each.
 */
export function conditionOf({ number, since, until, language, status, kind }: CallFilter): Condition {
  const parts: string[] = [];
  const values: Record<string, string | number> = {};
  const add = (sql: string, name: string, value: string | number): void => {
    parts.push(sql);
    values[name] = value;
  };
  if (number !== undefined) {
    // The window is told to each side again: a busy line would be read whole for every page otherwise.
    const side = (column: string) =>
      `SELECT number FROM call WHERE ${column} = @party AND number >= @low AND number < @high`;
    add(`number IN (${side("to_number")} UNION ${side("from_number")})`, "party", number);
  }
  if (since !== undefined) add("opened_at >= @since", "since", since);
  if (until !== undefined) add("opened_at < @until", "until", until);
  if (language !== undefined) {
    add("+call_sid IN (SELECT call_sid FROM call_language WHERE language = @language)", "language", language);
  }
  if (kind !== undefined) add("kind = @kind", "kind", kind);
  if (status !== undefined) parts.push(STATUSES[status]);
  return { sql: parts.length === 0 ? "TRUE" : parts.join(" AND "), values };
}
