import type { SegmentEngine } from '@ogong/engine/interface/segment';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { computeGenesisBeacon } from '@ogong/protocol/beacon/beacon';
import { hashBlind } from '@ogong/protocol/commitment/blinds';
import { hashSlabManifest, type SlabManifest } from '@ogong/protocol/commitment/slab-manifest';
import type { Ed25519Signer, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createNobleEd25519Signer } from '@ogong/protocol/crypto/noble';
import type { SignedAdmission } from '@ogong/protocol/exchange/admission';
import { encodeOrder, nameOrder, type Order } from '@ogong/protocol/exchange/order';
import type { AgreeRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  type CohortMember,
  type CohortTerms,
  encodeCohortTerms,
  signCohortTerms,
} from '@ogong/protocol/settlement/cohort-agreement';
import type { ChainedOrder } from '@ogong/provider/shard/chain-order';
import type { CohortChainOptions, Replacement, ShardCalls } from '@ogong/provider/shard/chain-state';
import { type CohortChain, createCohortChain, type OpenedOrder } from '@ogong/provider/shard/cohort-chain';
import type { LeaderMark } from '@ogong/provider/shard/kept-roots';
import { createOrderMemory, type OrderMemory } from '@ogong/provider/shard/order-memory';
import { createShard, type Shard, type ShardDependencies } from '@ogong/provider/shard/shard';
import { createFakeSegment } from '../engine/fake-segment.ts';
import { signAdmission } from '../synthetic/validator-words.ts';
import { ledger, network, payee, payer, validatorSigner } from './provider-fixture.ts';

const MODEL_ROOT = crypto.sha256(utf8Encode('a model of three segments'));
const LAYERS = [3, 4, 2];
const EDGES = [3, 7, 9];
export const MANIFEST: SlabManifest = {
  ...{ modelRoot: MODEL_ROOT, cutter: 1, layers: 9 },
  slabs: EDGES.map((to) => ({ to, sizeBytes: 1, sha256: crypto.sha256(utf8Encode(`slab to ${to}`)) })),
};
const PRICES = [300n, 500n, 200n];
const LEADER = 2;
export const EMBEDDING_SIZE = 8;
const LIFETIME_MS = 60_000;
/** The leader's link, as the shards see it. */
export const LEADER_PEER: Uint8Array = new Uint8Array(32).fill(9);

const signers: readonly HybridSigner[] = LAYERS.map((_, i) =>
  createNodeHybridSigner(new Uint8Array(64).fill(0x40 + i)),
);
/** Session keys of the members. */
export const sessions: readonly Ed25519Signer[] = LAYERS.map((_, i) =>
  createNobleEd25519Signer(new Uint8Array(32).fill(0x50 + i)),
);

/** Signs the leader's tokens. */
export const LEADER_SESSION: Ed25519Signer = sessions[LEADER] as Ed25519Signer;

/** Work without a record has no limit. */
export const UNLIMITED: ShardDependencies['lent'] = { findProblem: () => undefined, add: async () => {} };

/** Keys of a provider with one segment, and its orders. */
interface ShardKeys {
  readonly signer: HybridSigner;
  readonly session: Ed25519Signer;
  readonly orders: OrderMemory;
}

export interface TestCohort {
  readonly shards: readonly [Shard, Shard];
  /** The first provider's second segment, with the layers of the second provider. */
  readonly spare: Shard;
  readonly members: readonly [CohortMember, CohortMember, CohortMember];
  readonly chain: CohortChain;
  /** Failures that the shards have reported. */
  readonly errors: readonly unknown[];
  /** Marks that the shards gave their leader. */
  readonly marks: readonly LeaderMark[];
  readonly segments: readonly [SegmentEngine, SegmentEngine];
  /** Moves the clock. */
  advance(ms: number): void;
  /** An order and its admission. @param nonce makes another one. */
  order(nonce?: number, bend?: (order: Order) => Order): TestChainedOrder;
  /** Starts a provider that can take the place of a shard. @param weights of its segment. Default: those of the shard. */
  replacement(
    place: number,
    options?: { readonly weights?: number; readonly pricePer1kAtomic?: bigint },
  ): TestReplacement;
  /** Opens an order and shows its admission. */
  begin(order: TestChainedOrder): Promise<OpenedOrder>;
  /** The leader's request of an agreement. @param bend changes the terms before the leader signs. */
  request(order: ChainedOrder, bend?: (terms: CohortTerms) => CohortTerms): AgreeRequest;
}

export interface TestReplacement extends Replacement {
  readonly shard: Shard;
}

/** An order with its validator's admission. */
export interface TestChainedOrder extends ChainedOrder {
  readonly admission: SignedAdmission;
}

export interface TestCohortOptions {
  /** The cut as the shards have it. Default: MANIFEST. */
  readonly manifest?: SlabManifest;
  readonly chain?: Partial<ShardDependencies['chain']>;
  /** The leader's link. Default: LEADER_PEER. */
  readonly link?: Uint8Array;
  /** Sequences of each shard. Default: 2. */
  readonly sequences?: number;
  readonly replace?: CohortChainOptions['replace'];
  readonly onRootMissing?: CohortChainOptions['onRootMissing'];
  /** Default: work without a record has no limit. */
  readonly lent?: ShardDependencies['lent'];
  /** Of each shard. Default: 64. */
  readonly contextSize?: number;
}

/** Two shards with segments in plain TypeScript, and the chain of their leader. @param bend changes the calls of a shard. */
export function createTestChain(
  bend: (calls: ShardCalls, place: number) => ShardCalls = (calls) => calls,
  given: TestCohortOptions = {},
): TestCohort {
  const { manifest = MANIFEST, link = LEADER_PEER, sequences = 2, contextSize = 64 } = given;
  let nowMs = 1_900_000_000_000;
  const clock = { nowMs: () => nowMs };
  const beacon = computeGenesisBeacon(crypto, network);
  const validator = {
    ...{ address: validatorSigner.address, signingKey: validatorSigner.address, stake: 1n },
    certHash: new Uint8Array(32),
    vrfKey: new Uint8Array(32),
    endpoint: '127.0.0.1:1',
  };
  const members = LAYERS.map(
    (layers, i): CohortMember => ({
      providerId: hashHybridKey(crypto, (signers[i] as HybridSigner).publicKey),
      payee: i === LEADER ? payee : new Uint8Array(20).fill(0xc0 + i),
      firstLayer: LAYERS.slice(0, i).reduce((sum, one) => sum + one, 0),
      ...{ layers, pricePer1kAtomic: PRICES[i] as bigint, numericClass: 'fake-class' },
      sessionKey: (sessions[i] as Ed25519Signer).publicKey,
    }),
  );
  const errors: unknown[] = [];
  const marks: LeaderMark[] = [];
  const openSegment = (place: number, weights = place): SegmentEngine =>
    createFakeSegment({ place: place === 0 ? 'first' : 'interior', weights, sequences, contextSize });
  const segments = [openSegment(0), openSegment(1)] as const;
  const openShard = (segment: SegmentEngine, part: CohortMember, { session, ...keys }: ShardKeys): Shard =>
    createShard(
      { segment, manifest, session, ...part },
      {
        ...{ crypto, clock, ...keys, providerId: part.providerId, payee: part.payee },
        chain: {
          ledger,
          findByAddress: (address) =>
            address.every((byte, at) => byte === validator.address[at]) ? validator : undefined,
          isEjected: async () => false,
          isBacked: async () => true,
          ...given.chain,
        },
        lent: given.lent ?? UNLIMITED,
        onError: (error) => void errors.push(error),
        onMark: (mark) => void marks.push(mark),
        beacons: { get: async (epoch) => ({ epoch, value: beacon, previous: beacon, certificate: new Uint8Array() }) },
      },
    );
  const [first, second, leader] = members as [CohortMember, CohortMember, CohortMember];
  const keysOf = (place: number): ShardKeys => ({
    ...{ signer: signers[place] as HybridSigner, session: sessions[place] as Ed25519Signer },
    orders: createOrderMemory(clock),
  });
  const firstKeys = keysOf(0);
  const shards = [openShard(segments[0], first, firstKeys), openShard(segments[1], second, keysOf(1))] as const;
  const { providerId, payee: ownPayee } = first;
  const spare = openShard(
    openSegment(1),
    { ...second, providerId, payee: ownPayee },
    { ...firstKeys, session: createNobleEd25519Signer(new Uint8Array(32).fill(0x5f)) },
  );
  const callsOf = (shard: Shard): ShardCalls => ({
    agree: (message) => shard.agree(link, { ...message, $typeName: 'ogong.v1.AgreeRequest' }),
    admit: (orderHash, admission) => shard.admit(link, orderHash, admission),
    run: (parts) => shard.run(link, parts),
    close: (orderHash) => shard.close(link, orderHash),
    confirm: async (orderHash, receipt) => shard.roots.confirm(link, orderHash, receipt),
    showRecord: async (orderHash, bound) => shard.roots.showRecord(link, orderHash, bound),
  });
  let replacements = 0;
  const chain = createCohortChain({
    ...{ crypto, ledger, manifestHash: hashSlabManifest(crypto, MANIFEST), modelRoot: MODEL_ROOT, members, link },
    shards: shards.map((shard, place) => bend(callsOf(shard), place)),
    ...(given.replace !== undefined && { replace: given.replace }),
    ...(given.onRootMissing !== undefined && { onRootMissing: given.onRootMissing }),
    ...{ signer: signers[LEADER] as HybridSigner, session: sessions[LEADER] as Ed25519Signer },
    ...{ embeddingSize: EMBEDDING_SIZE, vocabularySize: 300, contextSize: 64, passRows: 32 },
  });
  return {
    ...{ shards, spare, members: [first, second, leader], chain, segments, errors, marks },
    request({ order, signed, blind }, change = (terms) => terms) {
      const terms = change({
        ...{ chainId: ledger.chainId, escrow: ledger.verifyingContract, orderHash: order.orderHash },
        ...{ manifestHash: hashSlabManifest(crypto, MANIFEST), modelRoot: MODEL_ROOT, leaderLink: link },
        ...{ blindHash: hashBlind(crypto, blind), members: [first, second, leader] },
      });
      const own = signCohortTerms(signers[LEADER] as HybridSigner, terms);
      return {
        ...{ ...signed, terms: encodeCohortTerms(terms), blind, $typeName: 'ogong.v1.AgreeRequest' },
        leader: { ...own, $typeName: 'ogong.v1.CohortSignature' },
      };
    },
    replacement(place, { weights, pricePer1kAtomic = PRICES[place] as bigint } = {}) {
      const signer = createNodeHybridSigner(new Uint8Array(64).fill(0x60 + replacements));
      const session = createNobleEd25519Signer(new Uint8Array(32).fill(0x68 + replacements));
      const member: CohortMember = {
        ...{ ...(members[place] as CohortMember), pricePer1kAtomic, sessionKey: session.publicKey },
        ...{
          providerId: hashHybridKey(crypto, signer.publicKey),
          payee: new Uint8Array(20).fill(0xd0 + replacements++),
        },
      };
      const shard = openShard(openSegment(place, weights), member, {
        signer,
        session,
        orders: createOrderMemory(clock),
      });
      return { member, shard, calls: callsOf(shard) };
    },
    async begin(given) {
      const opened = await chain.open(given);
      await chain.admit(given.order.orderHash, given.admission);
      return opened;
    },
    advance: (ms) => {
      nowMs += ms;
    },
    order(nonce = 1, change = (order) => order) {
      const order = nameOrder(
        crypto,
        ledger,
        change({
          ...{
            payer: payer.address,
            validator: validator.address,
            cumulativeAtomic: 10_000n,
            requestHash: new Uint8Array(32).fill(3),
          },
          ...{
            nonce: new Uint8Array(32).fill(nonce),
            modelRoot: MODEL_ROOT,
            providerId: (members[LEADER] as CohortMember).providerId,
            payee,
          },
          ...{
            router: new Uint8Array(20),
            choice: 0,
            contextSize: 64,
            maxFeeAtomic: 1_000n,
            pricePer1kAtomic: 1_000n,
            epoch: 0n,
          },
          expiresAtMs: BigInt(nowMs + LIFETIME_MS),
        }),
      );
      const signed = { order: encodeOrder(order), signature: payer.signDigest(order.orderHash) };
      const admission = signAdmission(crypto, validatorSigner, {
        ledger,
        orderHash: order.orderHash,
        epoch: 0n,
        timeMs: BigInt(nowMs),
      });
      return {
        ...{ order, previousBeacon: beacon, blind: new Uint8Array(32).fill(nonce) },
        signed: { order: { ...signed, $typeName: 'ogong.v1.SignedOrder' }, beacon: new Uint8Array() },
        admission,
      };
    },
  };
}
