import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';

/** Addresses that lead to no machine of the public internet: of this machine, of a local network, or of no machine at all. */
const CLOSED = new BlockList();
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  CLOSED.addSubnet(net, prefix, 'ipv4');
}
/** Of IPv6 only 2000::/3 is public. Of that, some blocks lead to IPv4 addresses or to nowhere. */
const PUBLIC_V6 = new BlockList();
PUBLIC_V6.addSubnet('2000::', 3, 'ipv6');
for (const [net, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  CLOSED.addSubnet(net, prefix, 'ipv6');
}

/** @param address an IP address as text, without brackets; IPv4 inside IPv6 (`::ffff:127.0.0.1`) counts as closed. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !CLOSED.check(address, 'ipv4');
  // A zone (`fe80::1%eth0`) names a local link.
  if (family !== 6 || address.includes('%')) return false;
  return PUBLIC_V6.check(address, 'ipv6') && !CLOSED.check(address, 'ipv6');
}

/** The chains of developers' machines, where every node is on loopback. */
const LOCAL_CHAINS: ReadonlySet<bigint> = new Set([1_337n, 31_337n]);

export const isLocalChain = (chainId: bigint): boolean => LOCAL_CHAINS.has(chainId);

/** `public`: only addresses of the public internet. `any`: for peers that the operator named, and on local chains. */
export type DialPolicy = 'public' | 'any';

/** Returns the policy for addresses that other parties of this chain named. */
export const toDialPolicy = (chainId: bigint): DialPolicy => (isLocalChain(chainId) ? 'any' : 'public');

export type Lookup = (host: string) => Promise<readonly { readonly address: string }[]>;

const lookUp: Lookup = (host) => lookup(host, { all: true });

/**
 * Looks a host up once. The caller dials the returned addresses, so that the name cannot lead elsewhere after the check.
 * @throws Error if it leads to any address that is not public.
 */
export async function findPublicAddresses(host: string, find: Lookup = lookUp): Promise<string[]> {
  const plain = host.replace(/^\[(.*)\]$/, '$1');
  const addresses = isIP(plain) === 0 ? (await find(plain)).map(({ address }) => address) : [plain];
  if (addresses.length === 0 || !addresses.every(isPublicAddress)) {
    throw new Error(`${plain} is not an address of the public internet`);
  }
  return addresses;
}
