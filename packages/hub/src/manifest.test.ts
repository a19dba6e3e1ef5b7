import { readFileSync } from 'node:fs';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { createTestManifest } from '@ogong/testing/hub/hub-manifest';
import type { createHubVectors } from '@ogong/testing/hub/hub-vectors';
import { checkCodec } from '@ogong/testing/protocol/codec-compliance';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type HubManifest,
  isMajorVersion,
  MAX_FILES,
  type ManifestFile,
  manifestFormat,
  parseHubManifest,
} from './manifest.ts';
import { hashManifestDigest, parseSignedManifest, signHubManifest, verifySignedManifest } from './signed-manifest.ts';

const file = new URL('../../protocol/vectors/hub.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as ReturnType<typeof createHubVectors>;

const manifest = createTestManifest(crypto);
const [text, json, weights] = manifest.files as [ManifestFile, ManifestFile, ManifestFile];
const root = (value: number): Uint8Array => new Uint8Array(32).fill(value);
const isRefused = expect.objectContaining({ name: 'ProtocolError' });

/** Describes a side file with another path. */
const at = (path: string, changes: Partial<ManifestFile> = {}): Partial<HubManifest> => ({
  files: [{ ...text, path, ...changes }, weights].sort((a, b) => (a.path < b.path ? -1 : 1)),
});

describe('a manifest', () => {
  it('has one encoding', () => {
    const major = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    const changed = fc.record({
      version: fc.record({ major, minor: major, patch: major }),
      notes: fc.string({ maxLength: 99 }),
    });
    const any = changed.map(({ version, notes }) =>
      createTestManifest(crypto, { version, notes: notes.replaceAll(/[^\x20-\x7e]/g, '') }),
    );
    checkCodec(any, manifestFormat.encode, parseHubManifest);
  });

  it.each<[string, Partial<HubManifest>]>([
    ['a maker that the registry would refuse', { maker: 'Acme' }],
    ['a model without a name', { model: '' }],
    ['a name that is too long', { model: 'a'.repeat(65) }],
    ['a version that is no integer', { version: { major: 1.5, minor: 0, patch: 0 } }],
    ['notes that a terminal obeys', { notes: 'new\u001b[2J' }],
    ['notes that are too long', { notes: 'x'.repeat(4_097) }],
    ['no file', { files: [] }],
    [
      'too many files',
      { files: Array.from({ length: MAX_FILES + 1 }, (_, i) => ({ ...json, path: `a${10_000 + i}.json` })) },
    ],
    ['files out of order', { files: [weights, text] }],
    ['one file twice', { files: [text, text, weights] }],
    ['two paths that differ by case alone', { files: [text, { ...text, path: 'License' }, weights] }],
    [
      'a file that is a folder too',
      { files: [{ ...json, path: 'a.json' }, { ...json, path: 'a.json/b.json' }, weights] },
    ],
    ['no weights', { files: [text] }],
    ['a path out of the folder', at('../LICENSE')],
    ['a path that leaves and comes back', at('a/../LICENSE')],
    ['an absolute path', at('/LICENSE')],
    ['a path of Windows', at('a\\LICENSE')],
    ['a drive of Windows', at('C:LICENSE')],
    ['a device of Windows', at('aux.txt')],
    ['a part that ends with a point', at('a./LICENSE')],
    ['a hidden file', at('.git/readme')],
    ['a path with a control character', at('a\nreadme')],
    ['a pickle', at('pytorch_model.bin')],
    ['a pickle under a name of PyTorch', at('model.pt')],
    ['a script', at('modeling.py')],
    ['a library', at('plugin.so', { format: 'onnx-data' })],
    ['weights under a name of text', at('notes.txt', { format: 'gguf' })],
    ['an empty file', at('LICENSE', { sizeBytes: 0 })],
    ['a file above a tebibyte', at('LICENSE', { sizeBytes: 2 ** 40 + 1 })],
    [
      'files above four tebibytes',
      { files: ['a', 'b', 'c', 'd', 'e'].map((x) => ({ ...weights, path: `${x}.gguf`, sizeBytes: 2 ** 40 })) },
    ],
    ['a short hash', at('LICENSE', { sha256: new Uint8Array(31) })],
    ['a licence that is no expression', { licence: 'free for all' }],
    [
      'a model that was made from itself',
      { lineage: [{ modelRoot: manifest.modelRoot, relation: 'merged-from', licence: 'MIT' }] },
    ],
    [
      'an origin twice',
      { lineage: [1, 1].map((x) => ({ modelRoot: root(x), relation: 'merged-from', licence: 'MIT' })) },
    ],
    [
      'too many origins',
      {
        lineage: Array.from({ length: 17 }, (_, x) => ({
          modelRoot: root(x),
          relation: 'merged-from',
          licence: 'MIT',
        })),
      },
    ],
    [
      'a licence that an origin forbids',
      { lineage: [{ modelRoot: root(1), relation: 'quantised-from', licence: 'CC-BY-NC-4.0' }] },
    ],
    ['evaluations out of order', { evaluations: [root(2), root(1)] }],
    ['one evaluation twice', { evaluations: [root(1), root(1)] }],
    ['too many evaluations', { evaluations: Array.from({ length: 65 }, (_, at) => root(at)) }],
  ])('refuses %s', (_name, changes) => {
    expect(() => manifestFormat.encode({ ...manifest, ...changes })).toThrow(isRefused);
  });

  it('is a major version if minor and patch are 0', () => {
    expect(isMajorVersion(manifest.version)).toBe(false);
    expect(isMajorVersion({ major: 2, minor: 0, patch: 0 })).toBe(true);
    expect(isMajorVersion({ major: 2, minor: 0, patch: 1 })).toBe(false);
  });
});

describe('a signed manifest', () => {
  const registry = {
    chainId: BigInt(vectors.registry.chainId),
    verifyingContract: fromHex(vectors.registry.contract),
  };
  const owner = fromHex(vectors.owner);
  const maker = createNobleLedgerSigner(root(3));
  const publishedRoots = [root(1), manifest.modelRoot];
  const verify = (encoded: Uint8Array, facts = {}) =>
    verifySignedManifest(crypto, parseSignedManifest(crypto, encoded), { registry, owner, publishedRoots, ...facts });
  const failed = (encoded: Uint8Array, facts = {}) =>
    verify(encoded, facts)
      .checks.filter(({ status }) => status === 'fail')
      .map(({ id }) => id);

  it.each(vectors.manifests)('matches the vectors: $hash', ({ manifest: encoded, hash, digest, signed }) => {
    const read = parseHubManifest(fromHex(encoded));
    expect(toHex(manifestFormat.encode(read))).toBe(encoded);
    expect(toHex(crypto.sha256(fromHex(encoded)))).toBe(hash);
    expect(toHex(hashManifestDigest(crypto, registry, fromHex(hash)))).toBe(digest);
    expect(toHex(signHubManifest(crypto, { registry, maker }, read))).toBe(signed);
    for (const refused of vectors.refused) expect(() => parseHubManifest(fromHex(refused))).toThrow(isRefused);
  });

  it('is good with the signature of the owner, the root of its files and an entry in the registry', () => {
    const signed = signHubManifest(crypto, { registry, maker }, manifest);
    expect(verify(signed)).toMatchObject({
      ok: true,
      checks: [{ id: 'signature' }, { id: 'model-root' }, { id: 'registry' }],
    });
    const { ok, checks } = verify(signed, { publishedRoots: undefined });
    expect([ok, checks[2]?.status]).toEqual([true, 'skip']);
  });

  it('fails for another owner, registry, root or name', () => {
    const sign = (changes: Partial<HubManifest> = {}, by = maker) =>
      signHubManifest(crypto, { registry, maker: by }, { ...manifest, ...changes });
    expect(failed(sign({}, createNobleLedgerSigner(root(4))))).toEqual(['signature']);
    expect(failed(sign(), { owner: undefined })).toEqual(['signature']);
    expect(failed(sign(), { owner: new Uint8Array(20) })).toEqual(['signature']);
    expect(failed(sign(), { registry: { ...registry, chainId: 1n } })).toEqual(['signature']);
    expect(failed(sign({ rootRule: 'folder' }))).toEqual(['model-root']);
    expect(failed(sign({ files: [text, { ...weights, sha256: root(9) }] }))).toEqual(['model-root']);
    expect(failed(sign(), { publishedRoots: [root(1)] })).toEqual(['registry']);
    const changed = sign();
    const notes = Buffer.from(changed).indexOf('Eight');
    expect(failed(changed.with(notes, 0x65))).toEqual(['signature']);
  });
});
