/**
 * How many layers a model's decoder has. The metadata does not say, but the names of its weights do.
 */
import { createReadStream } from "node:fs";

const NAME = "decoder.layers.";
/** A name as far as the number's end. */
const LONGEST_BYTES = NAME.length + 4;

/** Layers of the decoder in an ONNX file of models/export; 0 when none of its weights is called as they are there. */
export async function decoderLayers(modelPath: string): Promise<number> {
  let layers = 0;
  let before = Buffer.alloc(0);
  for await (const chunk of createReadStream(modelPath, { highWaterMark: 1 << 22 })) {
    // What a chunk cuts in two is found in the next.
    const bytes = Buffer.concat([before, chunk as Buffer]);
    for (let at = bytes.indexOf(NAME); at >= 0; at = bytes.indexOf(NAME, at + 1)) {
      const number = /^\d{1,3}(?=\.)/.exec(bytes.toString("latin1", at + NAME.length, at + LONGEST_BYTES));
      if (number) layers = Math.max(layers, Number(number[0]) + 1);
    }
    before = bytes.subarray(-LONGEST_BYTES);
  }
  return layers;
}
