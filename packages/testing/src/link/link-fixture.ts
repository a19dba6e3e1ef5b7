import { Secret } from '@ogong/host/crypto/secret';
import { createLinkIdentity, type LinkIdentity } from '@ogong/host/link/link-identity';

/** Identities for tests, told apart by a number. */
export const makeIdentity = (seed: number): Promise<LinkIdentity> =>
  createLinkIdentity(new Secret(new Uint8Array(32).fill(seed)));
