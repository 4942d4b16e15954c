/**
 * An OpenAPI document as its page needs it: operations in their order, references followed. A document may say anything: what
 * is not as it should be is left out, and nothing throws.
 */

/** @typedef {Record<string, unknown>} Json */
/**
 * @typedef {{ name: string, place: string, required: boolean, description: string, schema: unknown }} Parameter
 * @typedef {{ type: string, schema: unknown, examples: unknown[] }} Media
 * @typedef {{ status: string, description: string, media: Media[] }} Response
 * @typedef {{ id: string, method: string, path: string, summary: string, description: string, isPublic: boolean,
 *   parameters: Parameter[], body: Media[], responses: Response[] }} Operation
 */

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
/** References that lead to references, at most. */
const STEPS = 16;

export class ApiDocument {
  title;
  version;
  description;
  /** Path before all others; null: the document is of another server. */
  base;
  /** @type {Operation[]} */
  operations;
  #root;

  /**
   * @param {unknown} root - Parsed JSON.
   * @param {Iterable<string>} [taken] - Names that no operation may have.
   */
  constructor(root, taken = []) {
    this.#root = root;
    const { info, servers, paths, security } = objectOf(root);
    const { title, version, description } = objectOf(info);
    this.title = textOf(title);
    this.version = textOf(version);
    this.description = textOf(description);
    this.base = baseOf(textOf(objectOf(listOf(servers)[0] ?? { url: "/" }).url));
    const ids = new Set(taken);
    const isPublic = listOf(security).length === 0;
    this.operations = Object.entries(objectOf(paths)).flatMap(([path, item]) =>
      this.#operationsOf(path, objectOf(this.resolve(item)), isPublic, ids),
    );
  }

  /**
   * What a value is that may be a reference into this document; null for one that leads nowhere or in a circle.
   *
   * @param {unknown} value
   * @returns {unknown}
   */
  resolve(value) {
    let found = value;
    for (let step = 0; step < STEPS; step++) {
      const reference = referenceOf(found);
      if (reference === null) return found;
      found = this.#at(reference);
    }
    return null;
  }

  /** @param {string} reference - `#/components/schemas/Call`. */
  #at(reference) {
    if (!reference.startsWith("#/")) return null;
    /** @type {unknown} */
    let found = this.#root;
    for (const step of reference.slice(2).split("/")) {
      const name = decoded(step).replaceAll("~1", "/").replaceAll("~0", "~");
      if (typeof found !== "object" || found === null || !Object.hasOwn(found, name)) return null;
      found = /** @type {Json} */ (found)[name];
    }
    return found;
  }

  /**
   * @param {string} path
   * @param {Json} item
   * @param {boolean} isPublic - Whether operations that do not say need no key.
   * @param {Set<string>} ids - Of the operations before.
   * @returns {Operation[]}
   */
  #operationsOf(path, item, isPublic, ids) {
    return METHODS.filter((method) => Object.hasOwn(item, method)).map((method) => {
      const said = objectOf(this.resolve(item[method]));
      const id = idOf(textOf(said.operationId) || `${method}${path}`, ids);
      const parameters = [...listOf(item.parameters), ...listOf(said.parameters)];
      return {
        id,
        method: method.toUpperCase(),
        path,
        summary: textOf(said.summary),
        description: textOf(said.description),
        isPublic: Array.isArray(said.security) ? said.security.length === 0 : isPublic,
        parameters: parameters
          .map((one) => parameterOf(objectOf(this.resolve(one))))
          .filter(({ name }) => name !== ""),
        body: mediaOf(objectOf(this.resolve(said.requestBody)).content),
        responses: Object.entries(objectOf(said.responses)).map(([status, one]) => {
          const { description, content } = objectOf(this.resolve(one));
          return { status, description: textOf(description), media: mediaOf(content) };
        }),
      };
    });
  }
}

/**
 * The name that a schema has in its document, or null.
 *
 * @param {unknown} schema
 */
export function referenceOf(schema) {
  const { $ref } = objectOf(schema);
  return typeof $ref === "string" ? $ref : null;
}

/**
 * @param {unknown} value
 * @returns {Json} Empty when it is none.
 */
export function objectOf(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? /** @type {Json} */ (value)
    : {};
}

/**
 * @param {unknown} value
 * @returns {unknown[]}
 */
export function listOf(value) {
  return Array.isArray(value) ? value : [];
}

/** @param {unknown} value */
export function textOf(value) {
  return typeof value === "string" ? value : "";
}

/**
 * @param {Json} parameter
 * @returns {Parameter}
 */
function parameterOf({ name, in: place, required, description, schema }) {
  return {
    name: textOf(name),
    place: textOf(place),
    required: required === true,
    description: textOf(description),
    schema,
  };
}

/**
 * @param {unknown} content
 * @returns {Media[]}
 */
function mediaOf(content) {
  return Object.entries(objectOf(content)).map(([type, said]) => {
    const { schema, example, examples } = objectOf(said);
    const named = Object.values(objectOf(examples)).map((one) => objectOf(one).value);
    return { type, schema, examples: [example, ...named].filter((one) => one !== undefined) };
  });
}

/**
 * Fit for an address and for the page, and of this operation only.
 *
 * @param {string} wanted
 * @param {Set<string>} ids
 */
function idOf(wanted, ids) {
  const plain = wanted.replaceAll(/[^\w-]+/g, "-").slice(0, 80);
  let id = plain;
  for (let count = 2; ids.has(id); count++) id = `${plain}-${count}`;
  ids.add(id);
  return id;
}

/** @param {string} url */
function baseOf(url) {
  return /^\/(?!\/)[\w\-./]*$|^\/?$/.test(url) ? url.replace(/\/+$/, "") : null;
}

/** @param {string} step */
function decoded(step) {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}
