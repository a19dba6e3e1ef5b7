import { parseEvidence as parseMachineEvidence } from '@ogong/attestation/evidence-file';
import { checkAttestedRecord } from '@ogong/attestation/machine-check';
import { nameMachine } from '@ogong/attestation/machine-name';
import type { MachinePolicy } from '@ogong/attestation/policy-file';
import { findStakeProblem } from '@ogong/host/views/earnings-view';
import { findWeightsProblem } from '@ogong/host/views/model-roots';
import { type AuditDraw, isAudited } from '@ogong/protocol/audit/audit';
import { equalBytes, fromHex, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { hashRecord, parseRecordV2 } from '@ogong/protocol/commitment/record';
import { CLOCK_TOLERANCE_MS, MAX_ORDER_LIFETIME_MS, OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import { type Order, parseOrder } from '@ogong/protocol/exchange/order';
import type { BatchEntry } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { findHeaderModality } from '@ogong/protocol/modality/registry';
import {
  areModelsNamed,
  buildSettlement,
  type Debt,
  encodeSettlement,
  type FindTests,
  parseSettlement,
  type Settlement,
} from '@ogong/protocol/settlement/batch';
import { MAX_BATCH_ENTRIES } from '@ogong/protocol/settlement/gas';
import {
  computeGenesisPosition,
  type LogPosition,
  type VerdictEntry,
  verifyChain,
} from '@ogong/protocol/settlement/verdict-log';
import { computeOrderSpan } from '@ogong/protocol/stage1/published-root';
import { findRouterProblem } from '@ogong/protocol/stage1/registered-router';
import { MACHINE_CHECK } from '@ogong/protocol/tier/attestation';
import { readAttestation } from '@ogong/protocol/tier/proxied';
import { getAttestationPart } from '@ogong/protocol/tier/registry';
import type { SummarizedReply } from '@ogong/protocol/verdict/claim';
import { parseEvidence } from '@ogong/protocol/verdict/evidence';
import { type VerdictAnchors, VerdictError } from '@ogong/protocol/verdict/verdict-anchors';
import { assertVerdict, isRefutation } from '@ogong/protocol/verdict/verify-verdict';
import { computePairPpm, findFeeProblem, type Holdings, readDeterringPpm } from '../audit/deterrence.ts';
import { wasFound, wasShown } from '../store/witness-store.ts';
import { findCovering, findUncollectable, groupByPayer, type OrderVoucher } from './collect.ts';
import { CosignError, demand, NO_ENTRIES } from './cosign-error.ts';
import type { CosignState } from './cosign-state.ts';

/** How long the old coverage still passes after a change: a validator may not know of the change yet. */
const ALPHA_GRACE_MS = 3_600_000;

/**
 * After this time an entry that cannot be checked is refused. Most reasons heal within hours; one that does not would keep all
 * entries behind it from settling.
 */
const UNCHECKED_AFTER_MS = 2 * OPENING_KEPT_MS;

/** Whether an entry is refused that cannot be checked, see UNCHECKED_AFTER_MS. */
export function isUncheckable(
  { clock }: Pick<CosignState, 'clock'>,
  { timeMs }: Pick<VerdictEntry, 'timeMs'>,
  { code }: Pick<CosignError, 'code'>,
): boolean {
  return code === 'unavailable' && clock.nowMs() - timeMs > UNCHECKED_AFTER_MS;
}

/** @param from ledger address of the peer that asks. @throws CosignError */
export function readProposal(from: Uint8Array, bytes: Uint8Array): Settlement {
  let settlement: Settlement;
  try {
    settlement = parseSettlement(bytes);
  } catch (cause) {
    throw new CosignError('refuted', `the batch does not parse: ${(cause as Error).message}`, { cause });
  }
  demand(equalBytes(from, settlement.batch.validator), 'the batch is of another validator than the one that asks');
  return settlement;
}

/** Where the batch's log begins: after what the chain has settled. @throws CosignError unless it is this batch's turn. */
export async function findLogStart(
  { crypto, ledger, anchorOf }: Pick<CosignState, 'crypto' | 'ledger' | 'anchorOf'>,
  { validator, sequence }: Pick<Settlement['batch'], 'validator' | 'sequence'>,
): Promise<LogPosition> {
  const anchor = await anchorOf(validator).catch((cause: unknown) => {
    throw new CosignError('unavailable', 'the chain cannot be read', { cause });
  });
  if (sequence !== anchor.sequence + 1n) {
    throw new CosignError('not-next', `batch ${sequence}, the chain has settled ${anchor.sequence}`);
  }
  return anchor.sequence === 0n
    ? computeGenesisPosition(crypto, { chainId: ledger.chainId, validator })
    : { length: anchor.logLength, head: fromHex(anchor.logHead.slice(2), 32) };
}

/** The batch's part of the log, from its start to the head that the batch names. @throws CosignError */
export function readLog(
  { crypto }: Pick<CosignState, 'crypto'>,
  { logLength, logHead }: Pick<Settlement['batch'], 'logLength' | 'logHead'>,
  start: LogPosition,
  logEntries: readonly Uint8Array[],
): readonly VerdictEntry[] {
  demand(logEntries.length > 0, NO_ENTRIES);
  demand(logEntries.length <= MAX_BATCH_ENTRIES, `a batch of ${logEntries.length} entries`);
  const { checks, entries } = verifyChain(crypto, {
    from: start,
    entries: logEntries,
    expected: { length: logLength, head: logHead },
  });
  const broken = checks.find(({ status }) => status === 'fail');
  demand(broken === undefined, `the log does not hold: ${broken?.detail}`);
  const ids = new Set(entries.map(({ replyId }) => toHex(replyId)));
  demand(ids.size === entries.length, 'a reply stands twice in the batch');
  return entries;
}

/** One entry against all the bytes that it rests on (docs/spec/validator.md). @throws CosignError */
export async function checkEntry(
  state: CosignState,
  validator: Uint8Array,
  entry: VerdictEntry,
  {
    record: claimed,
    evidence,
    delivery,
    attestation,
  }: Pick<BatchEntry, 'record' | 'evidence' | 'delivery' | 'attestation'>,
): Promise<void> {
  demand(claimed?.order !== undefined, `entry ${entry.index} has no order`);
  // A refused entry is lost for good, and the slow clock may be this machine's own. But no clock is slow by an order's life.
  const aheadMs = entry.timeMs - state.clock.nowMs();
  if (aheadMs > CLOCK_TOLERANCE_MS && aheadMs <= MAX_ORDER_LIFETIME_MS) {
    throw new CosignError('unavailable', `entry ${entry.index} is of the future, by this machine's clock`);
  }
  const { order, record } = claimed;
  await state.learnOrderKey?.(order, 'co-signing').catch((cause: unknown) => {
    throw new CosignError('unavailable', 'the chain cannot be read', { cause });
  });
  // Whatever others say: who was given it knows that it was there.
  const asked = readMissing(entry, evidence);
  const isShown = asked !== undefined && state.store.read(() => wasFound(state.store, validator, { ...entry, asked }));
  demand(!isShown, `entry ${entry.index}: what is said to be missing was shown here`);
  const submission = claimed.header.length > 0 ? (claimed as SummarizedReply) : undefined;
  if (submission !== undefined) await assertPublishedWeights(state, entry, submission);
  if (submission !== undefined && entry.feeAtomic > 0n) {
    await assertMachine(state, entry, { ...submission, attestation });
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
      { order, record, submission, evidence, delivery },
      createTrust(state, validator),
    );
  } catch (error) {
    if (!isRefutation(error)) throw error;
    const where = error instanceof VerdictError ? '' : `entry ${entry.index}: `;
    throw new CosignError('refuted', `${where}${error.message}`, { cause: error });
  }
}

/**
 * What a provider is said to have kept, where an entry rests on its silence. What does not parse is refuted with the rest of the entry.
 */
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

/** An order that its validator should not have admitted. @throws CosignError */
async function assertFeeBound(
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
async function assertStake(
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
async function assertRouter(
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
async function assertPublishedWeights(
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
async function assertMachine(
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

/** What a verdict's own bytes do not contain, as this validator knows it. */
function createTrust(state: CosignState, validator: Uint8Array): VerdictAnchors {
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
    /**
     * If this validator has another table, that proves nothing against the verdict. The peer may ask again when both have the
     * same.
     */
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

/** What this validator keeps may be damaged, or of another version. That refutes no entry, whatever it is thrown as. */
function blameNobody(cause: unknown): never {
  if (!isRefutation(cause)) throw cause;
  throw new CosignError('unavailable', `what is kept here cannot be read: ${cause.message}`, { cause });
}

function lookUp<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    return blameNobody(error);
  }
}

/** @throws CosignError 'unavailable' where the chain cannot be read. */
async function findDeterringPpm(
  { heldFor }: Pick<CosignState, 'heldFor'>,
  entry: Pick<VerdictEntry, 'index' | 'providerId' | 'payee' | 'feeAtomic'>,
  order: Pick<Order, 'expiresAtMs'>,
): Promise<number> {
  return readDeterringPpm(heldFor, entry, order).catch((cause: unknown) => {
    throw new CosignError('unavailable', `entry ${entry.index}: what the provider held cannot be read`, { cause });
  });
}

/** @throws CosignError where the beacon selected a reply that the entry calls unaudited. */
export async function assertPassedOver(
  { crypto, alphaPpm, coverageSince, heldFor }: Pick<CosignState, 'crypto' | 'alphaPpm' | 'coverageSince' | 'heldFor'>,
  entry: Pick<VerdictEntry, 'index' | 'timeMs' | 'providerId' | 'payee' | 'feeAtomic'>,
  order: Pick<Order, 'expiresAtMs'>,
  draw: AuditDraw,
): Promise<void> {
  const { index, timeMs } = entry;
  const deterringPpm = await findDeterringPpm({ heldFor }, entry, order);
  // The chain never changes what was held then, so this needs no look at the past.
  if (isAudited(crypto, draw, deterringPpm)) {
    throw new CosignError('refuted', `entry ${index}: the provider holds too little for its reply to be passed over`);
  }
  if (!isAudited(crypto, draw, alphaPpm())) return;
  // The coverage may have been raised since. An entry cannot claim to be older than its order.
  const decidedMs = Math.max(timeMs, Number(order.expiresAtMs) - MAX_ORDER_LIFETIME_MS);
  const { leastPpm, asOfMs } = await coverageSince(decidedMs - ALPHA_GRACE_MS).catch((cause: unknown) => {
    throw new CosignError('unavailable', 'the coverage of that time cannot be read', { cause });
  });
  if (!isAudited(crypto, draw, leastPpm)) return;
  // It may have been lowered just before, and this validator's node be behind.
  if (asOfMs < decidedMs) {
    throw new CosignError('unavailable', `entry ${index}: the chain as it is seen here ends before the entry's time`);
  }
  throw new CosignError('refuted', `entry ${index}: the beacon selected the reply for an audit`);
}

/**
 * The model of each entry, where the lines name models: by the record that the entry names by its hash, also where the entry was signed
 * before. An entry without a record owes nothing.
 * @returns undefined where they name none.
 * @throws CosignError `unavailable` where they name models and makers have no share, as this validator reads the chain, or the other way round.
 */
export function findModels(
  { crypto, namesModels }: Pick<CosignState, 'crypto' | 'namesModels'>,
  settlement: Pick<Settlement, 'lines'>,
  entries: readonly Pick<VerdictEntry, 'recordHash'>[],
  messages: readonly Pick<BatchEntry, 'record'>[],
): (Uint8Array | undefined)[] | undefined {
  const isNamed = areModelsNamed(settlement);
  const isAsked = namesModels?.() ?? false;
  if (isNamed !== undefined && isNamed !== isAsked) {
    const why = isAsked
      ? 'lines name no model, and makers have a share'
      : 'lines name models, and makers have no share';
    throw new CosignError('unavailable', `${why}, by the chain as it is seen here`);
  }
  if (!isNamed) return undefined;
  return entries.map(({ recordHash }, i) => {
    const record = messages[i]?.record?.record?.record;
    if (record === undefined || !equalBytes(hashRecord(crypto, record), recordHash)) return undefined;
    return parseRecordV2(record).modelRoot;
  });
}

/**
 * The batch must equal the netting of its entries. The contract checks the vouchers, since only it knows the channels exactly.
 * @throws CosignError
 */
export function assertNets(
  { crypto }: Pick<CosignState, 'crypto'>,
  settlement: Settlement,
  bytes: Uint8Array,
  {
    logEntries,
    findTests,
    modelRoots,
  }: {
    readonly logEntries: readonly Uint8Array[];
    readonly findTests: FindTests;
    readonly modelRoots?: readonly (Uint8Array | undefined)[] | undefined;
  },
): void {
  const { validator, sequence, logLength, logHead } = settlement.batch;
  let rebuilt: Settlement;
  try {
    rebuilt = buildSettlement(crypto, {
      validator,
      sequence,
      position: { length: logLength, head: logHead },
      entries: logEntries,
      modelRoots,
      vouchers: settlement.debits,
      uncollectable: settlement.uncollectable,
      findTests,
    });
  } catch (cause) {
    throw new CosignError('refuted', `the entries do not settle: ${(cause as Error).message}`, { cause });
  }
  demand(equalBytes(encodeSettlement(rebuilt), bytes), 'the batch differs from the netting of its entries');
}

/**
 * Exactly the payers that cannot be debited may be left out; a payer that was left out before may stay out. So a payer can hold
 * up a batch neither by emptying its channel nor by filling it again. @throws CosignError
 */
export async function checkUncollectable(
  { channelOf, isSigned = async () => true }: Pick<CosignState, 'channelOf' | 'isSigned'>,
  {
    batch,
    uncollectable,
  }: Pick<Settlement, 'uncollectable'> & { readonly batch: Pick<Settlement['batch'], 'validator'> },
  owing: readonly Debt[],
  before: readonly Uint8Array[],
  orders: readonly OrderVoucher[] = [],
): Promise<void> {
  const signedBy = groupByPayer(orders);
  const named = new Set(uncollectable.map(toHex));
  const concerned = new Set([...uncollectable, ...before].map(toHex));
  const debts = owing.filter(({ payer }) => concerned.has(toHex(payer)));
  const readChannel = (payer: Uint8Array) => channelOf(payer, batch.validator);
  const found = await findUncollectable(
    {
      readChannel,
      // Which order a payer is drawn by is checked by the chain alone: it may be a newer one than those of the batch.
      isCovered: async (payer, least) => {
        const own = signedBy.get(toHex(payer)) ?? [];
        const isJudged = named.has(toHex(payer)) && own.length > 0;
        return !isJudged || (await findCovering(isSigned, own, least)) !== undefined;
      },
    },
    debts,
  ).catch((cause: unknown) => {
    throw new CosignError('unavailable', 'the channels cannot be read', { cause });
  });
  const undrawable = new Set(found.map(toHex));
  for (const payer of debts.map((debt) => toHex(debt.payer))) {
    demand(
      !named.has(payer) || undrawable.has(payer),
      `payer ${payer} can be debited, by the chain as this validator reads it`,
    );
    demand(named.has(payer) || !undrawable.has(payer), `payer ${payer} still cannot be debited`);
  }
}
