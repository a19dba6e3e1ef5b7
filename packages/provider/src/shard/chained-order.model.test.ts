import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SegmentEngine } from '@ogong/engine/interface/segment';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { openChainedTextEngine, segmentOptionsOf } from '@ogong/engine/llama-cpp/segment/chained-engine';
import { openSegmentModel } from '@ogong/engine/llama-cpp/segment/segment-model';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { createLinkPool } from '@ogong/host/link/link-pool';
import { systemClock } from '@ogong/host/time/clock';
import { computeGenesisBeacon } from '@ogong/protocol/beacon/beacon';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { hashSlabManifest, type SlabManifest } from '@ogong/protocol/commitment/slab-manifest';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createNobleEd25519Signer } from '@ogong/protocol/crypto/noble';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { ShardService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { type BoundaryRoot, verifyBoundaryRoot } from '@ogong/protocol/modality/text/boundary/boundary-root';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { type CohortMember, readCohort } from '@ogong/protocol/settlement/cohort-agreement';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { writeSlabs } from '@ogong/testing/models/cut-model';
import { startLoopbackServer } from '@ogong/testing/network/loopback-server';
import {
  createNetwork,
  ledger,
  network,
  PRICE,
  payee,
  providerSigner,
  receive,
  validatorSigner,
} from '@ogong/testing/provider/provider-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCohortChain } from './cohort-chain.ts';
import { createLinkShard } from './link-shard.ts';
import { createOrderMemory } from './order-memory.ts';
import { createShard, type Shard } from './shard.ts';
import { createShardService, MAX_SHARD_CALL_BYTES } from './shard-service.ts';

const EDGES = [1, 3];
const LAYERS = [1, 2, 2];
const PRICES = [400_000n, 900_000n, PRICE - 1_300_000n];
const CONTEXT = 256;
const SEQUENCES = 2;

const closing: (() => unknown)[] = [];
let folder: string;
let path: string;
let modelRoot: Uint8Array;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-chained-order-'));
  const model = await resolveModel('stories260K', { storeDir: folder });
  modelRoot = model.modelRoot;
  // Slabs are written beside the model, which is a file of the repository.
  path = join(folder, 'stories260K.gguf');
  copyFileSync(model.path, path);
});
afterAll(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
});

/** A provider that leads, and two shards behind links of their own. */
async function start() {
  const shape = { contextSize: CONTEXT, sequences: SEQUENCES };
  const slabs = writeSlabs(path, EDGES);
  const segments = slabs.slice(0, -1).map((slab): SegmentEngine => openSegmentModel(slab, segmentOptionsOf(shape)));
  closing.push(async () => {
    for (const segment of segments) await segment.close();
  });
  const { numericClass, embeddingSize, passRows } = (segments[0] as SegmentEngine).info();
  const signers = [0x61, 0x62].map((byte) => createNodeHybridSigner(new Uint8Array(64).fill(byte)));
  const sessions = [0x71, 0x72, 0x73].map((byte) => createNobleEd25519Signer(new Uint8Array(32).fill(byte)));
  const members = [...signers, providerSigner].map(
    ({ publicKey }, i): CohortMember => ({
      providerId: hashHybridKey(crypto, publicKey),
      payee: i === LAYERS.length - 1 ? payee : new Uint8Array(20).fill(0xc0 + i),
      firstLayer: LAYERS.slice(0, i).reduce((sum, layers) => sum + layers, 0),
      ...{ layers: LAYERS[i] as number, pricePer1kAtomic: PRICES[i] as bigint, numericClass },
      sessionKey: (sessions[i] as (typeof sessions)[number]).publicKey,
    }),
  );
  const beacon = computeGenesisBeacon(crypto, network);
  const validator = {
    ...{ address: validatorSigner.address, signingKey: validatorSigner.address, stake: 100n },
    ...{ certHash: new Uint8Array(32), vrfKey: new Uint8Array(32), endpoint: '127.0.0.1:1' },
  };
  const identity = await makeIdentity(1);
  const slabFile = (to: number) => ({ to, sizeBytes: 1, sha256: new Uint8Array(32) });
  const manifest: SlabManifest = { modelRoot, cutter: 1, layers: 5, slabs: [...EDGES, 5].map(slabFile) };
  const shards = segments.map(
    (segment, i): Shard =>
      createShard(
        {
          ...(members[i] as CohortMember),
          ...{ segment, manifest, session: sessions[i] as (typeof sessions)[number] },
        },
        {
          ...{ crypto, clock: systemClock, orders: createOrderMemory(systemClock) },
          chain: { ledger, findByAddress: () => validator, isEjected: async () => false, isBacked: async () => true },
          signer: signers[i] as (typeof signers)[number],
          onError(error) {
            throw error;
          },
          beacons: {
            get: async (epoch) => ({ epoch, value: beacon, previous: beacon, certificate: new Uint8Array() }),
          },
          ...{ providerId: (members[i] as CohortMember).providerId, payee: (members[i] as CohortMember).payee },
        },
      ),
  );
  const links = createLinkPool({
    ...{ identity, dialPolicy: 'any' },
    limits: { maxMessageBytes: MAX_SHARD_CALL_BYTES },
  });
  closing.push(() => links.close());
  const calls = await Promise.all(
    shards.map(async (shard) => {
      const server = await startLoopbackServer((router) =>
        router.service(ShardService, createShardService([shard]), { readMaxBytes: MAX_SHARD_CALL_BYTES }),
      );
      closing.push(() => server.stop());
      return createLinkShard(links, { endpoint: server.endpoint, certHash: server.identity.id });
    }),
  );
  const chain = createCohortChain({
    ...{ crypto, ledger, manifestHash: hashSlabManifest(crypto, manifest), modelRoot, members, shards: calls },
    ...{ signer: providerSigner, link: identity.id },
    session: sessions.at(-1) as (typeof sessions)[number],
    ...{ embeddingSize, vocabularySize: (segments[0] as SegmentEngine).info().vocabularySize },
    ...{ contextSize: CONTEXT, passRows },
  });
  const last = slabs.at(-1) as string;
  const bytes = readFileSync(last);
  const engine = await openChainedTextEngine({
    ...{ last, modelRoot, before: chain, threads: 1, drafts: 3, ...shape },
    expected: { sizeBytes: bytes.length, sha256: crypto.sha256(bytes) },
  });
  const provider = await createNetwork({ realEngine: engine, chain });
  closing.push(() => provider.close());
  return { ...provider, shards, members };
}

describe('a provider that leads a cohort', () => {
  it('serves the text of the whole model, and submits what all shards have signed', async () => {
    const whole = await createLlamaEngine({ modelPath: path, contextSize: CONTEXT, sequences: 1, threads: 1 });
    closing.push(() => whole.close());
    const alone = await createNetwork({ realEngine: whole });
    closing.push(() => alone.close());
    const { client, order, validator, shards, members } = await start();
    const body = { temperature: 0.8, seed: 7 };
    const [first, second] = await Promise.all([1, 2].map((nonce) => receive(client, order({ nonce, body }))));
    const expected = await receive(alone.client, alone.order({ body }));
    expect(first?.text).toBe(expected.text);
    expect(second?.text).toBe(expected.text);
    expect(parseHeader(first?.finished.header as Uint8Array).numericClass).toBe(members[0]?.numericClass);
    const { boundaries, promptTokenCount, outputTokenCount, orderHash } = parseHeader(
      first?.finished.header as Uint8Array,
    );
    expect(boundaries).toHaveLength(2);
    for (const [place, root] of boundaries.entries()) {
      // The last token has no row, and no guess behind the end of the reply has one.
      expect(root?.positions).toBe(promptTokenCount + outputTokenCount - 1);
      const senderKey = members[place]?.sessionKey as Uint8Array;
      const signed = { ...root, orderHash, place } as BoundaryRoot;
      expect(verifyBoundaryRoot(crypto, { orderHash, place, senderKey }, signed)).toBe(true);
    }
    await expect.poll(() => validator.pushed.length).toBe(2);
    for (const push of validator.pushed) {
      const named = nameOrder(crypto, ledger, parseOrder(push.order?.order as Uint8Array));
      const found = readCohort(crypto, { ledger, order: named, numericClass: members[0]?.numericClass }, push.cohort);
      expect(found).toMatchObject({ terms: { members } });
      expect(parseRecordV2(push.record?.record as Uint8Array).replyId).toEqual(named.replyId);
    }
    await expect.poll(() => shards.map((shard) => shard.free())).toEqual([SEQUENCES + 1, SEQUENCES + 1]);
  });
});
