import type { EngineError } from '@ogong/engine/interface/engine-error';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto, Ed25519Signer, HybridSigner } from '@ogong/protocol/crypto/crypto';
import type { SignedAdmission } from '@ogong/protocol/exchange/admission';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { AgreeRequest, ShardPass } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { CohortMember, CohortSignature } from '@ogong/protocol/settlement/cohort-agreement';
import type { BoundRecord } from '@ogong/protocol/verdict/claim';
import type { ChainOrder, ChainSizes } from './chain-order.ts';
import type { PartAnswer } from './shard.ts';
import { ShardFailure } from './shard-failure.ts';

export type Part = Pick<ShardPass, 'orderHash' | 'pass'>;

/** The calls of one shard, in this process or over a link. */
export interface ShardCalls {
  agree(message: Omit<AgreeRequest, '$typeName' | '$unknown'>): Promise<CohortSignature>;
  admit(orderHash: Uint8Array, admission: SignedAdmission): Promise<void>;
  run(parts: readonly Part[]): Promise<readonly PartAnswer[]>;
  close(orderHash: Uint8Array): Promise<Uint8Array>;
  /** @param receipt of the leader for the shard's root, 64 bytes. */
  confirm(orderHash: Uint8Array, receipt: Uint8Array): Promise<void>;
  /** @param bound the leader's record with its header. */
  showRecord(orderHash: Uint8Array, bound: BoundRecord): Promise<void>;
}

/** A provider that takes the place of a shard that failed. */
export interface Replacement {
  /** It has the layers and the numeric class of the shard before. */
  readonly member: CohortMember;
  readonly calls: ShardCalls;
}

export interface CohortChainOptions extends ChainSizes {
  readonly crypto: Crypto;
  readonly ledger: LedgerDomain;
  readonly manifestHash: Uint8Array;
  readonly modelRoot: Uint8Array;
  /** All members in the order of their layers; the last one is the leader itself. */
  readonly members: readonly CohortMember[];
  /** Of all members but the last, in their order. */
  readonly shards: readonly ShardCalls[];
  readonly signer: HybridSigner;
  /** SHA-256 of the certificate of the leader's link, by which it calls the shards. */
  readonly link: Uint8Array;
  /** Holds the leader's session key. */
  readonly session: Ed25519Signer;
  /**
   * Finds a provider that takes the place of a shard that failed. For exact classes alone, since others do not give the same rows. All
   * replies of the chain wait for it. If it finds none, the pass fails. Default: there is none.
   */
  readonly replace?: (place: number, failure: EngineError) => Promise<Replacement | undefined>;
  /** Called for a member that gave no root of the rows of a reply, or another one. */
  readonly onRootMissing?: (member: CohortMember) => void;
}

/** One shard and its last call: passes reach it in their order. */
export interface ShardLane {
  readonly place: number;
  calls: ShardCalls;
  tail: Promise<unknown>;
  /** Set from a failure until the shard is replaced. */
  failure: ShardFailure | undefined;
}

/** Cohort and orders of a chain. */
export interface ChainState {
  readonly options: CohortChainOptions;
  /** Those of now. */
  readonly members: CohortMember[];
  readonly lanes: readonly ShardLane[];
  /** Open orders by pass key. */
  readonly orders: Map<string, ChainOrder>;
}

/** Runs a call behind those that a lane has. */
export function enterLane<T>(lane: ShardLane, work: () => Promise<T>): Promise<T> {
  const done = lane.tail.then(work);
  lane.tail = done.catch(() => undefined);
  return done;
}

/** Names the shard in the reason. */
export function failAt({ members }: Pick<ChainState, 'members'>, place: number, reason: string, cause?: unknown) {
  const name = toHex((members[place] as CohortMember).providerId).slice(0, 8);
  return new ShardFailure(place, `shard ${place} (${name}) ${reason}`, cause);
}
