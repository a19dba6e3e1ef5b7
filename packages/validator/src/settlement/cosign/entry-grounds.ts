import { findStakeProblem } from '@ogong/host/views/earnings-view';
import { findWeightsProblem } from '@ogong/host/views/model-roots';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { type Order, parseOrder } from '@ogong/protocol/exchange/order';
import { computeOrderSpan } from '@ogong/protocol/exchange/order-span';
import type { BatchEntry } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { findHeaderModality } from '@ogong/protocol/modality/registry';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { findRouterProblem } from '@ogong/protocol/stage1/registered-router';
import { getPart } from '@ogong/protocol/tier/evidence-parts';
import { lookUpTier } from '@ogong/protocol/tier/registry';
import type { ShownRecord } from '@ogong/protocol/tier/tier';
import type { SummarizedReply } from '@ogong/protocol/verdict/claim';
import { findFeeProblem, type Holdings } from '../../audit/deterrence.ts';
import { CosignError, demand } from './cosign-error.ts';
import type { CosignState } from './cosign-state.ts';

// Checks of an entry besides its verdict: fee, stake, router, weights and its tier's own evidence.

/** Refuses an order that its validator should not have admitted. @throws CosignError */
export async function assertFeeBound(
  state: Holdings,
  { index }: Pick<VerdictEntry, 'index'>,
  bytes: Uint8Array,
): Promise<void> {
  const order = readOrder(bytes);
  if (order === undefined) return;
  const problem = await findFeeProblem(state, order).catch((cause: unknown) => {
    throw new CosignError('unavailable', `entry ${index}: the provider's held earnings cannot be read`, { cause });
  });
  if (problem !== undefined) throw new CosignError('refuted', `entry ${index}: ${problem}`);
}

/** Reads an order. Invalid bytes are refuted with the rest of the entry. */
function readOrder(bytes: Uint8Array): Order | undefined {
  try {
    return parseOrder(bytes);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** Refuses a fee for a key with less stake than the reply's tier needs. @throws CosignError */
export async function assertStake(
  state: Pick<Holdings, 'heldFor' | 'tierStakes'>,
  { index }: Pick<VerdictEntry, 'index'>,
  { order: { order: bytes }, header, requestSummary }: SummarizedReply,
): Promise<void> {
  const { modelId, order } = readAsked({ bytes, header, requestSummary });
  if (order === undefined) return;
  const problem = await findStakeProblem(state, modelId.split('/')[1] ?? '', order).catch((cause: unknown) => {
    throw new CosignError('unavailable', `entry ${index}: the provider's held earnings cannot be read`, { cause });
  });
  demand(problem === undefined, `entry ${index}: ${problem}`);
}

/** Time after an entry in which a registration of its weights or router may be unknown here. */
const REGISTERED_GRACE_MS = 3_600_000;

/** Refuses a router's share for an account without a router bond. @throws CosignError */
export async function assertRouter(
  { findRouter, clock }: Pick<CosignState, 'findRouter' | 'clock'>,
  { index, timeMs }: Pick<VerdictEntry, 'index' | 'timeMs'>,
  bytes: Uint8Array,
): Promise<void> {
  const order = readOrder(bytes);
  if (order === undefined) return;
  const problem = await findRouterProblem(findRouter, order, computeOrderSpan(order)).catch((cause: unknown) => {
    throw new CosignError('unavailable', `entry ${index}: its router cannot be read`, { cause });
  });
  if (problem === undefined) return;
  const isUnsure = clock.nowMs() - timeMs <= REGISTERED_GRACE_MS;
  throw new CosignError(isUnsure ? 'unavailable' : 'refuted', `entry ${index}: ${problem}`);
}

/** Checks that the entry's model is the requested one. @throws CosignError */
export async function assertPublishedWeights(
  { modelRoots, clock }: Pick<CosignState, 'modelRoots' | 'clock'>,
  { index, timeMs }: Pick<VerdictEntry, 'index' | 'timeMs'>,
  { order: { order: bytes }, header, requestSummary }: SummarizedReply,
): Promise<void> {
  if (modelRoots === undefined) return;
  const { modelId, order } = readAsked({ bytes, header, requestSummary });
  if (order === undefined) return;
  await modelRoots.prepare([modelId]);
  const span = computeOrderSpan(order);
  const problem = findWeightsProblem(modelRoots, { modelId, modelRoot: order.modelRoot }, span);
  if (problem === undefined) return;
  // The first weights of a name are in force at once, and the list here may be an hour old.
  const isUnsure = modelRoots.find(modelId, span) === undefined || clock.nowMs() - timeMs <= REGISTERED_GRACE_MS;
  throw new CosignError(isUnsure ? 'unavailable' : 'refuted', `entry ${index}: ${problem}`);
}

/**
 * A co-signer of a fee states that the tier's own evidence is about this reply. The entry's time counts, or the order's end if that is
 * earlier: certificates and vendor statements run out. @throws CosignError
 */
export async function assertEvidence(
  {
    crypto,
    ledger,
    evidenceReaders,
    opinionReaders,
    onDisbelief,
  }: Pick<CosignState, 'crypto' | 'ledger' | 'evidenceReaders' | 'opinionReaders' | 'onDisbelief'>,
  { index, timeMs }: Pick<VerdictEntry, 'index' | 'timeMs'>,
  { order, record, header, requestSummary, ownEvidence: evidence }: SummarizedReply & Pick<BatchEntry, 'ownEvidence'>,
): Promise<void> {
  const { modelId, order: read } = readAsked({ bytes: order.order, header, requestSummary });
  if (read === undefined) return;
  const { tier } = lookUpTier(modelId.split('/')[1] ?? '');
  if (tier === undefined) return;
  const missing = tier.ownEvidence.find(({ name }) => getPart(evidence, name) === undefined);
  // The validator may have lost it: that refutes nothing.
  if (missing !== undefined) throw new CosignError('unavailable', `entry ${index}: its ${missing.name} is not here`);
  const shown: ShownRecord = { ledger, modelId, order: order.order, record, evidence };
  const party = { crypto, nowMs: Math.min(timeMs, Number(read.expiresAtMs)) };
  const proven = await tier.admit({ ...party, readers: evidenceReaders }, shown).catch((cause: unknown) => {
    throw new CosignError('unavailable', `entry ${index}: its own evidence cannot be checked`, { cause });
  });
  const failed = proven.find(({ status }) => status === 'fail');
  if (failed !== undefined) throw new CosignError('refuted', `entry ${index}: ${failed.id}: ${failed.detail}`);
  const skipped = proven.find(({ status }) => status === 'skip');
  if (skipped !== undefined) throw new CosignError('unavailable', `entry ${index}: ${skipped.id}: ${skipped.detail}`);
  if (opinionReaders === undefined) return;
  const own = await tier.admit({ ...party, readers: opinionReaders }, shown);
  const doubted = own.find(({ status }) => status === 'fail');
  if (doubted !== undefined) onDisbelief?.(`entry ${index}: ${doubted.id}: ${doubted.detail}`);
}

/** Reads the demands of a reply. Invalid bytes are refuted with the rest of the entry. */
function readAsked(given: Pick<SummarizedReply, 'header' | 'requestSummary'> & { readonly bytes: Uint8Array }) {
  try {
    const { model: modelId = '' } = findHeaderModality(given.header)?.parseSummary(given.requestSummary) ?? {};
    return { modelId, order: modelId === '' ? undefined : parseOrder(given.bytes) };
  } catch (error) {
    if (error instanceof ProtocolError) return { modelId: '', order: undefined };
    throw error;
  }
}
