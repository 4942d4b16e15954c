/**
 * A page brought into a state, and pictured in every size and theme.
 */
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { openPage } from "./rig.ts";

export const SIZES = {
  wide: { width: 1440, height: 900 },
  narrow: { width: 390, height: 844 },
} as const;

export interface Look {
  name: string;
  /** Brings a fresh page into its state. */
  show(page: Page): Promise<void>;
  /** The whole length of the page, not what a screen shows of it. */
  whole?: boolean;
  /** As it comes out of a printer. */
  printed?: boolean;
}

/** Takes every picture of a look: wide and narrow, light and dark; of what is printed one. */
export async function takeLook(browser: Browser, folder: string, look: Look): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    for (const [size, viewport] of Object.entries(SIZES)) {
      if (look.printed && (colorScheme === "dark" || size === "narrow")) continue;
      const { page, context } = await openPage(browser, { colorScheme, viewport });
      await look.show(page);
      if (look.printed) await page.emulateMedia({ media: "print" });
      const file = path.join(folder, `${look.name}-${size}-${colorScheme}.png`);
      await page.screenshot({ path: file, fullPage: look.whole ?? look.printed ?? false });
      await context.close();
    }
  }
}
