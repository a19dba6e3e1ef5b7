import type { ModelVersion } from '@ogong/chain/registry/model-registry';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { parsePlace } from '@ogong/hub/place';
import { toHex } from '@ogong/protocol/base/bytes';
import { createTestManifest } from '@ogong/testing/hub/hub-manifest';
import { describe, expect, it } from 'vitest';
import { readLineage } from './origin-field.ts';
import { checkOwner, describeEntry, isPublished } from './publish-entry.ts';

const manifest = createTestManifest(nodeCrypto);
const [manifestHash, tokenizerHash] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
const adapter = `0x${'0a'.repeat(32)}` as const;
const before: ModelVersion = {
  ...{ modelRoot: `0x${toHex(manifest.modelRoot)}`, tokenizerHash: `0x${'02'.repeat(32)}`, licence: 'MIT' },
  sources: [`hub:${'09'.repeat(32)}`, 'hub+https://old.example/', 'hf:acme/small'],
  ...{ adapterRoots: [adapter], from: 5n, until: undefined },
};
const place = (text: string) => parsePlace(text) as NonNullable<ReturnType<typeof parsePlace>>;
const describeWith = (changes: Partial<Parameters<typeof describeEntry>[1]> = {}) =>
  describeEntry('test', { manifest, manifestHash, tokenizerHash, places: [], before, ...changes });

describe('an entry of the registry', () => {
  it('names the new manifest, and keeps places, other sources and adapters of the same weights', () => {
    const hub = `hub:${'01'.repeat(32)}`;
    const next = describeWith();
    expect(next.sources).toEqual([hub, 'hub+https://old.example/', 'hf:acme/small']);
    expect(next.adapterRoots).toEqual([adapter]);
    expect(describeWith({ places: [place('https://new.example')] }).sources).toEqual([
      ...[hub, 'hub+https://new.example/', 'hf:acme/small'],
    ]);
    const others = describeWith({ before: { ...before, modelRoot: `0x${'07'.repeat(32)}` } });
    expect([others.sources, others.adapterRoots]).toEqual([[hub], []]);
  });

  it('is published if the newest version says the same and has no end', () => {
    const next = describeWith();
    expect(isPublished(next, { ...before, ...next })).toBe(true);
    expect(isPublished(next, { ...before, ...next, until: 9n })).toBe(false);
    expect(isPublished(next, { ...before, ...next, licence: 'GPL-3.0-only' })).toBe(false);
    expect(isPublished(next, undefined)).toBe(false);
  });

  it('has no more and no longer sources than the registry takes', () => {
    const many = Array.from({ length: 8 }, (_, i) => place(`https://${i}.example`));
    expect(() => describeWith({ places: many, before: undefined })).toThrow(/takes 8 sources and this is 9/);
    const long = place(`https://a.example/${'b'.repeat(234)}`);
    expect(() => describeWith({ places: [long] })).toThrow(/of 256 bytes/);
  });

  it('is for the owner of the name alone', async () => {
    const own = `0x${'aa'.repeat(20)}` as const;
    const check = (owner: typeof own | undefined, claim = false) =>
      checkOwner(
        'test',
        { address: own, makerOwner: async () => owner, makerFee: async () => 7n },
        { maker: 'acme', claim },
      );
    expect(await check(own)).toBe(false);
    expect(await check(undefined, true)).toBe(true);
    await expect(check(undefined)).rejects.toThrow(/--claim pays 0\.000000000000000007 OGONG/);
    await expect(check(`0x${'bb'.repeat(20)}`, true)).rejects.toThrow(/belongs to 0xbbb/);
  });
});

it('lineage is in the order of the roots', () => {
  const origin = (byte: number) => ({ modelRoot: new Uint8Array(32).fill(byte), licence: 'MIT' });
  const lineage = readLineage({
    ...{ quantisedFrom: [origin(3)], adapterOf: [], mergedFrom: [origin(2), origin(1)], convertedFrom: [] },
  });
  expect(lineage.map(({ relation, modelRoot }) => [relation, modelRoot[0]])).toEqual([
    ['merged-from', 1],
    ['merged-from', 2],
    ['quantised-from', 3],
  ]);
});
