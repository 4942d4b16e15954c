/**
 * IP addresses and networks as numbers, so that no spelling of an address makes it another one.
 */
import { isIPv4, isIPv6 } from "node:net";

export interface IpAddress {
  version: 4 | 6;
  /** The 32 or 128 bits, most significant first. */
  bits: bigint;
}

export interface Network {
  version: 4 | 6;
  bits: bigint;
  /** Leading bits that count, 0..32 or 0..128. */
  prefix: number;
}

const WIDTH = { 4: 32, 6: 128 } as const;
const MAPPED_PREFIX = 96;
/** The first 96 bits of `::ffff:0:0/96` (RFC 4291, 2.5.5.2). */
const MAPPED_BITS = 0xffffn;

/**
 * Reads an address in its usual spelling: dotted decimal without leading zeros, or RFC 4291 with or without a zone,
 * which is dropped. An IPv4-mapped IPv6 address is the IPv4 address. Null for anything else.
 */
export function parseIp(text: string): IpAddress | null {
  if (isIPv4(text)) return { version: 4, bits: fromGroups(text.split("."), 8, 10) };
  if (!isIPv6(text)) return null;
  const bits = bitsOfIpv6(text.replace(/%.*$/, ""));
  if (bits >> 32n === MAPPED_BITS) return { version: 4, bits: bits & 0xffff_ffffn };
  return { version: 6, bits };
}

/** @param text - What `isIPv6` holds for, without a zone. */
function bitsOfIpv6(text: string): bigint {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (dotted) {
    const tail = fromGroups((dotted[2] as string).split("."), 8, 10);
    return bitsOfIpv6(`${dotted[1]}${(tail >> 16n).toString(16)}:${(tail & 0xffffn).toString(16)}`);
  }
  const [head = [], after = []] = text.split("::").map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - head.length - after.length;
  return fromGroups([...head, ...Array<string>(missing).fill("0"), ...after], 16, 16);
}

function fromGroups(groups: readonly string[], width: number, radix: number): bigint {
  return groups.reduce((bits, group) => (bits << BigInt(width)) | BigInt(Number.parseInt(group, radix)), 0n);
}

/** The one spelling of an address: dotted decimal, or RFC 5952. */
export function formatIp({ version, bits }: IpAddress): string {
  if (version === 4) return [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 0xffn).join(".");
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((bits >> BigInt(112 - 16 * index)) & 0xffffn).toString(16),
  );
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

/**
 * Reads `10.0.0.0/8`, `fd00::/8`, or an address alone, which is a network of one. `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
 *
 * Null for anything else, also for a network with bits set behind its prefix: of `10.0.0.1/8` nobody knows what was
 * meant, and `::ffff:10.0.0.0/8` would be nearly everything.
 */
export function parseNetwork(text: string): Network | null {
  const [, address = "", length] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const ip = parseIp(address);
  if (ip === null) return null;
  const written = WIDTH[isIPv4(address) ? 4 : 6];
  const given = length === undefined ? written : Number(length);
  const prefix = ip.version === 4 && written === WIDTH[6] ? given - MAPPED_PREFIX : given;
  if (given > written || prefix < 0) return null;
  const network = { ...ip, prefix };
  return lowBits(network) === 0n ? network : null;
}

function lowBits({ version, bits, prefix }: Network): bigint {
  return bits & ((1n << BigInt(WIDTH[version] - prefix)) - 1n);
}

export function isInside(ip: IpAddress, network: Network): boolean {
  if (ip.version !== network.version) return false;
  const shift = BigInt(WIDTH[ip.version] - network.prefix);
  return ip.bits >> shift === network.bits >> shift;
}

export function isInsideAny(ip: IpAddress, networks: readonly Network[]): boolean {
  return networks.some((network) => isInside(ip, network));
}

/** Networks that our own code names. @throws {RangeError} when one is none. */
export function networksOf(...texts: readonly string[]): Network[] {
  return texts.map((text) => {
    const network = parseNetwork(text);
    if (network === null) throw new RangeError(`Expected a network such as 10.0.0.0/8, got "${text}"`);
    return network;
  });
}

const LOOPBACK = networksOf("127.0.0.0/8", "::1");

export function isLoopbackIp(ip: IpAddress): boolean {
  return isInsideAny(ip, LOOPBACK);
}

/** What limits count by: an IPv6 peer has a whole /64 at its disposal, so that is one; other text counts as it is. */
export function peerKey(address: string): string {
  const ip = parseIp(address);
  if (ip === null) return address;
  return ip.version === 4 ? formatIp(ip) : `${formatIp({ version: 6, bits: (ip.bits >> 64n) << 64n })}/64`;
}
