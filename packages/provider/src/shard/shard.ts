import { EngineError } from '@ogong/engine/interface/engine-error';
import type { SegmentEngine, SegmentEngineInfo } from '@ogong/engine/interface/segment';
import { Refusal } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import type { BeaconView } from '@ogong/host/views/beacon-view';
import type { ChainView } from '@ogong/host/views/chain-view';
import { equalBytes, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { hashSlabManifest, type SlabManifest } from '@ogong/protocol/commitment/slab-manifest';
import type { Ed25519Signer, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { findAdmissionProblem, type SignedAdmission } from '@ogong/protocol/exchange/admission';
import { CLOCK_TOLERANCE_MS } from '@ogong/protocol/exchange/limits';
import type { AgreeRequest, ShardAnswer, ShardPass } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  type BoundaryPass,
  encodeBoundaryPass,
  parseBoundaryPass,
} from '@ogong/protocol/modality/text/boundary/boundary-pass';
import { encodeBoundaryRoot } from '@ogong/protocol/modality/text/boundary/boundary-root';
import { type CohortMember, type CohortSignature, signCohortTerms } from '@ogong/protocol/settlement/cohort-agreement';
import { type AgreementCheck, checkAgreement } from './check-agreement.ts';
import type { HeldOrder, HoldingLeader, OrderMemory, RunningOrder } from './order-memory.ts';
import { createShardOrder, type ShardOrder } from './shard-order.ts';

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
  /** Receives failures of the engine that no call waits for. */
  readonly onError: (error: unknown) => void;
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
  /** Ends orders that have expired or are not used. Called about once a second. */
  sweep(): Promise<void>;
}

/** The time from an agreement to the order's admission. */
const ADMIT_MS = 10_000;
/** The time without a pass after which an order ends. */
const IDLE_MS = 30_000;
/** Name of all leaders of which the chain knows nothing. */
const UNBACKED = 'unbacked';

interface PassPart {
  readonly held: HeldOrder;
  readonly running: RunningOrder;
  readonly pass: BoundaryPass;
}

/** @internal until `serve` offers segments: tests serve orders with it */
export function createShard(served: ServedSegment, dependencies: ShardDependencies): Shard {
  const { segment, manifest, firstLayer, layers, pricePer1kAtomic, session } = served;
  const { crypto, clock, chain, signer, beacons, providerId, payee, orders, onError } = dependencies;
  const { sequences, passRows, numericClass, embeddingSize } = segment.info();
  const manifestHash = hashSlabManifest(crypto, manifest);
  const sessionKey = session.publicKey;
  const member: CohortMember = {
    ...{ providerId, payee, firstLayer, layers, pricePer1kAtomic, numericClass, sessionKey },
  };
  const check = { crypto, clock, chain, own: member, manifest, manifestHash };
  const slots = Array.from({ length: sequences }, (_, i) => sequences - 1 - i);
  /** Sequences of orders that are not admitted yet: all leaders' together, and one leader's. */
  const mostWaiting = Math.max(1, Math.floor(sequences / 2));
  const mostOfLeader = Math.max(1, mostWaiting - 1);
  /** The engine's last call: it has one at a time. */
  let tail: Promise<unknown> = Promise.resolve();
  const enter = <T>(work: () => Promise<T>): Promise<T> => {
    const done = tail.then(work);
    tail = done.catch(() => undefined);
    return done;
  };

  /** @throws Refusal. A stranger gets the same answer, so that nobody learns which orders are served here. */
  const find = (peer: PeerId, orderHash: Uint8Array): HeldOrder => {
    const held = orders.find(orderHash);
    if (held?.sessionKey !== sessionKey || !equalBytes(held.peer, peer))
      throw new Refusal('not-found', 'this shard serves no such order for you');
    return held;
  };
  /** @throws Refusal */
  const findRunning = (peer: PeerId, orderHash: Uint8Array) => {
    const held = find(peer, orderHash);
    if (held.running === undefined) throw new Refusal('precondition', 'the order is over');
    return { held, running: held.running };
  };

  async function end(held: HeldOrder): Promise<void> {
    const { running } = held;
    if (running === undefined) return;
    held.running = undefined;
    // Nothing was served, and the memory has room for admitted orders alone.
    if (!running.isAdmitted) {
      orders.forget(held);
      slots.push(running.slot);
      return;
    }
    try {
      await enter(() => segment.drop(running.slot, 0));
    } finally {
      slots.push(running.slot);
    }
  }
  const endAside = (held: HeldOrder): void => void end(held).catch(onError);

  const listWaiting = (): readonly HeldOrder[] =>
    orders.list(sessionKey).filter(({ running }) => running?.isAdmitted === false);

  /** Takes a sequence for an order that is not admitted yet. @throws Refusal */
  function takeSlot(leader: HoldingLeader): number {
    const nowMs = clock.nowMs();
    for (const held of listWaiting()) if (isUnused(held, nowMs)) endAside(held);
    const isFull = () => slots.length === 0 || listWaiting().length >= mostWaiting;
    // A leader with something to lose goes first.
    const weaker = leader.isBacked && isFull() ? listWaiting().find((held) => !held.leader.isBacked) : undefined;
    if (weaker !== undefined) endAside(weaker);
    if (listWaiting().filter((held) => held.leader.name === leader.name).length >= mostOfLeader)
      throw new Refusal('unavailable', `${mostOfLeader} orders of such a leader already wait for their admissions`);
    if (slots.length > 0 && isFull())
      throw new Refusal('unavailable', `${mostWaiting} orders at this shard already wait for their admissions`);
    const slot = slots.pop();
    if (slot === undefined) throw new Refusal('unavailable', `all ${sequences} sequences of this shard are busy`);
    return slot;
  }

  /** Reads a part. An order whose part is refused is over. @throws Refusal */
  function readPart(peer: PeerId, { orderHash, pass }: Part): PassPart {
    const { held, running } = findRunning(peer, orderHash);
    try {
      if (!running.isAdmitted) throw new Refusal('not-admitted', 'the order is not admitted yet');
      return { held, running, pass: readPass(pass) };
    } catch (error) {
      endAside(held);
      throw error;
    }
  }

  /** Asserts that parts are one pass. @throws Refusal */
  function assertOnePass(parts: readonly PassPart[]): void {
    const [first] = parts;
    if (first === undefined) return;
    const { kind, rows } = first.pass.head;
    if (new Set(parts.map(({ running }) => running)).size !== parts.length)
      throw new Refusal('invalid', 'an order has two parts in one pass');
    if (parts.some(({ pass: { head } }) => head.kind !== kind || head.rows !== rows))
      throw new Refusal('invalid', 'the parts of a pass have different kinds or numbers of rows');
    if (rows * parts.length > passRows)
      throw new Refusal('invalid', `a pass of ${rows * parts.length} rows, at most ${passRows}`);
  }

  /** Runs accepted parts whose sequences ascend. @returns rows of all of them. */
  async function compute(
    parts: readonly PassPart[],
    values: readonly (Uint32Array | Float32Array)[],
  ): Promise<Float32Array> {
    const [first] = parts as [PassPart, ...PassPart[]];
    for (const { running, pass } of parts) {
      const { position } = pass.head;
      if (running.rows.sent.kept.positions > position) await segment.drop(running.slot, position);
    }
    const output = await segment.run({
      kind: first.pass.head.kind,
      groups: parts.map(({ running, pass: { head } }) => ({
        ...{ sequence: running.slot, position: head.position, rows: head.rows },
      })),
      input: joinValues(values),
    });
    if (output.kind !== 'rows')
      throw new EngineError('engine-crashed', 'a segment before the last one returned logits');
    return output.rows;
  }

  /** Runs the parts. An order whose part is refused is over. @returns signed passes, and reasons of refusals, by part. */
  async function answerParts(parts: readonly PassPart[]): Promise<ReadonlyMap<PassPart, Uint8Array | Refusal>> {
    const answers = new Map<PassPart, Uint8Array | Refusal>();
    const refuse = (part: PassPart, error: unknown): void => {
      answers.set(part, toRefusal(error));
      endAside(part.held);
    };
    const accepted: PassPart[] = [];
    const values: (Uint32Array | Float32Array)[] = [];
    for (const part of [...parts].sort((a, b) => a.running.slot - b.running.slot)) {
      const result = part.running.rows.accept(part.pass);
      if (!result.ok) {
        refuse(part, new Refusal('invalid', `the pass is refused, ${result.reason}: ${result.detail}`));
        continue;
      }
      accepted.push(part);
      values.push(result.values);
    }
    if (accepted.length === 0) return answers;
    try {
      const rows = await compute(accepted, values);
      const size = rows.length / accepted.length;
      accepted.forEach((part, i) => {
        const { kind, position } = part.pass.head;
        try {
          const sent = part.running.rows.sent.send(kind, position, rows.subarray(i * size, (i + 1) * size));
          answers.set(part, encodeBoundaryPass(sent));
        } catch (error) {
          refuse(part, error);
        }
      });
    } catch (error) {
      // These orders have accepted rows that were not computed, so none of them can go on.
      for (const part of accepted) refuse(part, error);
    }
    return answers;
  }

  const isUnused = ({ running }: HeldOrder, nowMs: number): boolean =>
    running !== undefined && running.calls === 0 && nowMs - running.lastMs >= (running.isAdmitted ? IDLE_MS : ADMIT_MS);

  return {
    ...{ member, manifestHash, orders, info: segment.info() },
    holds: (orderHash) => orders.find(orderHash)?.sessionKey === sessionKey,
    free: () => slots.length,
    async agree(peer, message) {
      const { order, place, terms } = checkAgreement(check, peer, message);
      const { providerId: leaderId, payee: leaderPayee } = terms.members.at(-1) as CohortMember;
      const [isEjected, isBacked, { previous }] = await Promise.all([
        chain.isEjected(leaderId),
        chain.isBacked(leaderId, leaderPayee),
        beacons.get(order.epoch, message.beacon),
      ]);
      if (isEjected) throw new Refusal('precondition', 'the leader is ejected');
      const termsHash = crypto.sha256(message.terms);
      const before = orders.find(order.orderHash);
      if (before !== undefined) {
        const isSame = before.sessionKey === sessionKey && equalBytes(before.termsHash, termsHash);
        if (!isSame || before.running === undefined)
          throw new Refusal('conflict', 'this provider has agreed to this order before; an order is served once');
        return before.running.signature;
      }
      if (orders.isBarred(peer, order.orderHash))
        throw new Refusal('conflict', 'the leader has ended this order already');
      const rows = openRows(() =>
        createShardOrder(crypto, {
          ...{ order, members: terms.members, place, blind: message.blind.slice(), previousBeacon: previous, session },
          segment: segment.info(),
        }),
      );
      const leader = { name: isBacked ? toHex(leaderId) : UNBACKED, isBacked };
      const signature = signCohortTerms(signer, terms);
      const slot = takeSlot(leader);
      orders.add({
        ...{ sessionKey, peer: peer.slice(), order, termsHash, leader },
        running: { slot, rows, signature, isAdmitted: false, calls: 0, lastMs: clock.nowMs() },
      });
      return signature;
    },
    async admit(peer, orderHash, admission) {
      const { held, running } = findRunning(peer, orderHash);
      const { order } = held;
      const signingKeys = [chain.findByAddress(order.validator)?.signingKey].filter((key) => key !== undefined);
      const problem = findAdmissionProblem(crypto, { ledger: chain.ledger, order, signingKeys }, admission);
      if (problem !== undefined) throw new Refusal('not-admitted', problem);
      running.isAdmitted = true;
      running.lastMs = clock.nowMs();
    },
    async run(peer, given) {
      if (given.length === 0 || given.length > sequences)
        throw new Refusal('invalid', `a pass of ${given.length} orders, at most ${sequences}`);
      const waiting = given.flatMap(({ orderHash }) => {
        const held = orders.find(orderHash);
        return held?.running !== undefined && equalBytes(held.peer, peer) ? [held.running] : [];
      });
      for (const running of waiting) running.calls++;
      try {
        return await enter(async () => {
          const read = given.map((part) => {
            try {
              return readPart(peer, part);
            } catch (error) {
              return toRefusal(error);
            }
          });
          const parts = read.filter((one): one is PassPart => !(one instanceof Refusal));
          assertOnePass(parts);
          const answers = await answerParts(parts);
          return given.map(({ orderHash }, i): PartAnswer => {
            const one = read[i] as PassPart | Refusal;
            const answer = one instanceof Refusal ? one : (answers.get(one) as Uint8Array | Refusal);
            const result: PartAnswer['result'] =
              answer instanceof Refusal
                ? { case: 'refusal', value: answer.rawMessage }
                : { case: 'pass', value: answer };
            return { orderHash, result };
          });
        });
      } finally {
        for (const running of waiting) {
          running.calls--;
          running.lastMs = clock.nowMs();
        }
      }
    },
    async close(peer, orderHash) {
      if (orders.find(orderHash) === undefined) orders.bar(peer, orderHash);
      const { held, running } = findRunning(peer, orderHash);
      // The pass in flight ends first, and no other begins.
      await end(held);
      const root = await running.rows.signRoot();
      return root === undefined ? new Uint8Array() : encodeBoundaryRoot(root);
    },
    async sweep() {
      const nowMs = clock.nowMs();
      const ends = orders.list(sessionKey).map(async (held) => {
        const isExpired = Number(held.order.expiresAtMs) + CLOCK_TOLERANCE_MS <= nowMs;
        if (isExpired) orders.forget(held);
        if (isExpired || isUnused(held, nowMs)) await end(held).catch(onError);
      });
      await Promise.all(ends);
    },
  };
}

/** @throws Refusal if the rows of an order have no room. */
function openRows(open: () => ShardOrder): ShardOrder {
  try {
    return open();
  } catch (error) {
    throw error instanceof ProtocolError ? new Refusal('precondition', error.message) : error;
  }
}

function joinValues(parts: readonly (Uint32Array | Float32Array)[]): Uint32Array | Float32Array {
  const [first] = parts as [Uint32Array | Float32Array];
  if (parts.length === 1) return first;
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const joined = first instanceof Uint32Array ? new Uint32Array(length) : new Float32Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function readPass(encoded: Uint8Array): BoundaryPass {
  try {
    return parseBoundaryPass(encoded);
  } catch (error) {
    if (error instanceof ProtocolError) throw new Refusal('invalid', `a pass: ${error.message}`);
    throw error;
  }
}

/** @throws the error itself if it is a bug. */
function toRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof EngineError) return new Refusal('unavailable', error.message);
  if (error instanceof ProtocolError) return new Refusal('unavailable', `this shard's rows: ${error.message}`);
  throw error;
}
