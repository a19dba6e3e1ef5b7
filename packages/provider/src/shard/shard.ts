import { EngineError } from '@ogong/engine/interface/engine-error';
import type { SegmentEngine, SegmentEngineInfo } from '@ogong/engine/interface/segment';
import { Refusal } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import type { BeaconView } from '@ogong/host/views/beacon-view';
import { equalBytes, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import type { Ed25519Signer, HybridSigner } from '@ogong/protocol/crypto/crypto';
import type { AgreeRequest, ShardPass } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  type BoundaryPass,
  encodeBoundaryPass,
  parseBoundaryPass,
} from '@ogong/protocol/modality/text/boundary/boundary-pass';
import { encodeBoundaryRoot } from '@ogong/protocol/modality/text/boundary/boundary-root';
import { type CohortMember, type CohortSignature, signCohortTerms } from '@ogong/protocol/settlement/cohort-agreement';
import { type AgreementCheck, checkAgreement } from './check-agreement.ts';
import { createShardOrder, type ShardOrder } from './shard-order.ts';

/** A segment that a provider serves at a price. */
export interface ServedSegment {
  readonly segment: SegmentEngine;
  /** SHA-256 of the manifest of its cut. */
  readonly manifestHash: Uint8Array;
  /** Root of the whole model. */
  readonly modelRoot: Uint8Array;
  readonly firstLayer: number;
  readonly layers: number;
  /** Its part of the price of 1,000 tokens. */
  readonly pricePer1kAtomic: bigint;
}

export interface ShardDependencies extends Omit<AgreementCheck, 'own' | 'manifestHash' | 'modelRoot'> {
  readonly signer: HybridSigner;
  /** Signs passes. Its key changes with every start. */
  readonly session: Ed25519Signer;
  readonly beacons: Pick<BeaconView, 'get'>;
  readonly providerId: Uint8Array;
  /** 20 bytes. */
  readonly payee: Uint8Array;
}

/** A part of a model that leaders of cohorts use (docs/spec/shard.md). */
export interface Shard {
  /** The shard as terms name it. */
  readonly member: CohortMember;
  /** SHA-256 of the manifest of its cut. */
  readonly manifestHash: Uint8Array;
  readonly info: SegmentEngineInfo;
  /** Whether it has agreed to this order, which may be over. */
  holds(orderHash: Uint8Array): boolean;
  /** Sequences that no order holds. */
  free(): number;
  /**
   * Agrees to an admitted order and keeps a sequence for it. Another call for the same terms from the same peer gives another signature.
   * @throws Refusal
   */
  agree(peer: PeerId, message: AgreeRequest): Promise<CohortSignature>;
  /** Runs one pass, whose parts are of different orders. A part that is refused ends all orders of the pass. @throws Refusal */
  run(
    peer: PeerId,
    parts: readonly Pick<ShardPass, 'orderHash' | 'pass'>[],
  ): Promise<Pick<ShardPass, 'orderHash' | 'pass'>[]>;
  /** Ends an order. @returns the signed root of the rows that it sent; empty if it sent none. @throws Refusal */
  close(peer: PeerId, orderHash: Uint8Array): Promise<Uint8Array>;
  /** Ends orders that have expired. */
  sweep(): Promise<void>;
}

/** An order that this shard has agreed to. It is remembered until it expires, so that nobody has it served twice. */
interface HeldOrder {
  readonly peer: PeerId;
  readonly terms: Uint8Array;
  readonly expiresAtMs: bigint;
  /** Undefined once the order is over. */
  running: { readonly slot: number; readonly order: ShardOrder } | undefined;
}

interface PassPart {
  readonly held: HeldOrder;
  readonly slot: number;
  readonly order: ShardOrder;
  readonly orderHash: Uint8Array;
  readonly pass: BoundaryPass;
}

/** @internal until `serve` offers segments: tests serve orders with it */
export function createShard(served: ServedSegment, dependencies: ShardDependencies): Shard {
  const { segment, manifestHash, modelRoot, firstLayer, layers, pricePer1kAtomic } = served;
  const { crypto, clock, signer, session, beacons, providerId, payee } = dependencies;
  const { sequences, passRows, numericClass, embeddingSize } = segment.info();
  const member: CohortMember = {
    ...{ providerId, payee, firstLayer, layers, pricePer1kAtomic, numericClass },
    sessionKey: session.publicKey,
  };
  const orders = new Map<string, HeldOrder>();
  const slots = Array.from({ length: sequences }, (_, i) => sequences - 1 - i);
  /** The engine's last call: it has one at a time. */
  let tail: Promise<unknown> = Promise.resolve();
  const enter = <T>(work: () => Promise<T>): Promise<T> => {
    const done = tail.then(work);
    tail = done.catch(() => undefined);
    return done;
  };

  const find = (peer: PeerId, orderHash: Uint8Array): HeldOrder => {
    const held = orders.get(toHex(orderHash));
    // The same answer to a stranger, so that nobody learns which orders are served here.
    if (held === undefined || !equalBytes(held.peer, peer))
      throw new Refusal('not-found', 'this shard serves no such order for you');
    return held;
  };

  async function end(held: HeldOrder): Promise<void> {
    const { running } = held;
    if (running === undefined) return;
    held.running = undefined;
    await enter(() => segment.drop(running.slot, 0));
    slots.push(running.slot);
  }

  const readParts = (peer: PeerId, parts: readonly Pick<ShardPass, 'orderHash' | 'pass'>[]): PassPart[] => {
    if (parts.length === 0 || parts.length > sequences)
      throw new Refusal('invalid', `a pass of ${parts.length} orders, at most ${sequences}`);
    const read = parts.map(({ orderHash, pass }): PassPart => {
      const held = find(peer, orderHash);
      if (held.running === undefined) throw new Refusal('precondition', 'the order is over');
      return { held, ...held.running, orderHash, pass: readPass(pass) };
    });
    const [first] = read as [PassPart, ...PassPart[]];
    const { kind, rows } = first.pass.head;
    if (new Set(read.map(({ slot }) => slot)).size !== read.length)
      throw new Refusal('invalid', 'an order has two parts in one pass');
    if (read.some(({ pass: { head } }) => head.kind !== kind || head.rows !== rows))
      throw new Refusal('invalid', 'the parts of a pass have different kinds or numbers of rows');
    if (rows * read.length > passRows)
      throw new Refusal('invalid', `a pass of ${rows * read.length} rows, at most ${passRows}`);
    return read;
  };

  /** Accepts all parts, and runs them. */
  async function compute(parts: readonly PassPart[]): Promise<Float32Array> {
    const ascending = [...parts].sort((a, b) => a.slot - b.slot);
    const [first] = ascending as [PassPart, ...PassPart[]];
    const accepted = ascending.map((part) => accept(part));
    for (const { slot, order, pass } of ascending) {
      if (order.sent.kept.positions > pass.head.position) await segment.drop(slot, pass.head.position);
    }
    const output = await segment.run({
      kind: first.pass.head.kind,
      groups: ascending.map(({ slot, pass: { head } }) => ({
        ...{ sequence: slot, position: head.position, rows: head.rows },
      })),
      input: joinValues(accepted),
    });
    if (output.kind !== 'rows')
      throw new EngineError('engine-crashed', 'a segment before the last one returned logits');
    return output.rows;
  }

  return {
    ...{ member, manifestHash, info: segment.info() },
    holds: (orderHash) => orders.has(toHex(orderHash)),
    free: () => slots.length,
    async agree(peer, message) {
      const terms = message.terms.slice();
      const {
        order,
        place,
        terms: parsed,
      } = checkAgreement({ ...dependencies, own: member, manifestHash, modelRoot }, message);
      const key = toHex(order.orderHash);
      const { previous } = await beacons.get(order.epoch, message.beacon);
      const before = orders.get(key);
      if (before !== undefined) {
        if (!equalBytes(before.peer, peer) || !equalBytes(before.terms, terms) || before.running === undefined)
          throw new Refusal('conflict', 'this shard has agreed to this order before; an order is served once');
        return signCohortTerms(signer, parsed);
      }
      const slot = slots.pop();
      if (slot === undefined) throw new Refusal('unavailable', `all ${sequences} sequences of this shard are busy`);
      const running = createShardOrder(crypto, {
        ...{ order, members: parsed.members, place, blind: message.blind.slice(), previousBeacon: previous, session },
        segment: segment.info(),
      });
      orders.set(key, {
        ...{ peer: peer.slice(), terms, expiresAtMs: order.expiresAtMs },
        running: { slot, order: running },
      });
      return signCohortTerms(signer, parsed);
    },
    run: (peer, given) =>
      enter(async () => {
        const parts = readParts(peer, given);
        try {
          const rows = await compute(parts);
          const bySlot = [...parts].sort((a, b) => a.slot - b.slot);
          return parts.map((part) => {
            const { kind, position, rows: count } = part.pass.head;
            const from = bySlot.indexOf(part) * count * embeddingSize;
            const own = rows.subarray(from, from + count * embeddingSize);
            return { orderHash: part.orderHash, pass: encodeBoundaryPass(part.order.sent.send(kind, position, own)) };
          });
        } catch (error) {
          // Some orders have accepted rows that were not computed, so none of them can go on.
          for (const { held } of parts) void end(held).catch(() => undefined);
          throw toRefusal(error);
        }
      }),
    async close(peer, orderHash) {
      const held = find(peer, orderHash);
      const { running } = held;
      if (running === undefined) throw new Refusal('precondition', 'the order is over');
      const root = await enter(async () => running.order.signRoot());
      await end(held);
      return root === undefined ? new Uint8Array() : encodeBoundaryRoot(root);
    },
    async sweep() {
      const nowMs = BigInt(clock.nowMs());
      for (const [key, held] of orders) {
        if (held.expiresAtMs > nowMs) continue;
        await end(held);
        orders.delete(key);
      }
    },
  };
}

function accept({ order: { received }, pass }: PassPart): Uint32Array | Float32Array {
  const result = received.accept(pass);
  if (!result.ok) throw new Refusal('invalid', `the pass is refused, ${result.reason}: ${result.detail}`);
  return result.values;
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

function toRefusal(error: unknown): unknown {
  if (error instanceof EngineError) return new Refusal('unavailable', error.message);
  if (error instanceof ProtocolError) return new Refusal('unavailable', `this shard's rows: ${error.message}`);
  return error;
}
