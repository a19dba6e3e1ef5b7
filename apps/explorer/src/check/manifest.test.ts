import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { createTestManifest } from '@ogong/testing/hub/hub-manifest';
import { signTestManifest } from '@ogong/testing/hub/hub-model';
import { expect, it } from 'vitest';
import type { HubManifestFacts } from '../data/hub-card.ts';
import { checkCard, type ManifestEvidence } from './manifest.ts';

const README = '# Small\n';
const manifest = createTestManifest(crypto, {
  files: createTestManifest(crypto).files.map((file) =>
    file.path === 'LICENSE' ? { ...file, sha256: crypto.sha256(new TextEncoder().encode(README)) } : file,
  ),
});
const { encoded, facts, signed } = signTestManifest(manifest);
const show = (bytes: Uint8Array) => ({ signed: bytes }) as HubManifestFacts;
const good: ManifestEvidence = {
  card: {
    ...{ maker: 'acme', model: 'small', owner: `0x${toHex(facts.owner as Uint8Array)}`, readme: README },
    manifest: show(encoded),
  },
  registry: facts.registry,
  chain: { ...facts, manifestHashes: new Map([[toHex(manifest.modelRoot), signed.manifestHash]]) },
};
const failed = (evidence: ManifestEvidence) =>
  checkCard(evidence).flatMap(({ id, status }) => (status === 'fail' ? [id] : []));

it('proves a card by the chain', () => {
  expect(checkCard(good).map(({ id, status }) => `${id} ${status}`)).toEqual([
    'manifest pass',
    'owner pass',
    'manifest-hash pass',
    'signature pass',
    'model-root pass',
    'registry pass',
    'readme pass',
  ]);
});

it('says that the owner is the gateway’s statement without the chain', () => {
  const checks = checkCard({ ...good, chain: undefined });
  expect(checks.filter(({ status }) => status === 'skip').map(({ id }) => id)).toEqual([
    'owner',
    'manifest-hash',
    'registry',
  ]);
  expect(checks.find(({ id }) => id === 'signature')?.detail).toContain('the gateway names');
});

it.each<[string, ManifestEvidence, string[]]>([
  ['other bytes', { ...good, card: { ...good.card, manifest: show(encoded.slice(1)) } }, ['manifest']],
  ['another model', { ...good, card: { ...good.card, model: 'large' } }, ['manifest']],
  ['another README', { ...good, card: { ...good.card, readme: '# Large\n' } }, ['readme']],
  ['a maker that does not own the name', change({ owner: fromHex('09'.repeat(20)) }), ['signature']],
  ['another manifest in the registry', change({ manifestHashes: new Map() }), ['manifest-hash']],
  ['a root that the registry never had', change({ publishedRoots: [] }), ['registry']],
])('refutes %s', (_what, evidence, ids) => expect(failed(evidence)).toEqual(ids));

function change(chain: Partial<ManifestEvidence['chain']>): ManifestEvidence {
  return { ...good, chain: { ...(good.chain as NonNullable<ManifestEvidence['chain']>), ...chain } };
}
