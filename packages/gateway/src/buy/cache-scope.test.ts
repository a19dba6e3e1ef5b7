import { describe, expect, it } from 'vitest';
import { createCacheScopes } from './cache-scope.ts';

const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

describe('the scope of a cache', () => {
  const name = createCacheScopes(bytes(32, 1));
  const scope = name('0a1b2c3d', bytes(32, 2));

  it('is the same for a key and a provider, and tells either from others', () => {
    expect(scope).toHaveLength(16);
    expect(name('0a1b2c3d', bytes(32, 2))).toEqual(scope);
    expect(name('0a1b2c3e', bytes(32, 2))).not.toEqual(scope);
    expect(name('0a1b2c3d', bytes(32, 3))).not.toEqual(scope);
  });

  it('cannot be computed from a key without the secret', () => {
    expect(createCacheScopes(bytes(32, 9))('0a1b2c3d', bytes(32, 2))).not.toEqual(scope);
  });
});
