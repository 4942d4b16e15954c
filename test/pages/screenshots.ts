/**
 * Makes pictures of the pages: wide and narrow, light and dark, empty and full.
 *
 *   npm run screenshots -- [FOLDER [NAME...]]        (default: screenshots, and all; a NAME stands for all that begin with it)
 */
import { mkdirSync } from "node:fs";
import path from "node:path";
import { takeLook } from "./picture.ts";
import { callLooks } from "./picture-calls.ts";
import { doorLooks, listenLooks } from "./picture-doors.ts";
import { takeReal } from "./picture-real.ts";
import { engineWithoutModels, launch, startPages } from "./rig.ts";
import { startScene } from "./scene.ts";

const [given = "screenshots", ...names] = process.argv.slice(2);
const folder = path.resolve(given);
const wanted = (name: string): boolean => names.length === 0 || names.some((one) => name.startsWith(one));

mkdirSync(folder, { recursive: true });
const browser = await launch({ args: ["--use-fake-device-for-media-stream"] });
const [open, locked, scene] = [
  await startPages({ engine: engineWithoutModels() }),
  await startPages({ engine: engineWithoutModels() }),
  await startScene(),
];
const looks = [
  ...listenLooks(open.server.url),
  ...doorLooks(locked.server.url, locked.addKey(["read"]).key),
  ...callLooks(scene),
];
for (const look of looks) if (wanted(look.name)) await takeLook(browser, folder, look);
await browser.close();
await Promise.all([open.close(), locked.close(), scene.close()]);
await takeReal(folder, wanted);
console.log(`pictures are in ${folder}`);
