/**
 * A request of an operation with what somebody filled in: its address, and the line that asks for the same in a shell.
 */

/** @typedef {import("./api-document.js").Operation} Operation */

/**
 * Path and query.
 *
 * @param {Pick<Operation, "path" | "parameters">} operation
 * @param {ReadonlyMap<string, string>} values - By the place and name of the parameter, see `keyOf`; what is empty is left out.
 * @param {string} [base]
 */
export function addressOf({ path, parameters }, values, base = "") {
  const query = new URLSearchParams();
  let address = path;
  for (const parameter of parameters) {
    const value = values.get(keyOf(parameter)) ?? "";
    if (parameter.place === "path" && value !== "")
      address = address.replaceAll(`{${parameter.name}}`, () => encodeURIComponent(value));
    else if (parameter.place === "query" && value !== "") query.append(parameter.name, value);
  }
  return `${base}${address}${query.size > 0 ? `?${query}` : ""}`;
}

/** @param {Pick<import("./api-document.js").Parameter, "name" | "place">} parameter */
export function keyOf({ name, place }) {
  return `${place} ${name}`;
}

/**
 * A line for a shell as POSIX has it. Whatever was typed stays one word of it; only `$KEY` is the shell's to fill in.
 *
 * @param {{ method: string, url: string, isPublic: boolean, body?: { type: string, text: string } | null }} request
 */
export function curlLine({ method, url, isPublic, body = null }) {
  return [
    "curl",
    ...(method === "GET" ? [] : ["-X", quoted(method)]),
    ...(isPublic ? [] : ["-H", '"Authorization: Bearer $KEY"']),
    ...(body === null ? [] : ["-H", quoted(`Content-Type: ${body.type}`), "--data-raw", quoted(body.text)]),
    quoted(url),
  ].join(" ");
}

/** @param {string} word */
function quoted(word) {
  return /^[\w]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
