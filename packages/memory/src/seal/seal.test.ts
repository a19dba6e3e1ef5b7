import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createOrLoadMemoryKey } from '@ogong/host/crypto/key-files';
import { Secret } from '@ogong/host/crypto/secret';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deriveMasterKey } from './master-key.ts';
import { openPassphraseKey } from './passphrase-key.ts';
import { drawSealKey, openValue, sealValue } from './sealed-box.ts';

const place = { kind: 'memory', userId: 'aa', id: 'bb' };

describe('a sealed value', () => {
  it('opens at its place under its key, whole and unchanged, and nowhere else', () => {
    const [key, value] = [drawSealKey(), new Uint8Array([1, 2, 3])];
    const sealed = sealValue(key, place, value);
    expect(openValue(key, place, sealed)).toEqual(value);
    expect(sealValue(key, place, value)).not.toEqual(sealed);
    const places = [{ kind: 'note' }, { userId: 'ab' }, { id: 'bc' }, { userId: 'aa/bb', id: '' }];
    for (const other of places) expect(() => openValue(key, { ...place, ...other }, sealed)).toThrow('does not open');
    for (let at = 0; at < sealed.length; at++)
      expect(() => openValue(key, place, sealed.with(at, (sealed[at] as number) ^ 1))).toThrow('does not open');
    for (const length of [0, 24, sealed.length - 1])
      expect(() => openValue(key, place, sealed.subarray(0, length))).toThrow('does not open');
    expect(() => openValue(drawSealKey(), place, sealed)).toThrow(expect.objectContaining({ code: 'damaged' }));
  });
});

describe('a master key', () => {
  const cost = { n: 2 ** 14, r: 8, p: 1 };
  let directory: TestDirectory;
  let path: string;
  beforeEach(() => {
    directory = createTestDirectory('seal');
    path = join(directory.path, 'memory.key');
  });
  afterEach(() => directory.remove());

  it('comes from a file for this user alone', () => {
    const key = createOrLoadMemoryKey(path);
    expect(createOrLoadMemoryKey(path).reveal()).toEqual(key.reveal());
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const { wrapping, hashName } = deriveMasterKey(key);
    expect(hashName('ann')).not.toBe(deriveMasterKey(new Secret(drawSealKey())).hashName('ann'));
    expect(wrapping.reveal()).not.toEqual(key.reveal());
    expect(() => deriveMasterKey(new Secret(new Uint8Array(16)))).toThrow('it has 32');
  });

  it('comes from a passphrase and the stored parameters', async () => {
    const open = (passphrase: string) => openPassphraseKey(path, new Secret(passphrase), cost);
    const key = await open('pass\u00e9');
    const stored = readFileSync(path, 'utf8');
    expect(JSON.parse(stored)).toMatchObject({ kdf: 'scrypt', ...cost });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    // The same letter in two code points.
    expect((await open('passe\u0301')).reveal()).toEqual(key.reveal());
    expect((await open('other')).reveal()).not.toEqual(key.reveal());
    await expect(open('')).rejects.toMatchObject({ code: 'malformed' });
    expect(readFileSync(path, 'utf8')).toBe(stored);
  });

  it('is not computed with parameters that take too long, too much memory, or protect too little', async () => {
    const salt = '00'.repeat(16);
    const wrong = [
      ...[{ n: 2 ** 21 }, { n: 2 ** 13 }, { n: 20_000 }, { r: 33 }, { p: 17 }, { n: 2 ** 20, r: 32 }],
      ...[{ salt: '' }, { kdf: 'pbkdf2' }, { more: 1 }],
    ].map((given) => JSON.stringify({ kdf: 'scrypt', ...cost, salt, ...given }));
    for (const text of [...wrong, '', '{', ' '.repeat(2_000)]) {
      writeFileSync(path, text);
      await expect(openPassphraseKey(path, new Secret('x'))).rejects.toMatchObject({ code: 'malformed' });
    }
  });
});
