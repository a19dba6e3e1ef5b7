import type { SegmentEngine, SegmentEngineInfo } from '@ogong/engine/interface/segment';
import { Refusal } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import { type BeaconView, BeaconViewError } from '@ogong/host/views/beacon-view';
import type { ChainView } from '@ogong/host/views/chain-view';
import { equalBytes, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { hashSlabManifest, type SlabManifest } from '@ogong/protocol/commitment/slab-manifest';
import type { Ed25519Signer, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { findAdmissionProblem, type SignedAdmission } from '@ogong/protocol/exchange/admission';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import type { AgreeRequest, ShardAnswer, ShardPass } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { encodeBoundaryRoot } from '@ogong/protocol/modality/text/boundary/boundary-root';
import {
  type CohortMember,
  type CohortSignature,
  type CohortTerms,
  signCohortTerms,
} from '@ogong/protocol/settlement/cohort-agreement';
import { type AgreementCheck, checkAgreement } from './check-agreement.ts';
import { createKeptRoots, type KeptRoots, type LeaderMark } from './kept-roots.ts';
import type { LentWork } from './lent-work.ts';
import type { OrderMemory } from './order-memory.ts';
import {
  assertOnePass,
  type PassAnswer,
  type PassPart,
  readPass,
  runParts,
  toRefusal,
  writeRefusal,
} from './run-parts.ts';
import { createShardOrder, type ShardOrder } from './shard-order.ts';
import { createSequences } from './shard-sequences.ts';

/** A segment that a provider serves at a price. */
export interface ServedSegment {
  readonly segment: SegmentEngine;
  /** The cut that has this segment's file. */
  readonly manifest: SlabManifest;
  readonly firstLayer: number;
  readonly layers: number;
  /** Its part of the price of 1,000 tokens. */
  readonly pricePer1kAtomic: bigint;
  /** Signs passes. Each segment has a key of its own, which changes with every start. */
  readonly session: Ed25519Signer;
}

export interface ShardDependencies extends Pick<AgreementCheck, 'crypto' | 'clock'> {
  readonly chain: Pick<ChainView, 'ledger' | 'findByAddress' | 'isEjected' | 'isBacked'>;
  readonly signer: HybridSigner;
  readonly beacons: Pick<BeaconView, 'get'>;
  readonly providerId: Uint8Array;
  /** 20 bytes. */
  readonly payee: Uint8Array;
  /** Shared by all segments of the provider. */
  readonly orders: OrderMemory;
  /** Shared by all segments of the provider. */
  readonly lent: Pick<LentWork, 'findProblem' | 'add'>;
  /** Receives failures of the engine that no call waits for. */
  readonly onError: (error: unknown) => void;
  /** Receives leaders that confirm no root, or whose record lacks it. */
  readonly onMark: (mark: LeaderMark) => void;
}

type Part = Pick<ShardPass, 'orderHash' | 'pass'>;
export type PartAnswer = Pick<ShardAnswer, 'orderHash' | 'result'>;

/** A part of a model that leaders of cohorts use (docs/spec/shard.md). */
export interface Shard {
  /** The shard as terms name it. */
  readonly member: CohortMember;
  /** SHA-256 of the manifest of its cut. */
  readonly manifestHash: Uint8Array;
  readonly info: SegmentEngineInfo;
  readonly orders: OrderMemory;
  /** The roots that it gave at `close`. */
  readonly roots: KeptRoots;
  /** Whether it has agreed to this order, which may be over. */
  holds(orderHash: Uint8Array): boolean;
  /** Sequences that no order holds. */
  free(): number;
  /**
   * Agrees to an order and keeps a sequence for it, for some seconds until it is admitted. Another call for the same terms gives the same
   * signature.
   * @throws Refusal
   */
  agree(peer: PeerId, message: AgreeRequest): Promise<CohortSignature>;
  /** Keeps the sequence until the order ends. @throws Refusal */
  admit(peer: PeerId, orderHash: Uint8Array, admission: SignedAdmission): Promise<void>;
  /**
   * Runs one pass, whose parts are of different orders. A part that is refused ends its order alone, and a failure of the engine all of them.
   * @returns an answer for each part, in their order. @throws Refusal if the parts are no pass.
   */
  run(peer: PeerId, parts: readonly Part[]): Promise<PartAnswer[]>;
  /**
   * Ends an order. An order that is not agreed to yet is not agreed to for some seconds.
   * @returns the signed root of the rows that it sent; empty if it sent none. @throws Refusal
   */
  close(peer: PeerId, orderHash: Uint8Array): Promise<Uint8Array>;
  /** Ends orders that have expired or are not used, and marks leaders that confirm no root. Called about once a second. */
  sweep(): Promise<void>;
}

/** Name of all leaders of which the chain knows nothing. */
const UNBACKED = 'unbacked';

export function createShard(served: ServedSegment, dependencies: ShardDependencies): Shard {
  const { segment, manifest, firstLayer, layers, pricePer1kAtomic, session } = served;
  const { crypto, clock, chain, signer, beacons, providerId, payee, orders, lent, onError, onMark } = dependencies;
  const info = segment.info();
  const { numericClass } = info;
  const manifestHash = hashSlabManifest(crypto, manifest);
  const sessionKey = session.publicKey;
  const member: CohortMember = {
    ...{ providerId, payee, firstLayer, layers, pricePer1kAtomic, numericClass, sessionKey },
  };
  const roots = createKeptRoots({ crypto, clock, senderKey: sessionKey, onMark });
  const sequences = createSequences({
    ...{ segment, sessionKey, orders, clock, onError },
    onEnd({ order, leader: { account } }, { rows }) {
      if (rows.countRows() > 0) lent.add(order, { account, rows: rows.countRows() }).catch(onError);
    },
  });

  /** Refuses a leader that has left too much work without a record. @throws Refusal */
  function assertRecorded(account: string): void {
    const running = orders
      .list(sessionKey)
      .reduce((sum, held) => sum + (held.leader.account === account ? (held.running?.rows.countRows() ?? 0) : 0), 0);
    const problem = lent.findProblem(account, running);
    if (problem !== undefined) throw new Refusal('precondition', problem);
  }

  /** @throws Refusal. A stranger gets the same answer, so that nobody learns which orders are served here. */
  const findRunning = (peer: PeerId, orderHash: Uint8Array) => {
    const held = orders.find(orderHash);
    if (held?.sessionKey !== sessionKey || !equalBytes(held.peer, peer))
      throw new Refusal('not-found', 'this shard serves no such order for you');
    if (held.running === undefined) throw new Refusal('precondition', 'the order is over');
    return { held, running: held.running };
  };

  /** Finds the signature of an order that was agreed to before, whose members may be others now. @throws Refusal if it is over. */
  function findSignature(terms: CohortTerms, peer: PeerId, termsHash: Uint8Array): CohortSignature | undefined {
    const before = orders.find(terms.orderHash);
    const running = before?.running;
    if (before !== undefined && (before.sessionKey !== sessionKey || running === undefined))
      throw new Refusal('conflict', 'this provider has agreed to this order before; an order is served once');
    if (before === undefined || running === undefined) {
      if (orders.isBarred(peer, terms.orderHash))
        throw new Refusal('conflict', 'the leader has ended this order already');
      return undefined;
    }
    // The terms name the leader's link.
    if (equalBytes(before.termsHash, termsHash)) return running.signature;
    if (!equalBytes(before.peer, peer) || !running.rows.replaceMembers(terms))
      throw new Refusal('conflict', 'this shard has agreed to other terms; only members that fail are replaced');
    before.termsHash = termsHash;
    running.signature = signCohortTerms(signer, terms);
    running.lastMs = clock.nowMs();
    return running.signature;
  }

  async function agree(peer: PeerId, message: AgreeRequest): Promise<CohortSignature> {
    const check = { crypto, clock, chain, own: member, manifest, manifestHash };
    const { order, place, terms } = checkAgreement(check, peer, message);
    const leader = terms.members.at(-1) as CohortMember;
    const [isEjected, isBacked, previousBeacon] = await Promise.all([
      chain.isEjected(leader.providerId),
      chain.isBacked(leader.providerId, leader.payee),
      readPreviousBeacon(beacons, order, message.beacon),
    ]);
    if (isEjected) throw new Refusal('precondition', 'the leader is ejected');
    const termsHash = crypto.sha256(message.terms);
    const signed = findSignature(terms, peer, termsHash);
    if (signed !== undefined) return signed;
    const account = isBacked ? toHex(leader.payee) : UNBACKED;
    assertRecorded(account);
    const rows = openRows(() =>
      createShardOrder(crypto, {
        ...{ order, members: terms.members, place, blind: message.blind.slice(), previousBeacon, session },
        segment: info,
      }),
    );
    const signature = signCohortTerms(signer, terms);
    const holding = { name: isBacked ? toHex(leader.providerId) : UNBACKED, isBacked, account };
    const slot = sequences.take(holding);
    orders.add({
      ...{ sessionKey, peer: peer.slice(), order, termsHash, leader: holding },
      leaderMember: { ...leader, place: terms.members.length - 1 },
      running: { slot, rows, signature, isAdmitted: false, calls: 0, lastMs: clock.nowMs() },
    });
    return signature;
  }

  /** Reads a part. An order whose part is refused is over. @returns the part, or the reason of the refusal. */
  function readPart(peer: PeerId, { orderHash, pass }: Part): PassPart | Refusal {
    try {
      const { held, running } = findRunning(peer, orderHash);
      try {
        if (!running.isAdmitted) throw new Refusal('not-admitted', 'the order is not admitted yet');
        return { held, running, pass: readPass(pass) };
      } catch (error) {
        sequences.endAside(held);
        throw error;
      }
    } catch (error) {
      return toRefusal(error);
    }
  }

  async function run(peer: PeerId, given: readonly Part[]): Promise<PartAnswer[]> {
    const read = given.map((part) => readPart(peer, part));
    const parts = read.filter((one): one is PassPart => !(one instanceof Refusal));
    assertOnePass(parts, info.passRows);
    const answers = await runParts(segment, parts, sequences.endAside);
    return given.map(({ orderHash }, i) => {
      const one = read[i] as PassPart | Refusal;
      return { orderHash, result: one instanceof Refusal ? writeRefusal(one) : (answers.get(one) as PassAnswer) };
    });
  }

  return {
    ...{ member, manifestHash, orders, roots, info, agree, free: sequences.free },
    holds: (orderHash) => orders.find(orderHash)?.sessionKey === sessionKey,
    async admit(peer, orderHash, admission) {
      const { held, running } = findRunning(peer, orderHash);
      // Repeating it must not keep the order alive.
      if (running.isAdmitted) return;
      const { order } = held;
      const signingKeys = [chain.findByAddress(order.validator)?.signingKey].filter((key) => key !== undefined);
      const problem = findAdmissionProblem(crypto, { ledger: chain.ledger, order, signingKeys }, admission);
      if (problem !== undefined) throw new Refusal('not-admitted', problem);
      running.isAdmitted = true;
      running.lastMs = clock.nowMs();
    },
    async run(peer, given) {
      if (given.length === 0 || given.length > info.sequences)
        throw new Refusal('invalid', `a pass of ${given.length} orders, at most ${info.sequences}`);
      const called = given.flatMap(({ orderHash }) => {
        const held = orders.find(orderHash);
        return held?.running !== undefined && equalBytes(held.peer, peer) ? [held.running] : [];
      });
      for (const running of called) running.calls++;
      try {
        return await sequences.enter(() => run(peer, given));
      } finally {
        for (const running of called) {
          running.calls--;
          running.lastMs = clock.nowMs();
        }
      }
    },
    async close(peer, orderHash) {
      if (orders.find(orderHash) === undefined) orders.bar(peer, orderHash);
      const { held, running } = findRunning(peer, orderHash);
      // The pass in flight ends first, and no other begins.
      await sequences.end(held);
      const root = await running.rows.signRoot();
      if (root === undefined) return new Uint8Array();
      roots.add({ order: held.order, peer: held.peer, leader: held.leaderMember, root });
      return encodeBoundaryRoot(root);
    },
    async sweep() {
      roots.sweep();
      await sequences.sweep();
    },
  };
}

/** @throws Refusal if the beacon is not known, and nobody certifies it. */
async function readPreviousBeacon(
  beacons: Pick<BeaconView, 'get'>,
  { epoch }: Pick<NamedOrder, 'epoch'>,
  certificate: Uint8Array,
): Promise<Uint8Array> {
  try {
    return (await beacons.get(epoch, certificate)).previous;
  } catch (error) {
    throw error instanceof BeaconViewError ? new Refusal('unavailable', error.message) : error;
  }
}

/** @throws Refusal if the rows of an order have no room. */
function openRows(open: () => ShardOrder): ShardOrder {
  try {
    return open();
  } catch (error) {
    throw error instanceof ProtocolError ? new Refusal('precondition', error.message) : error;
  }
}
