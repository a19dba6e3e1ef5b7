import { randomBytes } from 'node:crypto';
import { createGivenRows } from '@ogong/engine/decode/given-rows';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeEd25519Signer, createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { createLogger } from '@ogong/host/log/logger';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { systemClock } from '@ogong/host/time/clock';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { verifyAnnouncement } from '@ogong/protocol/exchange/announcement';
import { findClass, parseEndorsement } from '@ogong/protocol/exchange/verifier-endorsement';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeSegment } from '@ogong/testing/engine/fake-segment';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { createNetwork, ledger, providerSigner, until } from '@ogong/testing/provider/provider-fixture';
import { createTestListing } from '@ogong/testing/verifier/test-listing';
import { afterEach, expect, it } from 'vitest';
import type { HeldSegment } from '../modality/text/segment-job.ts';
import type { OpenedShard } from '../provider/cohort/open-segments.ts';
import { createReports, VERIFIER_SCHEMA } from './report-store.ts';
import { createVerifier } from './verifier.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const modelRoot = new Uint8Array(32).fill(0x4d);
const layers = { modelRoot, firstLayer: 0, layers: 2, totalLayers: 4 };

async function startVerifier(segments: readonly HeldSegment[]) {
  const identity = await makeIdentity(11);
  const store = openStore(':memory:', { schema: VERIFIER_SCHEMA });
  const commits = createGroupCommit(store);
  const verifier = createVerifier(
    {
      bind: { host: '127.0.0.1', port: 0 },
      providers: [hashHybridKey(crypto, providerSigner.publicKey)],
    },
    {
      ...{ engines: [], segments, crypto, clock: systemClock, randomBytes, identity },
      signer: createNodeHybridSigner(new Uint8Array(64).fill(31)),
      reports: createReports(store, commits),
      chain: createTestListing([]),
      log: createLogger({ name: 'test', level: 'silent' }),
      metrics: createMetrics('verifier'),
    },
  );
  await verifier.start();
  closing.push(async () => {
    await verifier.stop(0);
    await commits.close();
    store.close();
  });
  const { host, port } = verifier.address();
  return { endpoint: `${host}:${port}`, certHash: identity.id, keyHash: verifier.keyHash };
}

it('a provider of segments alone announces its verifier, which names the class of their model', async () => {
  const segment = createFakeSegment({ place: 'first', weights: 0 });
  const engine = createFakeEngine();
  const last = { ...engine.info(), modelRoot };
  const verifier = await startVerifier([
    { ...layers, scorer: { kind: 'rows', segment } },
    {
      ...{ ...layers, firstLayer: 2 },
      scorer: { kind: 'windows', engine: { ...engine, info: () => last }, given: createGivenRows(8) },
    },
  ]);
  const shard: OpenedShard = {
    ...{ modelId: 'ogong/verified/test/stories', pricePer1kAtomic: 5n, uplinkMbit: 100, segment },
    session: createNodeEd25519Signer(new Uint8Array(32).fill(7)),
    slab: {
      ...{ ...layers, path: 'slab-0-2.gguf', manifestHash: new Uint8Array(32).fill(0x3a) },
      manifest: {
        modelRoot,
        cutter: 1,
        layers: 4,
        slabs: [2, 4].map((to) => ({ to, sizeBytes: 1, sha256: modelRoot })),
      },
      expected: { to: 2, sizeBytes: 1, sha256: modelRoot },
      ...{ embeddingSize: 8, vocabularySize: 300, weightBytes: 1, trainContext: 64 },
    },
  };
  const network = await createNetwork({
    realEngine: engine,
    provider: { offers: [], segments: { shards: [shard], leads: [] }, verifier, announceIntervalMs: 20 },
  });
  closing.push(network.close);
  const { announced } = network.validator;
  const look = () => {
    const signed = announced.at(-1);
    if (signed === undefined) return undefined;
    const { ok, announcement } = verifyAnnouncement(crypto, signed, { ledger, nowMs: Date.now(), toleranceMs: 60_000 });
    return ok && announcement?.verifier ? { announcement, word: signed.verifierEndorsement?.word } : undefined;
  };
  await until(() => look() !== undefined);
  const { announcement, word } = look() ?? {};
  expect(announcement).toMatchObject({ verifier, models: [], segments: [{ firstLayer: 0, layers: 2 }] });
  expect(findClass(parseEndorsement(word as Uint8Array), modelRoot)).toBe('fake-class');
});
