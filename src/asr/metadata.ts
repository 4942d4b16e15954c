/**
 * What an exported Whisper file says about itself: read from the ONNX metadata, so that code and file cannot disagree.
 */
import { type FileHandle, open } from "node:fs/promises";
import { z } from "zod";
import { LinescribeError, messageOf } from "../base/error.ts";

/** Version of inputs, outputs and metadata that this code understands; `FORMAT` in models/export/export.py. */
export const INTERFACE_VERSION = 2;

const id = z.number().int().nonnegative();
const json = <T extends z.ZodType>(schema: T) =>
  z
    .string()
    .transform((text, context) => {
      try {
        return JSON.parse(text) as unknown;
      } catch {
        context.addIssue({ code: "custom", message: "not JSON" });
        return z.NEVER;
      }
    })
    .pipe(schema);

const schema = z.object({
  "linescribe.format": json(z.literal(INTERFACE_VERSION)),
  model: z.string(),
  source: z.string(),
  licence: z.string(),
  precision: z.string(),
  /** What it was exported for; files from before there were two kinds do not say it. */
  "linescribe.device": z.enum(["cpu", "cuda"]).default("cpu"),
  melBands: json(z.number().int()),
  vocabulary: json(z.number().int().positive()),
  width: json(z.number().int().positive()),
  encoderLayers: json(z.number().int().positive()),
  sourcePositions: json(z.number().int().positive()),
  targetPositions: json(z.number().int().positive()),
  tailPool: json(z.number().int().nonnegative()),
  tailBlocks: json(z.number().int().nonnegative()),
  tokens: json(
    z.object({
      startOfTranscript: id,
      endOfText: id,
      noSpeech: id,
      noTimestamps: id,
      startOfPrevious: id,
      transcribe: id.nullable(),
      translate: id.nullable(),
    }),
  ),
  languages: json(z.record(z.string(), id)),
  suppress: json(z.array(id)),
  suppressAtBegin: json(z.array(id)),
  alignmentHeads: json(z.array(z.tuple([id, id]))),
});

/** Facts about one exported Whisper: token ids, suppress lists, sizes (counts), origin, and what it is to run on. */
export type WhisperMetadata = z.infer<typeof schema> & { device: "cpu" | "cuda" };

/**
 * Reads and checks the metadata of an exported Whisper.
 *
 * @throws {LinescribeError} `MODEL_MISSING` when there is no such file, `MODEL_ALTERED` when it is not one of ours.
 */
export async function readWhisperMetadata(modelPath: string): Promise<WhisperMetadata> {
  let properties: Record<string, string>;
  try {
    properties = await readOnnxProperties(modelPath);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") {
      throw new LinescribeError("MODEL_MISSING", `There is no model file ${modelPath}`, { cause });
    }
    throw new LinescribeError("MODEL_ALTERED", `${modelPath} is not an ONNX file: ${messageOf(cause)}`, {
      cause,
    });
  }
  const parsed = schema.safeParse(properties);
  if (parsed.success) return { ...parsed.data, device: parsed.data["linescribe.device"] };
  const faults = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
  throw new LinescribeError("MODEL_ALTERED", `${modelPath} lacks metadata of models/export: ${faults}`);
}

/**
 * The metadata of the model that recognises, with only those languages that the one that takes over from it knows as well:
 * none, which is English only, if either has none.
 *
 * @throws {LinescribeError} see `readWhisperMetadata`.
 */
export async function readCommonMetadata(modelPath: string, otherPath: string): Promise<WhisperMetadata> {
  const metadata = await readWhisperMetadata(modelPath);
  if (otherPath === modelPath) return metadata;
  const other = await readWhisperMetadata(otherPath);
  const common = Object.entries(metadata.languages).filter(([code]) => Object.hasOwn(other.languages, code));
  return { ...metadata, languages: Object.fromEntries(common) };
}

/** Field number of `metadata_props` in ModelProto, and of `key` and `value` in StringStringEntryProto (onnx.proto). */
const METADATA_PROPS = 14;
const KEY = 1;
const VALUE = 2;
/** More than any of our entries takes; a longer one means that this is not our file. */
const MAXIMUM_ENTRY_BYTES = 1 << 20;

/** The `metadata_props` of an ONNX file. Skips over the graph, so that an 80 MB file costs a few small reads. */
export async function readOnnxProperties(path: string): Promise<Record<string, string>> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const properties: Record<string, string> = {};
    for (let offset = 0; offset < size; ) {
      const field = await readField(file, offset, size);
      if (field.number === METADATA_PROPS && field.wire === 2) {
        const entry = await readBytes(
          file,
          field.start,
          Math.min(field.end - field.start, MAXIMUM_ENTRY_BYTES),
        );
        const [key, value] = parseEntry(entry);
        properties[key] = value;
      }
      offset = field.end;
    }
    return properties;
  } finally {
    await file.close();
  }
}

async function readBytes(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}

/** One protobuf field: its number, wire type and where its payload lies. */
async function readField(file: FileHandle, offset: number, size: number) {
  const head = await readBytes(file, offset, 20);
  const [tag, afterTag] = readVarint(head, 0);
  const wire = tag & 7;
  let start = offset + afterTag;
  let end = start;
  if (wire === 0) {
    end = offset + readVarint(head, afterTag)[1];
  } else if (wire === 1) {
    end += 8;
  } else if (wire === 5) {
    end += 4;
  } else if (wire === 2) {
    const [length, afterLength] = readVarint(head, afterTag);
    start = offset + afterLength;
    end = start + length;
  } else {
    throw new Error(`unknown wire type ${wire} at byte ${offset}`);
  }
  if (end > size) throw new Error(`a field at byte ${offset} ends behind the file`);
  return { number: Math.floor(tag / 8), wire, start, end };
}

/** A base-128 varint as a number (sizes stay below 2^53), and the position behind it. */
function readVarint(bytes: Uint8Array, position: number): [number, number] {
  let value = 0;
  for (let shift = 1, at = position; at < bytes.length && at < position + 8; at += 1, shift *= 128) {
    const byte = bytes[at] as number;
    value += (byte & 127) * shift;
    if (byte < 128) return [value, at + 1];
  }
  throw new Error("a number does not end");
}

function parseEntry(bytes: Uint8Array): [string, string] {
  const fields = new Map<number, string>();
  for (let at = 0; at < bytes.length; ) {
    const [tag, afterTag] = readVarint(bytes, at);
    const [length, start] = readVarint(bytes, afterTag);
    fields.set(tag >> 3, new TextDecoder().decode(bytes.subarray(start, start + length)));
    at = start + length;
  }
  return [fields.get(KEY) ?? "", fields.get(VALUE) ?? ""];
}
