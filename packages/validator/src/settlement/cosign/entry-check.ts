import { type AuditDraw, isAudited } from '@ogong/protocol/audit/audit';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { CLOCK_TOLERANCE_MS, MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import type { Order } from '@ogong/protocol/exchange/order';
import { computeOrderSpan } from '@ogong/protocol/exchange/order-span';
import type { BatchEntry } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { AuditBalance } from '@ogong/protocol/settlement/audit-balance';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import type { SummarizedReply } from '@ogong/protocol/verdict/claim';
import { parseEvidence } from '@ogong/protocol/verdict/evidence';
import { type VerdictAnchors, VerdictError } from '@ogong/protocol/verdict/verdict-anchors';
import { assertVerdict, isRefutation } from '@ogong/protocol/verdict/verify-verdict';
import { computePairPpm, readDeterringPpm } from '../../audit/deterrence.ts';
import { wasFound, wasShown } from '../../store/witness-store.ts';
import { CosignError, demand } from './cosign-error.ts';
import type { CosignState } from './cosign-state.ts';
import { assertEvidence, assertFeeBound, assertPublishedWeights, assertRouter, assertStake } from './entry-grounds.ts';

/** Time for which the old coverage still passes after a change, since a validator may not know the change yet. */
const ALPHA_GRACE_MS = 3_600_000;

/**
 * Checks one entry against all bytes behind it (docs/spec/co-signing.md).
 * @param balance audit balance of the entry's key, by the log before the entry. @throws CosignError
 */
export async function checkEntry(
  state: CosignState,
  validator: Uint8Array,
  entry: VerdictEntry,
  {
    record: claimed,
    evidence,
    delivery,
    ownEvidence,
  }: Pick<BatchEntry, 'record' | 'evidence' | 'delivery' | 'ownEvidence'>,
  balance?: AuditBalance,
): Promise<void> {
  demand(claimed?.order !== undefined, `entry ${entry.index} has no order`);
  // A refused entry is lost for good, and this machine's own clock may be slow. But no clock is slow by an order's
  // life.
  const aheadMs = entry.timeMs - state.clock.nowMs();
  if (aheadMs > CLOCK_TOLERANCE_MS && aheadMs <= MAX_ORDER_LIFETIME_MS) {
    throw new CosignError('unavailable', `entry ${entry.index} is in the future, by this machine's clock`);
  }
  const { order, record, cohort } = claimed;
  await state.learnOrderKey?.(order, 'co-signing').catch((cause: unknown) => {
    throw new CosignError('unavailable', 'the chain cannot be read', { cause });
  });
  // Refuse an entry that calls a record or opening missing if this validator received it as a witness.
  const asked = readMissing(entry, evidence);
  const isShown = asked !== undefined && state.store.read(() => wasFound(state.store, validator, { ...entry, asked }));
  demand(!isShown, `entry ${entry.index}: this validator received the data that the entry calls missing`);
  const submission = claimed.header.length > 0 ? (claimed as SummarizedReply) : undefined;
  if (submission !== undefined) await assertPublishedWeights(state, entry, submission);
  if (submission !== undefined && entry.feeAtomic > 0n) {
    await assertEvidence(state, entry, { ...submission, ownEvidence });
    await assertStake(state, entry, submission);
  }
  if (entry.feeAtomic > 0n) {
    await assertFeeBound(state, entry, order.order);
    await assertRouter(state, entry, order.order);
  }
  try {
    await assertVerdict(
      state.crypto,
      entry,
      { order, record, submission, evidence, delivery, cohort },
      { ...createTrust(state, validator), balance },
    );
  } catch (error) {
    if (!isRefutation(error)) throw error;
    const where = error instanceof VerdictError ? '' : `entry ${entry.index}: `;
    throw new CosignError('refuted', `${where}${error.message}`, { cause: error });
  }
}

/** Reads the data that an entry calls missing. Invalid bytes are refuted with the rest of the entry. */
function readMissing(
  { recordHash }: Pick<VerdictEntry, 'recordHash'>,
  evidence: Uint8Array,
): 'record' | 'opening' | undefined {
  try {
    if (evidence.length === 0 || !('statements' in parseEvidence(evidence))) return undefined;
    return recordHash.every((byte) => byte === 0) ? 'record' : 'opening';
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** Gives the verdict's checks this validator's knowledge that the entry's bytes do not contain. */
function createTrust(state: CosignState, validator: Uint8Array): Omit<VerdictAnchors, 'balance'> {
  const { ledger, allowFixedVerifier, honeypotPpm, checkWord, clock, getBeacon, findPolicy } = state;
  return {
    ...{ ledger, allowFixedVerifier, honeypotPpm, checkWord, validator },
    nowMs: clock.nowMs(),
    async findBeacon(epoch) {
      const beacon = await getBeacon(epoch).catch(blameNobody);
      if (beacon === undefined) throw new CosignError('unavailable', `the beacon of epoch ${epoch} is not known`);
      return beacon;
    },
    async findMembers(epoch) {
      const members = await state.findMembers(epoch).catch(blameNobody);
      if (members === undefined) throw new CosignError('unavailable', `the validators of epoch ${epoch} are not known`);
      return members;
    },
    async findVrfKey(epoch) {
      const found = await state.findVrfKey(epoch, validator).catch(blameNobody);
      if (found === undefined) throw new CosignError('unavailable', `the validators of epoch ${epoch} are not known`);
      return found.vrfKey;
    },
    /** Another table here proves nothing against the verdict. The peer may ask again when both have the same. */
    findPolicy(note, { index, timeMs }) {
      const found = lookUp(() => findPolicy(note, timeMs));
      if ('policy' in found) return found.policy;
      throw new CosignError('unavailable', `entry ${index}: ${found.problem}`);
    },
    wasShown: (question) => state.store.read(() => wasShown(state.store, validator, question)),
    findPairPpm: async (entry, order) => computePairPpm(await findDeterringPpm(state, entry, order)),
    assertPassedOver: (entry, order, draw) => assertPassedOver(state, entry, order, draw),
  };
}

/** Reports damaged own files, or files of another version. They refute no entry, with any error. */
function blameNobody(cause: unknown): never {
  if (!isRefutation(cause)) throw cause;
  throw new CosignError('unavailable', `a file of this validator cannot be read: ${cause.message}`, { cause });
}

function lookUp<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    return blameNobody(error);
  }
}

/** @throws CosignError 'unavailable' if the chain cannot be read. */
async function findDeterringPpm(
  { heldFor }: Pick<CosignState, 'heldFor'>,
  entry: Pick<VerdictEntry, 'index' | 'providerId' | 'payee' | 'feeAtomic'>,
  order: Pick<Order, 'expiresAtMs'>,
): Promise<number> {
  return readDeterringPpm(heldFor, entry, order).catch((cause: unknown) => {
    throw new CosignError('unavailable', `entry ${entry.index}: the provider's held earnings cannot be read`, {
      cause,
    });
  });
}

/** @throws CosignError if the beacon selected a reply that the entry calls unaudited. */
export async function assertPassedOver(
  { crypto, alphaPpm, coverageSince, heldFor }: Pick<CosignState, 'crypto' | 'alphaPpm' | 'coverageSince' | 'heldFor'>,
  entry: Pick<VerdictEntry, 'index' | 'timeMs' | 'providerId' | 'payee' | 'feeAtomic'>,
  order: Pick<Order, 'expiresAtMs'>,
  draw: AuditDraw,
): Promise<void> {
  const { index, timeMs } = entry;
  const deterringPpm = await findDeterringPpm({ heldFor }, entry, order);
  // The chain never changes past held earnings, so no reading of the past is needed.
  if (isAudited(crypto, draw, deterringPpm)) {
    throw new CosignError('refuted', `entry ${index}: the provider holds too little for its reply to be passed over`);
  }
  if (!isAudited(crypto, draw, alphaPpm())) return;
  // The coverage may have been raised since. An entry cannot claim to be older than its order.
  const decidedMs = Math.max(timeMs, computeOrderSpan(order).fromMs);
  const { leastPpm, asOfMs } = await coverageSince(decidedMs - ALPHA_GRACE_MS).catch((cause: unknown) => {
    throw new CosignError('unavailable', 'the coverage of that time cannot be read', { cause });
  });
  if (!isAudited(crypto, draw, leastPpm)) return;
  // The coverage may have been lowered just before, and this validator's node may be behind.
  if (asOfMs < decidedMs) {
    throw new CosignError('unavailable', `entry ${index}: the chain as it is seen here ends before the entry's time`);
  }
  throw new CosignError('refuted', `entry ${index}: the beacon selected the reply for an audit`);
}
