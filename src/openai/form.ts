/**
 * Reads a multipart form with one file, bounded in bytes, parts and time.
 */
import type { IncomingMessage } from "node:http";
import { Busboy, type BusboyFileStream, type BusboyInstance } from "@fastify/busboy";
import { messageOf } from "../base/error.ts";
import { ApiError } from "../http/api-error.ts";

export interface FormLimits {
  /** Bytes of the file at most. */
  maximumFileBytes: number;
}

export interface Form {
  /** In the order of the request; names may come twice. */
  fields: [name: string, value: string][];
  file: Uint8Array | null;
}

const FIELDS_MAXIMUM = 64;
/** A prompt is the longest: 1000 hints of 100 characters. */
const FIELD_MAXIMUM_BYTES = 128 * 1024;
const NAME_MAXIMUM_CHARACTERS = 100;
const HEADER_MAXIMUM_BYTES = 8 * 1024;
const FILE_FIELD = "file";
/** What the form may have beside its file. */
const OVERHEAD_BYTES = 1024 * 1024;

/**
 * Reads the form of a request, which is consumed up to the fault at most.
 *
 * @throws {ApiError} `REQUEST_UNSUPPORTED_TYPE` (415), `REQUEST_MALFORMED` (400), `REQUEST_TOO_LARGE` (413), or
 *   whatever the signal's reason is.
 */
export async function readForm(
  request: IncomingMessage,
  { maximumFileBytes }: FormLimits,
  signal: AbortSignal,
): Promise<Form> {
  signal.throwIfAborted();
  const length = Number(request.headers["content-length"] ?? 0);
  if (length > maximumFileBytes + OVERHEAD_BYTES) throw fileTooLarge(maximumFileBytes);
  const parser = openParser(request, maximumFileBytes);
  const form: Form = { fields: [], file: null };
  try {
    await new Promise<void>((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      const fail = (error: ApiError): void => reject(error);
      parser.on("field", (name, value, nameTruncated, valueTruncated) => {
        if (valueTruncated || nameTruncated) fail(fieldTooLarge(name));
        else if (!isName(name)) fail(malformed("a part has no usable name"));
        else form.fields.push([name, value]);
      });
      parser.on("file", (name, stream) => {
        readFile(name, stream, maximumFileBytes).then((bytes) => {
          form.file = bytes;
        }, fail);
      });
      parser.on("partsLimit", () => fail(malformed("it has too many parts")));
      parser.on("fieldsLimit", () => fail(malformed(`it has more than ${FIELDS_MAXIMUM} fields`)));
      parser.on("filesLimit", () => fail(malformed("it has more than one file")));
      parser.on("error", (error) => fail(malformed(messageOf(error))));
      parser.on("finish", resolve);
      request.on("error", (error) => fail(malformed(messageOf(error))));
      request.on("close", () => {
        if (!request.complete) fail(malformed("it ended early"));
      });
      request.pipe(parser);
    });
    // The promise of the file's last bytes settles a moment after the form's end.
    await new Promise((resolve) => setImmediate(resolve));
    return form;
  } finally {
    request.unpipe(parser);
    // Faults that come after the first one have nobody to tell.
    parser.on("error", () => {});
  }
}

function openParser(request: IncomingMessage, maximumFileBytes: number): BusboyInstance {
  const type = request.headers["content-type"];
  if (type === undefined || !/^multipart\/form-data\s*(;|$)/i.test(type)) {
    throw new ApiError(415, "REQUEST_UNSUPPORTED_TYPE", "Expected a body of type multipart/form-data");
  }
  try {
    return new Busboy({
      headers: { ...request.headers, "content-type": type },
      limits: {
        fields: FIELDS_MAXIMUM,
        fieldSize: FIELD_MAXIMUM_BYTES,
        files: 1,
        fileSize: maximumFileBytes,
        parts: FIELDS_MAXIMUM + 2,
        headerPairs: 20,
        headerSize: HEADER_MAXIMUM_BYTES,
      },
    });
  } catch (error) {
    throw malformed(messageOf(error));
  }
}

async function readFile(
  name: string | undefined,
  stream: BusboyFileStream,
  maximumBytes: number,
): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  return await new Promise((resolve, reject) => {
    // Without a listener a body that ends within the file would end the process.
    stream.on("error", (error) => reject(malformed(messageOf(error))));
    stream.on("limit", () => {
      chunks.length = 0;
      reject(fileTooLarge(maximumBytes));
    });
    if (name !== FILE_FIELD) {
      stream.resume();
      reject(malformed(`the file is expected in the field "${FILE_FIELD}"`));
      return;
    }
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => resolve(Buffer.concat(chunks)));
  });
}

function isName(name: string | undefined): name is string {
  return typeof name === "string" && name.length > 0 && name.length <= NAME_MAXIMUM_CHARACTERS;
}

function malformed(problem: string): ApiError {
  return new ApiError(400, "REQUEST_MALFORMED", `The form could not be read: ${problem}`);
}

function fileTooLarge(maximumBytes: number): ApiError {
  const message = `Expected a file of at most ${maximumBytes} bytes`;
  return new ApiError(413, "REQUEST_TOO_LARGE", message, { param: FILE_FIELD });
}

function fieldTooLarge(name: string | undefined): ApiError {
  const message = `Expected fields of at most ${FIELD_MAXIMUM_BYTES} bytes`;
  const param = isName(name) ? name : null;
  return new ApiError(413, "REQUEST_TOO_LARGE", message, { param });
}
