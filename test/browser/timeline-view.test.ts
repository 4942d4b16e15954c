/**
 * Zooming a timeline, in as much of a document as it touches.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TimelineView } from "../../src/browser/timeline-view.js";

class FakeElement {
  onclick: () => void = () => {};
  hidden = false;
  clientWidth = 0;
  scrollWidth = 0;
  scrollLeft = 0;
  className = "";
  textContent = "";
  readonly attributes = new Map<string, string>();
  readonly style = { setProperty: (name: string, value: string) => this.attributes.set(name, value) };

  setAttribute(name: string, value: string): void {
    this.attributes.set(name, value);
  }

  append(): void {}
  replaceChildren(): void {}
}

type FiveElements = [FakeElement, FakeElement, FakeElement, FakeElement, FakeElement];

const CALL = { rows: [], tracks: [], partials: [], mediaMs: 100_000, mediaStartAt: null };

test("a timeline is zoomed out of again after its window got wider", (t) => {
  let resize = (): void => {};
  const fakes = {
    document: { createElementNS: () => new FakeElement(), createElement: () => new FakeElement() },
    ResizeObserver: class {
      constructor(onResize: () => void) {
        resize = onResize;
      }
      observe(): void {}
    },
  };
  Object.assign(globalThis, fakes);
  t.after(() => {
    for (const name of Object.keys(fakes)) Reflect.deleteProperty(globalThis, name);
  });
  const [svg, names, scroller, zoomIn, zoomOut] = Array.from(
    { length: 5 },
    () => new FakeElement(),
  ) as FiveElements;
  const width = () => svg.attributes.get("--width");
  scroller.clientWidth = 300;
  const view = new TimelineView({ svg, names, scroller, zoomIn, zoomOut } as never);
  view.show(CALL);
  for (let presses = 0; presses < 3; presses += 1) zoomIn.onclick();
  assert.equal(width(), "2400px");
  scroller.clientWidth = 1200;
  resize();
  zoomIn.onclick();
  assert.equal(width(), "9600px", "no further in than it was");
  zoomOut.onclick();
  assert.equal(width(), "4800px");
});
