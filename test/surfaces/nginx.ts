/**
 * The real nginx with the configuration that ships, on ports and in a folder of its own.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";

const SHIPPED = path.resolve(import.meta.dirname, "../../deploy/nginx");
const START_TIMEOUT_MS = 10_000;

/** The name that the certificate is for. */
export const NAME = "localhost";

export interface Certificate {
  certificateFile: string;
  keyFile: string;
}

export interface NginxOptions {
  /** Exists; everything is written there. */
  folder: string;
  certificate: Certificate;
  /** Where TLS is spoken, on 127.0.0.1 and 127.0.0.2. */
  httpsPort: number;
  httpPort: number;
  /** Of Linescribe, on 127.0.0.1. */
  upstreamPort: number;
  /** Of a second process: then the file for two is the one that runs. */
  secondPort?: number;
  /** What 3600 s of reading become, s. */
  readTimeoutSeconds?: number;
}

/** Makes a self-signed certificate for `localhost`, valid for a day. */
export function makeCertificate(folder: string): Certificate {
  const certificateFile = path.join(folder, "certificate.pem");
  const keyFile = path.join(folder, "key.pem");
  const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", `/CN=${NAME}`];
  const names = ["-addext", `subjectAltName=DNS:${NAME}`];
  call("openssl", [...request, ...names, "-keyout", keyFile, "-out", certificateFile]);
  return { certificateFile, keyFile };
}

export class Nginx {
  readonly #process: ChildProcess;
  readonly #folder: string;

  private constructor(process_: ChildProcess, folder: string) {
    this.#process = process_;
    this.#folder = folder;
  }

  /** Resolves when it listens. */
  static async start(options: NginxOptions): Promise<Nginx> {
    const { folder, httpsPort } = options;
    mkdirSync(folder, { recursive: true });
    const main = path.join(folder, "nginx.conf");
    writeFileSync(path.join(folder, "linescribe.conf"), shippedConf(options));
    writeFileSync(main, mainConf(folder));
    // Complains in its own words when a line is wrong, and by name when there is no nginx.
    call("nginx", ["-t", "-q", "-e", "stderr", "-p", folder, "-c", main]);
    const process_ = spawn("nginx", ["-e", "stderr", "-p", folder, "-c", main], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    const nginx = new Nginx(process_, folder);
    await nginx.#listening(httpsPort);
    return nginx;
  }

  /** Everything that it logged, accesses and errors. */
  log(): string {
    return ["linescribe-access.log", "linescribe-error.log", "main.log"]
      .map((name) => readFileSync(path.join(this.#folder, name), "utf8"))
      .join("");
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill("SIGTERM");
    await once(this.#process, "exit");
  }

  async #listening(port: number): Promise<void> {
    const giveUpAt = Date.now() + START_TIMEOUT_MS;
    while (!(await connects(port))) {
      if (this.#process.exitCode !== null) throw new Error(`nginx ended with ${this.#process.exitCode}`);
      if (Date.now() > giveUpAt) throw new Error(`nginx does not listen on ${port}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** A shipped file; nothing is changed but places, ports and, where asked for, the time-out of reading. */
function shippedConf({ folder, certificate, ...options }: NginxOptions): string {
  const { httpPort, httpsPort, upstreamPort, secondPort, readTimeoutSeconds = 3600 } = options;
  const shipped = path.join(SHIPPED, secondPort ? "linescribe-processes.conf" : "linescribe.conf");
  const changes: [RegExp | string, string][] = [
    [/listen 80;/, `listen 127.0.0.1:${httpPort};`],
    [/listen \[::\]:80;/, `listen 127.0.0.2:${httpPort};`],
    [/listen 443 ssl;/, `listen 127.0.0.1:${httpsPort} ssl;`],
    [/listen \[::\]:443 ssl;/, `listen 127.0.0.2:${httpsPort} ssl;`],
    ["/etc/letsencrypt/live/calls.example.com/fullchain.pem", certificate.certificateFile],
    ["/etc/letsencrypt/live/calls.example.com/privkey.pem", certificate.keyFile],
    [/server_name calls\.example\.com;/g, `server_name ${NAME};`],
    [/server 127\.0\.0\.1:8080\b/g, `server 127.0.0.1:${upstreamPort}`],
    ...(secondPort
      ? [[/server 127\.0\.0\.1:8081\b/g, `server 127.0.0.1:${secondPort}`] as [RegExp, string]]
      : []),
    [/\/var\/log\/nginx\//g, `${folder}/`],
    [/proxy_read_timeout 3600s;/g, `proxy_read_timeout ${readTimeoutSeconds}s;`],
  ];
  let text = readFileSync(shipped, "utf8");
  for (const [from, to] of changes) {
    const changed = text.replace(from, to);
    if (changed === text && !changed.includes(to)) throw new Error(`${shipped} has no ${from}`);
    text = changed;
  }
  return text;
}

/** What a distribution's nginx.conf has around it. */
function mainConf(folder: string): string {
  const { username } = os.userInfo();
  const group = call("id", ["-gn"]).trim();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return [
    // Workers of root would otherwise be somebody who may not enter the folder.
    ...(process.getuid?.() === 0 ? [`user ${username} ${group};`] : []),
    "daemon off;",
    "worker_processes 1;",
    `pid ${folder}/nginx.pid;`,
    `error_log ${folder}/main.log warn;`,
    "events { worker_connections 768; }",
    "http {",
    ...temporary.map((name) => `${name}_temp_path ${folder}/${name};`),
    `include ${folder}/linescribe.conf;`,
    "}",
    "",
  ].join("\n");
}

/** @throws when there is no such program, which is no reason to skip anything here. */
function call(program: string, args: string[]): string {
  try {
    return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new Error(`There is no ${program} on PATH: apt-get install -y nginx openssl`, { cause: error });
  }
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
