/**
 * A plain TCP proxy in front of the server, whose wires a test can cut.
 */
import net, { type AddressInfo } from "node:net";

export class Wire {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #down = false;
  /** Where connections lead. */
  target: number;

  /** @param target - Port of the server. */
  static async start(target: number): Promise<Wire> {
    const wire = new Wire(target);
    await new Promise<void>((resolve) => wire.#server.listen(0, "127.0.0.1", resolve));
    return wire;
  }

  constructor(target: number) {
    this.target = target;
    this.#server = net.createServer((near) => {
      if (this.#down) {
        near.resetAndDestroy();
        return;
      }
      const far = net.connect(this.target, "127.0.0.1");
      for (const socket of [near, far]) {
        this.#sockets.add(socket);
        socket.setNoDelay(true);
        socket.on("error", () => {});
        socket.once("close", () => {
          this.#sockets.delete(socket);
          near.destroy();
          far.destroy();
        });
      }
      near.pipe(far).pipe(near);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Cuts every connection, and lets no new one through until `up`. */
  down(): void {
    this.#down = true;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  up(): void {
    this.#down = false;
  }

  /** Nothing comes through any more, in neither direction, though every connection stays open. */
  freeze(): void {
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  async close(): Promise<void> {
    this.down();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
