/**
 * Which addresses a URL given by an outsider may lead to: public ones, and those that the operator allows.
 */
import { networkInterfaces } from "node:os";
import {
  type IpAddress,
  isInside,
  isInsideAny,
  type Network,
  networksOf,
  parseIp,
} from "../base/ip-address.ts";

/** All of IPv4 but what IANA's special-purpose registry calls not globally reachable, multicast and reserved. */
const DENIED_IPV4 = networksOf(
  "0.0.0.0/8", // this network
  "10.0.0.0/8", // private
  "100.64.0.0/10", // behind carriers' NAT; Alibaba's metadata
  "127.0.0.0/8", // loopback
  "169.254.0.0/16", // link-local; metadata of most clouds
  "172.16.0.0/12", // private
  "192.0.0.0/24", // protocol assignments; Oracle's metadata
  "192.0.2.0/24", // documentation
  "192.88.99.0/24", // 6to4 relays, deprecated
  "192.168.0.0/16", // private
  "198.18.0.0/15", // benchmarks
  "198.51.100.0/24", // documentation
  "203.0.113.0/24", // documentation
  "224.0.0.0/4", // multicast
  "240.0.0.0/4", // reserved, broadcast
  "168.63.129.16/32", // Azure's host: public in its form alone
);

/**
 * Of IPv6 only what is assigned as global unicast: mapped, compatible, translated (NAT64), unique local, link-local and
 * multicast addresses all lie outside. An IPv4-mapped one is judged as its IPv4 address.
 */
const GLOBAL_IPV6 = networksOf("2000::/3");
const DENIED_IPV6 = networksOf(
  "2001::/23", // protocol assignments: Teredo, benchmarks, ORCHID
  "2001:db8::/32", // documentation
  "2002::/16", // 6to4: an IPv4 address inside
  "3ffe::/16", // 6bone, given back
  "3fff::/20", // documentation
);

export interface AddressGuardOptions {
  /** Networks that may be reached although they are not public. */
  allow: readonly Network[];
  /** Addresses of this machine, which may be public and yet reach what is only open to it. */
  ownAddresses?: () => readonly string[];
}

/** Whether an address, as text without brackets, may be connected to. What is no address may not. */
export type AddressGuard = (text: string) => boolean;

export function createAddressGuard({ allow, ownAddresses = interfaces }: AddressGuardOptions): AddressGuard {
  return (text) => {
    const ip = parseIp(text);
    if (ip === null) return false;
    if (isInsideAny(ip, allow)) return true;
    return isPublic(ip) && !ownAddresses().some((own) => isSame(ip, own));
  };
}

/** Whether an address is reachable from anywhere, by its number alone. */
export function isPublic(ip: IpAddress): boolean {
  if (ip.version === 4) return !isInsideAny(ip, DENIED_IPV4);
  return isInsideAny(ip, GLOBAL_IPV6) && !isInsideAny(ip, DENIED_IPV6);
}

function isSame(ip: IpAddress, text: string): boolean {
  const other = parseIp(text);
  return other !== null && isInside(ip, { ...other, prefix: other.version === 4 ? 32 : 128 });
}

function interfaces(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
}
