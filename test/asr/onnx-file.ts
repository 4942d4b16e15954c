/**
 * Writes the outside of an ONNX file: a protobuf with nothing but fields and metadata.
 */

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return [...bytes, left];
    bytes.push((left % 128) + 128);
  }
}

function bytesField(number: number, payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(payload.length)]), payload]);
}

/** `ir_version`, a graph that is none, then the properties: the order in which exporters write. */
export function onnxFile(properties: Record<string, string>): Buffer {
  const entries = Object.entries(properties).map(([key, value]) =>
    bytesField(14, Buffer.concat([bytesField(1, Buffer.from(key)), bytesField(2, Buffer.from(value))])),
  );
  const irVersion = Buffer.from([8, 10]);
  return Buffer.concat([irVersion, bytesField(7, new Uint8Array(300).fill(14)), ...entries]);
}
