import { equalBytes, ProtocolError, toHex } from '../../base/bytes.ts';
import { type Check, fail, pass, skip } from '../../base/checks.ts';
import { hashRecord } from '../../commitment/record.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { hashLeaf, verifyInclusion } from '../../crypto/merkle.ts';
import { type QuorumSignature, type QuorumVoter, verifyQuorum } from '../../crypto/quorum.ts';
import { findAdmissionProblem, type SignedAdmission } from '../../exchange/admission.ts';
import { describeLayers } from '../../exchange/cohort/segment.ts';
import { type IntakeSignature, verifyIntake } from '../../exchange/intake-receipt.ts';
import type { LedgerDomain, NamedOrder } from '../../exchange/order.ts';
import type { CommonRequest } from '../../modality/modality.ts';
import { type Batch, hashSettlement, type Settlement } from '../../settlement/batch.ts';
import { areSameShards } from '../../settlement/cohort.ts';
import { type CohortTerms, listShards } from '../../settlement/cohort-agreement.ts';
import { MAX_BATCH_ENTRIES } from '../../settlement/gas.ts';
import { type HeadVoters, verifyHeadCertificate } from '../../settlement/head-certificate.ts';
import { isBillable, parseVerdictEntry, type VerdictEntry } from '../../settlement/verdict-log.ts';
import { dependsOnBalance, isPaidFor } from '../reply-fee.ts';

/** The path from a reply into the chain: a log entry of its validator, and the settlement that contains it. */
export interface SettledEvidence {
  /** Canonical log entry. */
  readonly entry: Uint8Array;
  /** Index of the entry among the paid ones of its batch, from 0. */
  readonly index: number;
  /** Hashes from the entry to the batch's records root. */
  readonly proof: readonly Uint8Array[];
  /** The settlement in the transaction's calldata. */
  readonly settlement: Omit<Settlement, 'uncollectable'>;
  /** The signatures in the calldata, each with the account that its key signed for. */
  readonly signatures: readonly QuorumSignature[];
  /** The votes of those accounts at the block, their signing keys, and the sum of all votes. */
  readonly votes: readonly QuorumVoter[];
  readonly totalVotes: bigint;
  /** The event of the settlement contract in that transaction. */
  readonly event: Omit<Batch, 'replies'>;
  readonly blockNumber: bigint;
  /**
   * A quorum's hybrid signatures of the batch's head, with the chain's data about them; absent if the validator provides none.
   */
  readonly head?: HeadEvidence | undefined;
}

export interface HeadEvidence {
  readonly certificate: Uint8Array;
  readonly voters: HeadVoters;
}

/** The signed intake receipt of the validator that the order names. */
export interface IntakeEvidence extends IntakeSignature {
  /** Addresses of the keys that signed for the validator about the time of the order, according to the chain. */
  readonly signingKeys: readonly Uint8Array[];
}

/** The reason that there is no evidence, as text. */
export interface UnsettledReply {
  readonly problem: string;
}

interface HeldReply {
  readonly order: NamedOrder;
  /** Exact bytes of the signed record. */
  readonly record: Uint8Array;
  /** The request, which says which verdicts are paid. */
  readonly request: Pick<CommonRequest, 'demands'>;
  /** Cost of the reply by its header; undefined if the reader has no header. */
  readonly feeAtomic: bigint | undefined;
  /** Domain of the settlement contract; undefined if the reader trusts none. */
  readonly domain: LedgerDomain | undefined;
  /** Terms of the cohort that the receipt shows. Default: one provider served alone. */
  readonly cohort?: CohortTerms | undefined;
}

interface WitnessedReply extends Pick<HeldReply, 'order' | 'record'> {
  readonly ledger: LedgerDomain;
  readonly admission: SignedAdmission;
}

/** Checks that the order's validator signed that it admitted this order before it expired. */
export function checkAdmission(
  crypto: Crypto,
  { order, ledger, admission }: Omit<WitnessedReply, 'record'>,
  signingKeys: readonly Uint8Array[],
): Check {
  const problem = findAdmissionProblem(crypto, { ledger, order, signingKeys }, admission);
  return problem === undefined
    ? pass('admission', `validator 0x${toHex(order.validator)} admitted the order, in epoch ${admission.epoch}`)
    : fail('admission', problem);
}

/** Checks that the order's validator signed that it has this record, under this order. */
export function checkIntake(
  crypto: Crypto,
  { order, record, ledger, admission }: WitnessedReply,
  evidence: IntakeEvidence | UnsettledReply,
): Check {
  if ('problem' in evidence) return skip('intake', evidence.problem);
  const { validator, orderHash } = order;
  const { epoch, signature, signingKeys } = evidence;
  const receipt = { validator, orderHash, recordHash: hashRecord(crypto, record), epoch, signature };
  const isSigned = signingKeys.some((signingKey) => verifyIntake(crypto, { ledger, signingKey }, receipt));
  if (!isSigned) return fail('intake', 'the validator that the order names did not sign for this record');
  if (epoch < admission.epoch) return fail('intake', 'the record was accepted before its order was admitted');
  return pass('intake', `validator 0x${toHex(validator)} accepted the record, in epoch ${epoch}`);
}

/**
 * Checks that the chain has settled this reply. Its validator's log entry must name the reader's record, and be in a batch.
 * More than two thirds of the votes must have signed the batch, and the contract must have accepted it.
 */
export function checkSettled(crypto: Crypto, held: HeldReply, evidence: SettledEvidence | UnsettledReply): Check {
  if ('problem' in evidence) return skip('settled', evidence.problem);
  const { domain } = held;
  if (domain === undefined) return skip('settled', 'no settlement contract is given to compare with');
  let entry: VerdictEntry;
  try {
    entry = parseVerdictEntry(evidence.entry);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return fail('settled', `the log entry does not parse: ${error.message}`);
  }
  const problem =
    findEntryProblem(crypto, held, entry) ??
    findInclusionProblem(crypto, held, { entry, evidence }) ??
    findQuorumProblem(crypto, domain, evidence);
  if (problem !== undefined) return fail('settled', problem);
  const { sequence } = evidence.settlement.batch;
  return pass(
    'settled',
    `${entry.verdict}, fee ${entry.feeAtomic}: entry ${entry.index} of 0x${toHex(held.order.validator)}, batch ${sequence}, block ${evidence.blockNumber}`,
  );
}

/**
 * Checks that a quorum has also signed the head of the reply's batch with hybrid keys (docs/spec/log-heads.md).
 * @returns undefined if the validator provides no certificate: validators store those of their newest batches.
 */
export function checkHead(
  crypto: Crypto,
  { order, domain }: Pick<HeldReply, 'order' | 'domain'>,
  evidence: SettledEvidence | UnsettledReply,
): Check | undefined {
  if ('problem' in evidence || evidence.head === undefined || domain === undefined) return undefined;
  const { certificate, voters } = evidence.head;
  const { validator } = order;
  const { batch } = evidence.settlement;
  const { checks } = verifyHeadCertificate(crypto, certificate, { domain, validator, batch, ...voters });
  const failed = checks.find(({ status }) => status === 'fail');
  if (failed !== undefined) return fail('log-head', failed.detail);
  return pass('log-head', checks.map(({ detail }) => detail).join('; '));
}

/**
 * Checks the same for a reader without a receipt. A log entry about this reply is in a batch of this validator. A quorum signed
 * the batch, and the contract accepted it. The contents and the correct price of the reply are visible only with a receipt.
 */
export function checkSettledEntry(
  crypto: Crypto,
  told: {
    readonly replyId: Uint8Array;
    readonly validator: Uint8Array;
    /** Domain of the settlement contract. */
    readonly domain: LedgerDomain;
  },
  evidence: SettledEvidence,
): { readonly checks: readonly Check[]; readonly entry: VerdictEntry | undefined } {
  let entry: VerdictEntry;
  try {
    entry = parseVerdictEntry(evidence.entry);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { checks: [fail('log-entry', `the log entry does not parse: ${error.message}`)], entry: undefined };
  }
  const { sequence } = evidence.settlement.batch;
  const isAbout = equalBytes(entry.replyId, told.replyId);
  const isPaid = isBillable(entry.verdict);
  const excluded = findInclusionProblem(crypto, { order: told }, { entry, evidence });
  const unsigned = findQuorumProblem(crypto, told.domain, evidence);
  return {
    entry,
    checks: [
      isAbout
        ? pass(
            'log-entry',
            `entry ${entry.index} of the log: ${entry.verdict}${describeCulprit(entry)}, fee ${entry.feeAtomic}`,
          )
        : fail('log-entry', 'the log entry is about another reply'),
      isPaid
        ? result('batch-inclusion', excluded, `the entry is in batch ${sequence} of 0x${toHex(told.validator)}`)
        : skip('batch-inclusion', 'nothing is paid for it, so that no batch has its entry; the log alone has it'),
      result(
        'quorum',
        unsigned,
        `more than two thirds of the votes signed batch ${sequence}, and the contract took it`,
      ),
    ],
  };
}

const result = (id: string, problem: string | undefined, detail: string): Check =>
  problem === undefined ? pass(id, detail) : fail(id, problem);

/** The shard of a cohort that a reject is about. */
export interface EntryCulprit {
  /** Place in the cohort, from 0. */
  readonly place: number;
  /** Hash of the shard's key, hex. */
  readonly providerId: string;
  readonly firstLayer: number;
  readonly layers: number;
}

/** Reads the shard that an entry's reject is about; undefined if it names none. */
export function readCulprit({
  shards,
  culprit: place,
}: Pick<VerdictEntry, 'shards' | 'culprit'>): EntryCulprit | undefined {
  const shard = place === undefined ? undefined : shards[place];
  if (place === undefined || shard === undefined) return undefined;
  const { providerId, firstLayer, layers } = shard;
  return { place, providerId: toHex(providerId), firstLayer, layers };
}

function describeCulprit(entry: VerdictEntry): string {
  const culprit = readCulprit(entry);
  return culprit === undefined
    ? ''
    : ` about shard ${culprit.place} (${describeLayers(culprit)}), key ${culprit.providerId.slice(0, 16)}`;
}

/**
 * Finds the shard that the validator's log rejects, if its entry is about this record and these shards. No batch has a rejected reply, so
 * the validator alone says this, and `settled` fails.
 */
export function findCulprit(
  crypto: Crypto,
  { record, cohort }: Pick<HeldReply, 'record' | 'cohort'>,
  evidence: SettledEvidence | UnsettledReply,
): EntryCulprit | undefined {
  const entry = readEntry(evidence);
  const isAbout =
    entry !== undefined &&
    cohort !== undefined &&
    equalBytes(entry.recordHash, hashRecord(crypto, record)) &&
    areSameShards(entry.shards, listShards(cohort));
  return isAbout ? readCulprit(entry) : undefined;
}

function readEntry(evidence: SettledEvidence | UnsettledReply): VerdictEntry | undefined {
  if ('problem' in evidence) return undefined;
  try {
    return parseVerdictEntry(evidence.entry);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** Finds a contradiction with the reply, the record or the parties, or a refused reply. */
function findEntryProblem(
  crypto: Crypto,
  { order, record, request, feeAtomic, cohort }: HeldReply,
  entry: VerdictEntry,
): string | undefined {
  const { replyId, recordHash, providerId, payee, payer, router, verdict, feeAtomic: fee, shards } = entry;
  if (!equalBytes(replyId, order.replyId)) return 'the log entry is about another reply';
  if (!isBillable(verdict)) return `the validator's log says ${verdict}${describeCulprit(entry)}`;
  if (!equalBytes(recordHash, hashRecord(crypto, record))) return 'the log entry is about another record of this reply';
  const isSame =
    equalBytes(providerId, order.providerId) &&
    equalBytes(payee, order.payee) &&
    equalBytes(payer, order.payer) &&
    equalBytes(router, order.router);
  if (!isSame) return 'the log entry names other parties than the order';
  if (!areSameShards(shards, cohort === undefined ? [] : listShards(cohort)))
    return 'the log entry names other shards than the receipt';
  if (fee > order.maxFeeAtomic) return `a fee of ${fee}, the order allows ${order.maxFeeAtomic}`;
  const owed = isPaidFor(verdict, request) ? feeAtomic : 0n;
  // The log before the entry decides whether such a reply is paid, and a reader of one entry does not have it.
  if (fee === 0n && dependsOnBalance(verdict)) return undefined;
  return owed === undefined || fee === owed ? undefined : `a fee of ${fee}, the reply costs ${owed}`;
}

/** Finds a problem of the entry's inclusion in a batch of the order's validator. */
function findInclusionProblem(
  crypto: Crypto,
  { order }: { readonly order: Pick<NamedOrder, 'validator'> },
  { entry, evidence }: { readonly entry: VerdictEntry; readonly evidence: SettledEvidence },
): string | undefined {
  const { index, proof, settlement } = evidence;
  const { validator, recordsRoot, replies, logLength } = settlement.batch;
  if (!equalBytes(validator, order.validator)) return 'the batch is of another validator than the order names';
  if (replies > MAX_BATCH_ENTRIES) return `a batch of ${replies} replies`;
  const inclusion = { leaf: hashLeaf(crypto, evidence.entry), index, size: replies, proof, root: recordsRoot };
  if (!verifyInclusion(crypto, inclusion)) return 'the log entry is not in the batch';
  return entry.index < logLength ? undefined : 'the log entry lies behind the end of the batch';
}

/** Finds a problem of the batch's quorum, or of its acceptance by the contract. */
function findQuorumProblem(crypto: Crypto, domain: LedgerDomain, evidence: SettledEvidence): string | undefined {
  const { settlement, signatures, votes, totalVotes, event } = evidence;
  const digest = hashSettlement(crypto, domain, settlement);
  const quorum = verifyQuorum(crypto, { digest, signatures, validators: votes, totalStake: totalVotes });
  if (!quorum.ok) return `signed by ${quorum.signedStake} of ${quorum.totalStake} votes: no quorum`;
  const { batch } = settlement;
  const isTaken =
    equalBytes(event.validator, batch.validator) &&
    event.sequence === batch.sequence &&
    equalBytes(event.recordsRoot, batch.recordsRoot) &&
    equalBytes(event.logHead, batch.logHead) &&
    event.logLength === batch.logLength;
  return isTaken ? undefined : 'the settlement contract took another batch';
}
