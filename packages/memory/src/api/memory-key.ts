import type { MemoryScope } from './memory-routes.ts';

export interface MemoryKey {
  readonly id: string;
  /** Beginning of the secret, by which its holder knows it. */
  readonly prefix: string;
  readonly user: string;
  readonly scopes: readonly MemoryScope[];
  /** Unix times, ms. */
  readonly createdMs: number;
  readonly expiresMs: number | undefined;
  readonly revokedMs: number | undefined;
  /** To the minute. */
  readonly usedMs: number | undefined;
}

/** The keys of a service that makes its own. */
export interface UserKeys {
  /**
   * A user has at most 64 keys. The oldest one that is revoked or expired is forgotten for a further one.
   * @returns the new key with its secret, which is shown once.
   * @throws MemoryStoreError `full`; `invalid` for a time in the past; `invalid` and `too-large` for the name of a user.
   */
  add(key: Pick<MemoryKey, 'user' | 'scopes' | 'expiresMs'>): Promise<MemoryKey & { readonly secret: string }>;
  /** @param user default: all users. */
  list(user?: string): Promise<readonly MemoryKey[]>;
  /** @returns false if there is no such key, or it was revoked before. */
  revoke(id: string): Promise<boolean>;
}

/** The key that a caller sent, and the store of keys that it may change. */
export interface CallerKey extends Pick<MemoryKey, 'scopes' | 'expiresMs'> {
  readonly store: UserKeys;
}
