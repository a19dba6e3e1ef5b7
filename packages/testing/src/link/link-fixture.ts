import { Secret } from '@ogong/host/crypto/secret';
import { createLinkIdentity, type LinkIdentity } from '@ogong/host/link/link-identity';

const identities = new Map<number, LinkIdentity>();

/** Numbered identities for tests. Each certificate is made once. */
export async function makeIdentity(seed: number): Promise<LinkIdentity> {
  const identity = identities.get(seed) ?? createLinkIdentity(new Secret(new Uint8Array(32).fill(seed)));
  identities.set(seed, identity);
  return identity;
}
