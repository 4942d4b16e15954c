import assert from "node:assert/strict";
import { test } from "node:test";
import { LiveLink } from "../../src/browser/live-link.js";

class FakeSource {
  readyState = 0;
  closed = false;
  readonly #listeners = new Map<string, (event: { data: string }) => void>();
  addEventListener(name: string, listener: (event: { data: string }) => void): void {
    this.#listeners.set(name, listener);
  }
  tell(name: string, data: unknown): void {
    this.#listeners.get(name)?.({ data: JSON.stringify(data) });
  }
  close(): void {
    this.closed = true;
  }
}

function start(word: { code: string | null; hopeless: boolean } | null = null) {
  const sources: FakeSource[] = [];
  const states: string[] = [];
  const clock = { now: 0 };
  const page = { hidden: false, listener: () => {} };
  const told: unknown[] = [];
  const link = new LiveLink({
    open: () => {
      const source = new FakeSource();
      sources.push(source);
      return source as unknown as EventSource;
    },
    onSnapshot: (calls) => told.push(calls),
    onNews: (news) => told.push(news),
    onState: (state, code) => states.push(code ? `${state} ${code}` : state),
    ask: async () => word,
    page: {
      get hidden() {
        return page.hidden;
      },
      addEventListener: (_: string, listener: unknown) => {
        page.listener = listener as () => void;
      },
    } as ConstructorParameters<typeof LiveLink>[0]["page"],
    now: () => clock.now,
  });
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return { link, sources, states, clock, page, told, settled };
}

test("a stream is closed when its page was hidden for a second, and opened anew when it is shown", () => {
  const { link, sources, states, clock, page } = start();
  link.tick();
  sources[0]?.tell("snapshot", []);
  page.hidden = true;
  page.listener();
  link.tick();
  assert.equal(sources[0]?.closed, false, "a moment is nothing");
  clock.now = 1001;
  link.tick();
  assert.equal(sources[0]?.closed, true);
  clock.now = 60_000;
  link.tick();
  assert.equal(sources.length, 1, "hidden, it stays closed");
  page.hidden = false;
  page.listener();
  assert.equal(sources.length, 2);
  assert.deepEqual(states, ["connecting", "live", "paused", "connecting"]);
});

test("what the browser takes up again by itself is left to it", async () => {
  const { link, sources, states, settled } = start();
  link.tick();
  sources[0]?.tell("error", null);
  await settled();
  link.tick();
  assert.equal(sources.length, 1);
  assert.deepEqual(states, ["connecting", "lost"]);
});

test("a stream that was refused is tried again later, unless that is hopeless", async () => {
  const busy = start({ code: "REQUEST_OVERLOADED", hopeless: false });
  busy.link.tick();
  (busy.sources[0] as FakeSource).readyState = 2;
  busy.sources[0]?.tell("error", null);
  await busy.settled();
  busy.link.tick();
  assert.equal(busy.sources.length, 1, "not at once");
  busy.clock.now = 10_000;
  busy.link.tick();
  assert.equal(busy.sources.length, 2);
  const out = start({ code: "ACCESS_LOGIN_EXPIRED", hopeless: true });
  out.link.tick();
  (out.sources[0] as FakeSource).readyState = 2;
  out.sources[0]?.tell("error", null);
  await out.settled();
  out.clock.now = 100_000;
  out.link.tick();
  assert.equal(out.sources.length, 1);
  assert.equal(out.states.at(-1), "refused ACCESS_LOGIN_EXPIRED");
});
