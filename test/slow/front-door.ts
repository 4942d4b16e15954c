/**
 * A proxy before the server that outlives it: a connection waits while the server restarts, and breaks with it.
 */
import net from "node:net";

const RETRY_MS = 50;

export interface FrontDoor {
  /** `http://127.0.0.1:PORT`. */
  url: string;
  close(): Promise<void>;
}

/** @param patienceMs - How long a connection waits for a server that does not listen. */
export async function openFrontDoor(serverPort: number, patienceMs: number): Promise<FrontDoor> {
  const sockets = new Set<net.Socket>();
  const door = net.createServer((client) => {
    sockets.add(client);
    client.on("error", () => client.destroy());
    client.once("close", () => sockets.delete(client));
    connect(client, serverPort, Date.now() + patienceMs);
  });
  await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(door.address() as net.AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        door.close(() => resolve());
      }),
  };
}

function connect(client: net.Socket, port: number, giveUpAt: number): void {
  if (client.destroyed) return;
  const server = net.connect(port, "127.0.0.1");
  server.once("connect", () => {
    server.removeAllListeners("error");
    server.on("error", () => client.destroy());
    server.once("close", () => client.destroy());
    client.once("close", () => server.destroy());
    client.pipe(server);
    server.pipe(client);
  });
  server.once("error", () => {
    server.destroy();
    if (Date.now() > giveUpAt) client.destroy();
    else setTimeout(() => connect(client, port, giveUpAt), RETRY_MS);
  });
}
