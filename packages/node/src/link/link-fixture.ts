import { Secret } from '../crypto/secret.ts';
import { createLinkIdentity, type LinkIdentity } from './link-identity.ts';

/** Identities for tests, told apart by a number. */
export const makeIdentity = (seed: number): Promise<LinkIdentity> =>
  createLinkIdentity(new Secret(new Uint8Array(32).fill(seed)));
