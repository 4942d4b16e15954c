/**
 * Where results go that a client wants at a URL of its own.
 */
export interface CallbackQueue {
  /** @throws {LinescribeError} `FETCH_BAD_URL` or `FETCH_FORBIDDEN_ADDRESS` when nothing may be sent there. */
  check(url: string): void;
  /**
   * Sends a body, behind what the same request sent before. It is durable when this returns.
   *
   * @throws {LinescribeError} when it cannot be kept.
   */
  enqueue(callback: {
    requestId: string;
    keyId: string | null;
    url: string;
    method: "POST" | "PUT";
    body: string;
  }): void;
}
