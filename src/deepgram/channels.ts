/**
 * The channels of one live socket: one, or one for each track of its session.
 */
import type { Session } from "../session/session.ts";
import { type CallEvent, TRACKS, type Track } from "../transcript/event.ts";
import { Channel, type ChannelOptions } from "./channel.ts";
import type { Outlet } from "./outlet.ts";
import type { ResultFacts } from "./server-message.ts";

export interface ChannelsOptions extends Pick<ChannelOptions, "asked" | "prefixPadMs"> {
  facts: Omit<ResultFacts, "channels">;
  outlet: Pick<Outlet, "tell">;
}

/** What they need of the audio, whose session is null until it is known what it is. */
interface Audio {
  readonly session: Pick<Session, "flush" | "progress"> | null;
  readonly receivedMs: number;
}

export class Channels {
  readonly #options: ChannelsOptions;
  #channels: readonly Channel[] = [];

  constructor(options: ChannelsOptions) {
    this.#options = options;
  }

  /** 1 until it is known. */
  get count(): number {
    return Math.max(1, this.#channels.length);
  }

  /** It is known how many there are. */
  open(count: number): void {
    const { outlet, facts, asked, prefixPadMs } = this.#options;
    const shared = { facts: { ...facts, channels: count }, asked, prefixPadMs };
    const tell: ChannelOptions["tell"] = (message, isNeeded) => outlet.tell(message, isNeeded);
    this.#channels = Array.from({ length: count }, (_, channel) => new Channel({ ...shared, channel, tell }));
  }

  of(track: Track): Channel {
    return this.#channels[TRACKS.indexOf(track)] as Channel;
  }

  event(event: CallEvent): void {
    if (event.type === "transcript.final" || event.type === "transcript.gap")
      this.of(event.track).event(event);
  }

  /**
   * Makes final what was said so far, and answers so.
   *
   * @param only - The channel; left out: all of them.
   */
  async finalize({ session, receivedMs }: Audio, only: number | undefined): Promise<void> {
    // Nothing was said in audio whose channels are not known yet; who asked waits for an answer.
    if (this.#channels.length === 0) this.open(1);
    const asked = this.#channels.filter((_, channel) => only === undefined || channel === only);
    for (const channel of asked) channel.finalizing();
    await session?.flush(only === undefined ? undefined : TRACKS[only]);
    for (const channel of asked) channel.flushed(receivedMs);
  }

  /** Tells what nothing follows that it could belong to. */
  rest(): void {
    for (const channel of this.#channels) channel.rest();
  }

  /** Looks how far each track has come. */
  settled({ session }: Audio): void {
    for (const { track, settledMs } of session?.progress() ?? []) this.of(track).settled(settledMs);
  }
}
