import { parseEvidence as parseMachineEvidence } from '@ogong/attestation/evidence-file';
import { checkAttestedRecord } from '@ogong/attestation/machine-check';
import { nameMachine } from '@ogong/attestation/machine-name';
import type { MachinePolicy } from '@ogong/attestation/policy-file';
import { findStakeProblem } from '@ogong/host/views/earnings-view';
import { findWeightsProblem } from '@ogong/host/views/model-roots';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import { type Order, parseOrder } from '@ogong/protocol/exchange/order';
import type { BatchEntry } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { findHeaderModality } from '@ogong/protocol/modality/registry';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { computeOrderSpan } from '@ogong/protocol/stage1/published-root';
import { findRouterProblem } from '@ogong/protocol/stage1/registered-router';
import { MACHINE_CHECK } from '@ogong/protocol/tier/attestation';
import { readAttestation } from '@ogong/protocol/tier/proxied';
import { getAttestationPart } from '@ogong/protocol/tier/registry';
import type { SummarizedReply } from '@ogong/protocol/verdict/claim';
import { findFeeProblem, type Holdings } from '../../audit/deterrence.ts';
import { CosignError, demand } from './cosign-error.ts';
import type { CosignState } from './cosign-state.ts';

// What an entry rests on besides its verdict: fee, stake, router, weights and machine.

/** An order that its validator should not have admitted. @throws CosignError */
export async function assertFeeBound(
  state: Holdings,
  { index }: Pick<VerdictEntry, 'index'>,
  bytes: Uint8Array,
): Promise<void> {
  const order = readOrder(bytes);
  if (order === undefined) return;
  const problem = await findFeeProblem(state, order).catch((cause: unknown) => {
    throw new CosignError('unavailable', `entry ${index}: what the provider held cannot be read`, { cause });
  });
  if (problem !== undefined) throw new CosignError('refuted', `entry ${index}: ${problem}`);
}

/** What does not parse is refuted with the rest of the entry. */
function readOrder(bytes: Uint8Array): Order | undefined {
  try {
    return parseOrder(bytes);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** Nobody signs a fee for a key that had less to lose than the reply's tier asks for. @throws CosignError */
export async function assertStake(
  state: Pick<Holdings, 'heldFor' | 'tierStakes'>,
  { index }: Pick<VerdictEntry, 'index'>,
  { order: { order: bytes }, header, requestSummary }: SummarizedReply,
): Promise<void> {
  const { modelId, order } = readAsked({ bytes, header, requestSummary });
  if (order === undefined) return;
  const problem = await findStakeProblem(state, modelId.split('/')[1] ?? '', order).catch((cause: unknown) => {
    throw new CosignError('unavailable', `entry ${index}: what the provider held cannot be read`, { cause });
  });
  demand(problem === undefined, `entry ${index}: ${problem}`);
}

/** How long after an entry its weights or its router may have been registered without anybody knowing here. */
const REGISTERED_GRACE_MS = 3_600_000;

/** Nobody signs a router's part of a fee for an account that has no bond as one. @throws CosignError */
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

/** Whoever signs an entry says that its model is the one that was asked for. @throws CosignError */
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
  // First weights are in force at once, and what is known of them here may be an hour old.
  const isUnsure = modelRoots.find(modelId, span) === undefined || clock.nowMs() - timeMs <= REGISTERED_GRACE_MS;
  throw new CosignError(isUnsure ? 'unavailable' : 'refuted', `entry ${index}: ${problem}`);
}

/**
 * No machine is named by it: what fails under it is forged, or of another reply, for every co-signer alike. What an operator's own policy
 * refuses beyond that stops no entry: where a third refuses what the others take, a log could neither settle nor lose it.
 */
const PROVEN_POLICY: MachinePolicy = {
  acceptedTcb: [],
  minimumSnpTcb: { bootLoader: 0, tee: 0, snp: 0, microcode: 0 },
  softwareKeys: [],
  allow: ['authority', 'upstream'],
};
/** They depend on whom an operator believes, or sum the others up. */
const OPINIONS: readonly string[] = [MACHINE_CHECK, 'cpu-vendor', 'cpu-tcb'];

/** Whoever signs a fee of tier `tee` says that a machine has answered this order, at the time that is signed. @throws CosignError */
export async function assertMachine(
  {
    crypto,
    ledger,
    machinePolicy,
    onDisbelief,
    wasMachineRevoked,
  }: Pick<CosignState, 'crypto' | 'ledger' | 'machinePolicy' | 'onDisbelief' | 'wasMachineRevoked'>,
  { index, timeMs }: Pick<VerdictEntry, 'index' | 'timeMs'>,
  { order, record, header, requestSummary, attestation }: SummarizedReply & Pick<BatchEntry, 'attestation'>,
): Promise<void> {
  const { modelId, order: read } = readAsked({ bytes: order.order, header, requestSummary });
  if (read === undefined) return;
  const part = getAttestationPart(modelId.split('/')[1] ?? '');
  if (part === undefined) return;
  // Validators of before kept none.
  if (attestation.length === 0) throw new CosignError('unavailable', `entry ${index}: its attestation is not here`);
  const held = { ledger, order: order.order, record, attestation, modelId };
  // What a vendor says runs out. The reply was made before its order did.
  const nowMs = Math.min(timeMs, Number(read.expiresAtMs));
  const proven = await checkAttestedRecord(held, { crypto, policy: PROVEN_POLICY, nowMs }, part);
  const isOpinion = ({ id, detail }: Check): boolean => OPINIONS.includes(id) && !detail.includes('cannot be read');
  const failed = proven.find((one) => one.status === 'fail' && !isOpinion(one));
  if (failed !== undefined) throw new CosignError('refuted', `entry ${index}: ${failed.id}: ${failed.detail}`);
  await assertNotRevoked({ wasMachineRevoked }, { index, attestation }, read);
  if (machinePolicy === undefined) return;
  const own = await checkAttestedRecord(held, { crypto, policy: machinePolicy, nowMs }, part);
  const doubted = own.find(({ status }) => status === 'fail');
  if (doubted !== undefined) onDisbelief?.(`entry ${index}: ${doubted.id}: ${doubted.detail}`);
}

/**
 * The registry is the whole network's word. What counts is the order's time, and not now: all co-signers find the same, however late they
 * ask. Whoever took the record in may not have known yet. @throws CosignError
 */
async function assertNotRevoked(
  { wasMachineRevoked }: Pick<CosignState, 'wasMachineRevoked'>,
  { index, attestation }: Pick<VerdictEntry, 'index'> & Pick<BatchEntry, 'attestation'>,
  { expiresAtMs }: Pick<Order, 'expiresAtMs'>,
): Promise<void> {
  if (wasMachineRevoked === undefined) return;
  const { machine } = await nameMachine(parseMachineEvidence(readAttestation(attestation).evidence)).catch((cause) => {
    throw new CosignError('refuted', `entry ${index}: its machine has no name: ${cause.message}`, { cause });
  });
  const untilMs = Number(expiresAtMs);
  const span = { fromMs: untilMs - MAX_ORDER_LIFETIME_MS - REGISTERED_GRACE_MS, untilMs };
  const isRevoked = await wasMachineRevoked(machine, span).catch((cause: unknown) => {
    throw new CosignError('unavailable', `entry ${index}: the registry of machines cannot be read`, { cause });
  });
  demand(!isRevoked, `entry ${index}: its machine was revoked before its order`);
}

/** What does not parse is refuted with the rest of the entry. */
function readAsked(given: Pick<SummarizedReply, 'header' | 'requestSummary'> & { readonly bytes: Uint8Array }) {
  try {
    const { model: modelId = '' } = findHeaderModality(given.header)?.parseSummary(given.requestSummary) ?? {};
    return { modelId, order: modelId === '' ? undefined : parseOrder(given.bytes) };
  } catch (error) {
    if (error instanceof ProtocolError) return { modelId: '', order: undefined };
    throw error;
  }
}
