/**
 * The server's side of `/ws/transcribe` for tests of the link: takes samples, tells lines, and breaks when it is told to.
 */
import type { LinkEvent } from "../../src/browser/link-events.js";
import { TranscribeLink } from "../../src/browser/transcribe-link.js";

export const RATE_HZ = 8000;

interface Session {
  token: string;
  /** Everything that was taken, in order. */
  samples: number[];
  sent: object[];
}

export class FakeSocket {
  readyState = 0;
  bufferedAmount = 0;
  closedWith: number | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  readonly query: URLSearchParams;
  /** Texts and audio, as they were sent. */
  readonly sent: (string | Int16Array)[] = [];
  onSent: ((message: string | Int16Array) => void) | null = null;

  constructor(query: string) {
    this.query = new URLSearchParams(query);
  }

  send(message: string | Int16Array): void {
    this.sent.push(message);
    this.onSent?.(message);
  }

  close(code = 1005): void {
    this.closedWith = code;
    this.readyState = 3;
  }

  tell(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  break(code = 1006, reason = ""): void {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
}

/** A server with sessions that outlive their sockets, and a link to it whose clock the test moves. */
export class FakeServer {
  readonly sockets: FakeSocket[] = [];
  readonly sessions: Session[] = [];
  readonly events: LinkEvent[] = [];
  /** What is said of a socket that was refused. */
  word: { code: string | null; hopeless: boolean } | null = { code: null, hopeless: false };
  now = 0;
  /** Samples that the server takes of a message before the connection breaks; Infinity: it does not. */
  breaksAfter = Number.POSITIVE_INFINITY;
  readonly link: TranscribeLink;
  #said = 0;

  constructor() {
    this.link = new TranscribeLink({
      rateHz: RATE_HZ,
      language: "en",
      onEvent: (event) => this.events.push(event),
      open: (query) => this.#open(query) as unknown as WebSocket,
      ask: async () => this.word,
      now: () => this.now,
    });
  }

  get socket(): FakeSocket {
    return this.sockets.at(-1) as FakeSocket;
  }

  get session(): Session {
    return this.sessions.at(-1) as Session;
  }

  /** What the link says of itself, in order. */
  get states(): string[] {
    return this.events.flatMap((event) => (event.type === "state" ? [event.state] : []));
  }

  get finals(): string[] {
    return this.events.flatMap((event) => (event.type === "final" ? [event.text] : []));
  }

  #open(query: string): FakeSocket {
    const socket = new FakeSocket(query);
    this.sockets.push(socket);
    return socket;
  }

  /** Lets the newest socket in, to its session or to a new one. */
  accept(): void {
    const { socket } = this;
    const token = socket.query.get("resume");
    const found = this.sessions.find((session) => session.token === token);
    if (token !== null && !found) throw new Error("no such session");
    const session = found ?? { token: `token ${this.sessions.length}`, samples: [], sent: [] };
    if (!found) this.sessions.push(session);
    socket.readyState = 1;
    socket.onSent = (message) => this.#take(socket, session, message);
    socket.tell({
      type: "session",
      resume_token: session.token,
      resumed: found !== undefined,
      samples: session.samples.length,
    });
    const after = Number(socket.query.get("after") ?? 0);
    for (const event of session.sent.slice(after)) socket.tell(event);
  }

  #take(socket: FakeSocket, { samples }: Session, message: string | Int16Array): void {
    if (typeof message === "string" || socket.readyState !== 1) return;
    const taken = message.subarray(0, this.breaksAfter);
    this.breaksAfter -= taken.length;
    samples.push(...taken);
  }

  /** Commits a line of the session, and tells it. */
  final(text: string, endMs: number): void {
    this.socket.tell(this.commit(text, endMs));
  }

  /** Commits a line that nobody is there to hear. */
  commit(text: string, endMs: number): object {
    const { session } = this;
    const event = {
      type: "final",
      sequence: session.sent.length + 1,
      text,
      start_ms: 0,
      end_ms: endMs,
      language: "en",
      confidence: 1,
      words: [{ word: text, start_ms: 0, end_ms: endMs, confidence: 1 }],
    };
    session.sent.push(event);
    return event;
  }

  end(code = 1000): void {
    const { session } = this;
    const event = { type: "end", sequence: session.sent.length + 1, reason: "finished" };
    session.sent.push(event);
    this.socket.tell(event);
    this.socket.break(code);
  }

  ack(): void {
    this.socket.tell({ type: "ack", samples: this.session.samples.length });
  }

  /** Somebody speaks for so long; every sample is another number, from 1 on. */
  speak(ms: number, blockMs = 40): void {
    for (let left = ms; left > 0; left -= blockMs) {
      const count = (RATE_HZ * Math.min(blockMs, left)) / 1000;
      this.now += Math.min(blockMs, left);
      this.link.add(Int16Array.from({ length: count }, () => this.next()));
    }
  }

  next(): number {
    this.#said += 1;
    return ((this.#said - 1) % 30_000) + 1;
  }

  get said(): number {
    return this.#said;
  }

  /** Time passes, with a look at what is due every 100 ms, as a page does. */
  async pass(ms: number): Promise<void> {
    for (const end = this.now + ms; this.now < end; this.now += 100) {
      this.link.tick();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** The samples that `speak` made, from one position to another. */
export function spoken(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => ((from + index) % 30_000) + 1);
}
