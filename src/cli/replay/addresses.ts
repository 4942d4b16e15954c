/**
 * Two names for one server: the public URL, which signatures are made over, and where connections really go.
 */
export class Addresses {
  readonly #publicBase: string;
  readonly #connectOrigin: string;

  /**
   * @param connectUrl - Any URL of the server as it can be reached.
   * @param publicUrl - What the server believes its base URL is; by default the origin of `connectUrl`.
   */
  constructor(connectUrl: string, publicUrl?: string) {
    this.#connectOrigin = new URL(connectUrl).origin;
    this.#publicBase = (publicUrl ?? this.#connectOrigin).replace(/\/+$/, "");
  }

  /** `wss` for a public `https` URL, `ws` for `http`. */
  get socketScheme(): "wss:" | "ws:" {
    return this.#publicBase.startsWith("https:") ? "wss:" : "ws:";
  }

  /** The public form of a URL that is given as it can be reached. */
  toPublic(connectUrl: string): string {
    const { pathname, search } = new URL(connectUrl);
    return `${this.#publicBase}${pathname}${search}`;
  }

  /** Whether a URL of a document is this server's. Port and scheme may be written or left out. */
  isOurs(url: string): boolean {
    try {
      return new URL(httpForm(url)).host === new URL(httpForm(this.#publicBase)).host;
    } catch {
      return false;
    }
  }

  /** Where to connect for a URL of a document: our own server is reached directly, others as they are written. */
  toConnect(publicUrl: string): string {
    if (!this.isOurs(publicUrl)) return publicUrl;
    const { pathname, search, protocol } = new URL(publicUrl);
    const prefix = new URL(this.#publicBase).pathname.replace(/\/+$/, "");
    const path = pathname.startsWith(`${prefix}/`) ? pathname.slice(prefix.length) : pathname;
    const origin = protocol.startsWith("ws")
      ? this.#connectOrigin.replace(/^http/, "ws")
      : this.#connectOrigin;
    return `${origin}${path}${search}`;
  }
}

function httpForm(url: string): string {
  return url.replace(/^ws/i, "http");
}
