import { readFileSync } from 'node:fs';
import type { SegmentEngine, UpstreamRows } from '@ogong/engine/interface/segment';
import { openChainedTextEngine, segmentOptionsOf } from '@ogong/engine/llama-cpp/segment/chained-engine';
import { openSegmentModel } from '@ogong/engine/llama-cpp/segment/segment-model';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { createLinkPool } from '@ogong/host/link/link-pool';
import { systemClock } from '@ogong/host/time/clock';
import { computeGenesisBeacon } from '@ogong/protocol/beacon/beacon';
import { hashSlabManifest, type SlabManifest } from '@ogong/protocol/commitment/slab-manifest';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createNobleEd25519Signer } from '@ogong/protocol/crypto/noble';
import { ShardService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { CohortMember } from '@ogong/protocol/settlement/cohort-agreement';
import type { CommitReply } from '@ogong/provider/modality/text/commit-reply';
import type { Replacement, ShardCalls } from '@ogong/provider/shard/chain-state';
import { createCohortChain } from '@ogong/provider/shard/cohort-chain';
import { createLinkShard } from '@ogong/provider/shard/link-shard';
import { createOrderMemory } from '@ogong/provider/shard/order-memory';
import { createShard, type Shard } from '@ogong/provider/shard/shard';
import { createShardService, MAX_SHARD_CALL_BYTES } from '@ogong/provider/shard/shard-service';
import { makeIdentity } from '../link/link-fixture.ts';
import { writeSlabs } from '../models/cut-model.ts';
import { startLoopbackServer } from '../network/loopback-server.ts';
import {
  createNetwork,
  ledger,
  type Network,
  network,
  PRICE,
  payee,
  providerSigner,
  validatorSigner,
} from './provider-fixture.ts';
import { UNLIMITED } from './shard-fixture.ts';

export const COHORT_EDGES = [1, 3];
const LAYERS = [1, 2, 2];
const PRICES = [400_000n, 900_000n, PRICE - 1_300_000n];
export const COHORT_CONTEXT = 256;
/** Replies at a time. */
export const COHORT_SEQUENCES = 2;

export interface ModelCohortOptions {
  /** File of the tiny model, in a folder that takes its slabs. */
  readonly path: string;
  readonly modelRoot: Uint8Array;
  /** Takes whatever has to be closed, the last one first. */
  readonly closing: (() => unknown)[];
  /** Passes of the second shard after which its server stops, and another provider takes its place. Default: it serves all. */
  readonly passesUntilFailure?: number;
  /** Groups of the leader's engine. Default: 1. */
  readonly groups?: number;
  /** Replaces the segment of a shard, for one that cheats. The fixture closes both. Default: all are honest. */
  readonly bend?: (segment: SegmentEngine, place: number) => SegmentEngine;
  /** Replaces the passes of the leader's engine, for a leader that cheats. Default: they go to the shards as they are. */
  readonly lead?: (chain: UpstreamRows) => UpstreamRows;
  readonly commit?: CommitReply;
}

export interface ModelCohort extends Network {
  /** Without the one that stands by. */
  readonly shards: readonly Shard[];
  readonly members: readonly CohortMember[];
  /** Takes the place of the second shard if that one fails. */
  readonly spare: { readonly shard: Shard; readonly member: CohortMember };
}

/** Starts a provider that leads a cohort on the tiny model, and two shards behind links of their own. */
export async function startModelCohort(options: ModelCohortOptions): Promise<ModelCohort> {
  const { path, modelRoot, closing, passesUntilFailure = Number.POSITIVE_INFINITY, groups = 1 } = options;
  const { bend = (segment) => segment, lead = (chain) => chain, commit } = options;
  const shape = { contextSize: COHORT_CONTEXT, sequences: COHORT_SEQUENCES };
  const slabs = writeSlabs(path, COHORT_EDGES);
  const openSegment = (place: number): SegmentEngine => {
    const segment = openSegmentModel(slabs[place] as string, segmentOptionsOf(shape));
    const served = bend(segment, place);
    closing.push(
      () => segment.close(),
      () => served.close(),
    );
    return served;
  };
  const segments = [openSegment(0), openSegment(1), openSegment(1)] as const;
  const { numericClass, embeddingSize, vocabularySize, passRows } = segments[0].info();
  const keys = [0x61, 0x62, 0x63].map((byte) => ({
    signer: createNodeHybridSigner(new Uint8Array(64).fill(byte)),
    session: createNobleEd25519Signer(new Uint8Array(32).fill(byte)),
  }));
  const leaderSession = createNobleEd25519Signer(new Uint8Array(32).fill(0x71));
  const memberOf = (place: number, own: Pick<CohortMember, 'providerId' | 'payee' | 'sessionKey'>): CohortMember => ({
    ...own,
    firstLayer: LAYERS.slice(0, place).reduce((sum, layers) => sum + layers, 0),
    ...{ layers: LAYERS[place] as number, pricePer1kAtomic: PRICES[place] as bigint, numericClass },
  });
  const beacon = computeGenesisBeacon(crypto, network);
  const validator = {
    ...{ address: validatorSigner.address, signingKey: validatorSigner.address, stake: 100n },
    ...{ certHash: new Uint8Array(32), vrfKey: new Uint8Array(32), endpoint: '127.0.0.1:1' },
  };
  const identity = await makeIdentity(1);
  const slabFile = (to: number) => ({ to, sizeBytes: 1, sha256: new Uint8Array(32) });
  const manifest: SlabManifest = { modelRoot, cutter: 1, layers: 5, slabs: [...COHORT_EDGES, 5].map(slabFile) };
  const links = createLinkPool({
    ...{ identity, dialPolicy: 'any' },
    limits: { maxMessageBytes: MAX_SHARD_CALL_BYTES },
  });
  closing.push(() => links.close());
  const startShard = async (segment: SegmentEngine, i: number) => {
    const { signer, session } = keys[i] as (typeof keys)[number];
    const member = memberOf(Math.min(i, 1), {
      ...{ providerId: hashHybridKey(crypto, signer.publicKey), payee: new Uint8Array(20).fill(0xc0 + i) },
      sessionKey: session.publicKey,
    });
    const shard = createShard(
      { ...member, segment, manifest, session },
      {
        ...{ crypto, clock: systemClock, signer, orders: createOrderMemory(systemClock) },
        chain: { ledger, findByAddress: () => validator, isEjected: async () => false, isBacked: async () => true },
        lent: UNLIMITED,
        onError(error) {
          throw error;
        },
        onMark({ reason }) {
          throw new Error(reason);
        },
        beacons: { get: async (epoch) => ({ epoch, value: beacon, previous: beacon, certificate: new Uint8Array() }) },
        ...{ providerId: member.providerId, payee: member.payee },
      },
    );
    const server = await startLoopbackServer((router) =>
      router.service(ShardService, createShardService([shard]), { readMaxBytes: MAX_SHARD_CALL_BYTES }),
    );
    closing.push(() => server.stop());
    const calls = createLinkShard(links, { endpoint: server.endpoint, certHash: server.identity.id });
    return { shard, member, server, calls };
  };
  const [first, second, spare] = await Promise.all([
    startShard(segments[0], 0),
    startShard(segments[1], 1),
    startShard(segments[2], 2),
  ]);
  let passes = 0;
  const failing: ShardCalls = {
    ...second.calls,
    async run(parts) {
      if (++passes > passesUntilFailure) await second.server.stop();
      return await second.calls.run(parts);
    },
  };
  const own = { providerId: hashHybridKey(crypto, providerSigner.publicKey), payee };
  const members = [first.member, second.member, memberOf(2, { ...own, sessionKey: leaderSession.publicKey })];
  const chain = createCohortChain({
    ...{ crypto, ledger, manifestHash: hashSlabManifest(crypto, manifest), modelRoot, members },
    ...{ shards: [first.calls, failing], signer: providerSigner, link: identity.id, session: leaderSession },
    ...{ embeddingSize, vocabularySize, contextSize: COHORT_CONTEXT, passRows },
    replace: async (place): Promise<Replacement | undefined> => (place === 1 ? spare : undefined),
  });
  const last = slabs.at(-1) as string;
  const bytes = readFileSync(last);
  const engine = await openChainedTextEngine({
    ...{ last, modelRoot, before: lead(chain), threads: 1, drafts: 3, groups, ...shape },
    expected: { sizeBytes: bytes.length, sha256: crypto.sha256(bytes) },
  });
  const provider = await createNetwork({ realEngine: engine, chain, ...(commit && { commit }) });
  closing.push(() => provider.close());
  return { ...provider, shards: [first.shard, second.shard], members, spare };
}
