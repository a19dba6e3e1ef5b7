import { equalBytes, toHex } from '../../base/bytes.ts';
import { type Check, check, fail, isOk, listSkipped, pass, skip } from '../../base/checks.ts';
import { computeGenesisBeacon } from '../../beacon/beacon.ts';
import {
  type EpochCertificate,
  parseEpochCertificate,
  readEpochValue,
  verifyEpochCertificate,
} from '../../beacon/epoch-certificate.ts';
import { computeBlinds } from '../../commitment/blinds.ts';
import type { CommonHeader } from '../../commitment/common-header.ts';
import { type Opening, parseOpening } from '../../commitment/opening.ts';
import { parseRecordV2, type RecordV2 } from '../../commitment/record.ts';
import { hashResponse } from '../../commitment/response-hash.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { hashHybridKey, verifyHybrid } from '../../crypto/hybrid.ts';
import { findValidator } from '../../crypto/quorum.ts';
import { FeeError } from '../../exchange/fee.ts';
import { CLOCK_TOLERANCE_MS } from '../../exchange/limits.ts';
import { findNamedRoot } from '../../exchange/named-root.ts';
import { type NamedOrder, nameOrder, type Order, parseOrder, verifyOrder } from '../../exchange/order.ts';
import { withOrderKeys } from '../../exchange/order-key-grants.ts';
import type { Progress } from '../../exchange/progress.ts';
import { isTicketOfOrder, parseTicket, type Ticket } from '../../exchange/ticket.ts';
import type { WalkedBlobs } from '../../modality/blob-walk.ts';
import type { CommonRequest, FindBlob, Modality } from '../../modality/modality.ts';
import { findModality } from '../../modality/registry.ts';
import { hashReadRequest } from '../../modality/request-hash.ts';
import { parseVerdictEntry, type VerdictEntry } from '../../settlement/verdict-log.ts';
import type { OrderBeacon } from '../../stage1/common-checks.ts';
import type { Receipt } from '../../stage1/receipt.ts';
import type { Trust } from '../../stage1/trust.ts';
import { checkEvidence } from '../../tier/evidence.ts';
import { isExactClass } from '../../tier/exact-class.ts';
import { type Posture, readPosture } from '../../tier/posture.ts';
import { lookUpTier } from '../../tier/registry.ts';
import type { ReceiptPart } from '../../tier/tier.ts';
import { type BilledReply, computeBilledFee, isLeftAt, readProgress } from '../reply-fee.ts';
import { checkCohort, type ReceiptCohort } from './cohort-checks.ts';
import { checkJudgedRecord } from './reported-verdict.ts';
import {
  checkAdmission,
  checkHead,
  checkIntake,
  checkSettled,
  findCulprit,
  type IntakeEvidence,
  type SettledEvidence,
  type UnsettledReply,
} from './settled.ts';

export interface ReceiptContext {
  readonly crypto: Crypto;
  /** The exact body that was sent. */
  readonly request: Uint8Array;
  /** The canonical bytes of the answer: UTF-8 of a text, or the vectors of embeddings. */
  readonly response: Uint8Array;
  readonly trust?: Trust;
  /** Finds the blobs of the reply. Without them, the checks that read blobs are skipped. */
  readonly blobs?: FindBlob | undefined;
  /** The result of `walkBlobs` of the reply's modality, in their place. */
  readonly walked?: WalkedBlobs | undefined;
  /** Unix time in ms. Without it the times are not checked. */
  readonly nowMs?: number;
  /** The status of the reply, as a gateway reports it. Without it the record of the verdict is not compared. */
  readonly status?: unknown;
  /**
   * The validator's intake receipt for the record, if the reader has requested it. It is used if the receipt contains none yet.
   */
  readonly intake?: IntakeEvidence | UnsettledReply;
  /** The path from the reply into the chain, if the reader has fetched it. Without it there is no check `settled`. */
  readonly settled?: SettledEvidence | UnsettledReply;
  /** Replaces the plain check of a certificate if many receipts share one, and remembers its verdict. */
  readonly verifyBeacon?: typeof verifyEpochCertificate;
}

export interface ReceiptVerdict {
  /** Nothing failed, something passed, and all skipped checks are named in `trust.allow`. */
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** Ids of skipped checks that were not allowed. The reader has to provide trust data for them. */
  readonly missing: readonly string[];
  /** Ids of skipped checks that the reader allowed. */
  readonly allowed: readonly string[];
  /** The promise that applied; absent if there is no header or it does not parse. */
  readonly posture?: Posture;
  /** The providers that served the reply together, by an agreement that counts; absent if one served alone. */
  readonly cohort?: ReceiptCohort;
}

/**
 * Verifies everything that a receipt proves without a model, in one place for every consumer (docs/spec/receipt.md). It never
 * throws on a hostile receipt: a part that does not parse is a failed check.
 */
export async function verifyReceipt(receipt: Receipt, given: ReceiptContext): Promise<ReceiptVerdict> {
  const checks: Check[] = [];
  const { trust = {} } = given;
  const crypto = withOrderKeys(given.crypto, trust.orderKeys);
  const context = { ...given, crypto };
  const parsed = parseParts(receipt, context, checks);
  if (parsed === undefined) return { ok: false, checks, missing: [], allowed: [] };
  const { order, record, request } = parsed;

  checks.push(...(await checkTierEvidence(crypto, receipt, parsed)));
  const requestHash = hashReadRequest(crypto, request, context.request);
  const blind = computeBlinds(crypto, { body: context.request, replyId: record.replyId }).answer;
  checks.push(
    check('request-hash', equalBytes(requestHash, record.requestHash) && equalBytes(requestHash, order.requestHash), [
      'order and record name the request that was sent',
      'order or record name another request than the one sent',
    ]),
    check('response-hash', equalBytes(hashResponse(crypto, blind, context.response), record.responseHash), [
      'the record signs the response that was received',
      'the record signs another response than the one received',
    ]),
    check('order-signature', verifyOrder(crypto, order, receipt.order.signature), [
      `signed by payer 0x${toHex(order.payer)}`,
      'not signed by the payer that it names',
    ]),
    check('record-signature', verifyHybrid(crypto, { ...receipt.record, message: receipt.record.bytes }), [
      'Ed25519 and ML-DSA-44 signatures of the provider hold',
      'a signature of the provider does not hold',
    ]),
    check('provider-identity', equalBytes(hashHybridKey(crypto, receipt.record.publicKey), order.providerId), [
      `provider ${toHex(order.providerId).slice(0, 16)} signed`,
      'the record is signed by another provider than the order names',
    ]),
    check('order-binding', equalBytes(order.replyId, record.replyId) && equalBytes(order.modelRoot, record.modelRoot), [
      `reply ${toHex(record.replyId)} of model ${toHex(record.modelRoot).slice(0, 16)}`,
      'order and record name different replies or models',
    ]),
    checkTicket(crypto, receipt, parsed),
    checkRouter(crypto, receipt, trust),
    checkLedger(receipt, trust),
    checkValidator(order, trust),
    ...checkValidatorWords(receipt, parsed, context),
    checkModelRoot(crypto, trust, request, record),
    checkTimes(order, record, context.nowMs),
  );
  const beacon = checkBeacon(receipt, order, context, checks);
  const progress = findProgress(receipt, parsed, context);
  const header = checkOpening(receipt, { ...parsed, progress }, beacon, context, checks);
  const shared = checkCohort(crypto, receipt, { order, request }, header);
  checks.push(...shared.checks);
  const { response } = context;
  const feeAtomic = header && computeFee(parsed, { header, responseBytes: response.length, progress });
  if (context.status !== undefined) {
    checks.push(checkJudgedRecord(crypto, context.status, { record: receipt.record.bytes, feeAtomic, request }));
  }
  if (context.settled !== undefined) {
    const { settlement } = trust;
    const domain = settlement && { chainId: receipt.ledger.chainId, verifyingContract: settlement };
    const head = checkHead(crypto, { order, domain }, context.settled);
    checks.push(
      checkSettled(
        crypto,
        { order, record: receipt.record.bytes, request, feeAtomic, domain, cohort: shared.agreed?.terms },
        context.settled,
      ),
      ...(head === undefined ? [] : [head]),
    );
  }
  // A consumer that names a tier in its request accepts the checks that the tier leaves out. The tier in a header allows
  // nothing.
  const leftOut = lookUpTier(readTierName(request)).tier?.leavesOut ?? [];
  const { missing, allowed } = listSkipped(checks, [...(trust.allow ?? []), ...leftOut]);
  const ok = isOk(checks) && missing.length === 0;
  const stated = header && readPosture(header);
  const settled =
    checks.find(({ id }) => id === 'settled')?.status === 'pass' ? readSettled(context.settled) : undefined;
  // A cohort is as exact as its weakest member.
  const isExact = shared.agreed?.terms.members.every(({ numericClass }) => isExactClass(numericClass)) ?? true;
  const posture = stated && { ...stated, exact: stated.exact && isExact };
  const culprit =
    context.settled &&
    findCulprit(crypto, { record: receipt.record.bytes, cohort: shared.agreed?.terms }, context.settled);
  const cohort = shared.agreed && {
    ...shared.agreed.cohort,
    ...(settled && { verdict: settled.verdict }),
    ...(culprit && { culprit }),
  };
  return { ok, checks, missing, allowed, ...(posture && { posture }), ...(cohort && { cohort }) };
}

/** Reads the log entry of a reply whose settlement was checked. */
const readSettled = (evidence: ReceiptContext['settled']): VerdictEntry | undefined =>
  evidence === undefined || 'problem' in evidence ? undefined : parseVerdictEntry(evidence.entry);

interface Parts {
  readonly order: NamedOrder;
  readonly record: RecordV2;
  readonly ticket: Ticket;
  readonly modality: Modality;
  readonly request: CommonRequest;
}

function parseParts(receipt: Receipt, context: ReceiptContext, checks: Check[]): Parts | undefined {
  let part = '';
  const attempt = <T>(name: string, parse: () => T): T => {
    part = name;
    return parse();
  };
  try {
    const modality = attempt('endpoint', () => findModality(receipt.endpoint));
    const parts = {
      modality,
      order: attempt('order', () => nameOrder(context.crypto, receipt.ledger, parseOrder(receipt.order.bytes))),
      record: attempt('record', () => parseRecordV2(receipt.record.bytes)),
      ticket: attempt('ticket', () => parseTicket(receipt.ticket.bytes)),
      request: attempt('request', () => modality.parseRequest(context.request, receipt.endpoint)),
    };
    checks.push(pass('format', 'request, order, ticket and record are in canonical form'));
    return parts;
  } catch (error) {
    checks.push(fail('format', `${part}: ${(error as Error).message}`));
    return undefined;
  }
}

/** Checks that the tier is the requested one. The tier in a header is only its provider's claim. */
function checkTierEvidence(crypto: Crypto, receipt: Receipt, { order, request }: Parts): Promise<readonly Check[]> {
  const { opening } = receipt;
  const parts = new Set<ReceiptPart>(['order', 'ticket', 'record']);
  // The beacon of epoch 0 is public, so it has no certificate.
  if (receipt.beacon.length > 0 || order.epoch === 0n) parts.add('beacon');
  if ('url' in opening ? opening.url !== '' : opening.bytes.length > 0) parts.add('opening');
  return checkEvidence(crypto, readTierName(request), {
    parts,
    own: receipt.evidence ?? new Map(),
    signed: { order: receipt.order.bytes, record: receipt.record.bytes },
  });
}

const readTierName = ({ model }: CommonRequest): string => model.split('/')[1] ?? '';

function checkTicket(crypto: Crypto, receipt: Receipt, { ticket, order, request }: Parts): Check {
  if (!verifyHybrid(crypto, { ...receipt.ticket, message: receipt.ticket.bytes })) {
    return fail('ticket', "a signature of the router's ticket does not hold");
  }
  return check('ticket', isTicketOfOrder(ticket, order, request.model), [
    `the router matched this request to this provider at ${ticket.pricePer1kAtomic} per 1k tokens`,
    'ticket and order, or the model that was asked for, disagree',
  ]);
}

/** Checks that the router is known. Anybody can make a key and sign tickets with it. */
export function checkRouter(crypto: Crypto, { ticket }: Pick<Receipt, 'ticket'>, { routers }: Trust): Check {
  if (routers === undefined) return skip('router', 'no router is known to compare with');
  const id = hashHybridKey(crypto, ticket.publicKey);
  return check(
    'router',
    routers.some((known) => equalBytes(known, id)),
    [`router ${toHex(id).slice(0, 16)} is known`, `router ${toHex(id).slice(0, 16)} is none of those that are known`],
  );
}

/** Checks that the handling validator is of the set. It decides on the payment, so an order for a stranger is worth nothing. */
export function checkValidator(order: Pick<Order, 'validator'>, { validators }: Trust): Check {
  if (validators === undefined)
    return skip('validator', 'no validator set is given to look the handling validator up in');
  return check('validator', findValidator(validators, order.validator) !== undefined, [
    `validator 0x${toHex(order.validator)} is of the set`,
    `validator 0x${toHex(order.validator)} is not of the set`,
  ]);
}

/**
 * Checks the validator's signed statements. Parties that a gateway made up have no validator that received the reply. The key
 * is the one in the trusted set, or the keys on the chain at that time if the reader has looked them up.
 */
function checkValidatorWords(
  { ledger, admission, record, intake: own }: Receipt,
  { order }: Parts,
  {
    crypto,
    trust = {},
    intake: asked = { problem: 'the receipt has no intake receipt of the validator for the record yet' },
  }: ReceiptContext,
): readonly Check[] {
  const member = trust.validators && findValidator(trust.validators, order.validator);
  const signingKeys = 'problem' in asked ? member && [member.signingKey] : asked.signingKeys;
  const held = { order, ledger, admission, record: record.bytes };
  if (signingKeys === undefined) {
    const unknown = 'no validator set is given that names the signing key of the handling validator';
    return [skip('admission', unknown), skip('intake', unknown)];
  }
  const intake = own ?? asked;
  return [
    checkAdmission(crypto, held, signingKeys),
    checkIntake(crypto, held, 'problem' in intake ? intake : { ...intake, signingKeys }),
  ];
}

export function checkLedger(receipt: Pick<Receipt, 'ledger'>, { ledger }: Trust): Check {
  if (ledger === undefined) return skip('ledger', 'no chain and escrow given to compare with');
  const same =
    ledger.chainId === receipt.ledger.chainId && equalBytes(ledger.verifyingContract, receipt.ledger.verifyingContract);
  return check('ledger', same, [`chain ${ledger.chainId}`, 'the order was signed for another chain or escrow']);
}

export function checkModelRoot(
  crypto: Crypto,
  { modelRoots }: Trust,
  request: Pick<CommonRequest, 'model'>,
  record: Pick<RecordV2, 'modelRoot'>,
): Check {
  const named = findNamedRoot(crypto, request.model);
  if (named !== undefined) {
    return check('model-root', equalBytes(named, record.modelRoot), [
      `the root of the name ${request.model}, which says nothing about weights`,
      `not the root of the name ${request.model}, which is all that its tier knows of a model`,
    ]);
  }
  const published =
    modelRoots !== undefined && Object.hasOwn(modelRoots, request.model) ? modelRoots[request.model] : undefined;
  if (published === undefined) return skip('model-root', `no published root of ${request.model} given to compare with`);
  return check('model-root', equalBytes(published, record.modelRoot), [
    `the published root of ${request.model}`,
    `not the published root of ${request.model}`,
  ]);
}

/** Checks that the times are possible. They are the provider's own claim, so more cannot be proved. */
function checkTimes(order: Order, record: RecordV2, nowMs: number | undefined): Check {
  if (nowMs === undefined) return skip('times', 'no clock given to compare with');
  const startMs = Number(record.startNs / 1_000_000n);
  const endMs = Number(record.endNs / 1_000_000n);
  if (record.endNs < record.startNs) return fail('times', 'the reply ends before it starts');
  if (endMs > nowMs + CLOCK_TOLERANCE_MS) {
    return fail(
      'times',
      `the reply ends ${endMs - nowMs} ms in the future: the provider's clock is wrong, or this one`,
    );
  }
  return check('times', BigInt(startMs) < order.expiresAtMs + BigInt(CLOCK_TOLERANCE_MS), [
    `served in ${endMs - startMs} ms`,
    'the reply started after its order had expired',
  ]);
}

function checkBeacon(
  receipt: Receipt,
  order: Order,
  context: ReceiptContext,
  checks: Check[],
): OrderBeacon | undefined {
  const { trust = {}, crypto } = context;
  if (order.epoch === 0n && receipt.beacon.length === 0) {
    if (trust.settlement === undefined) {
      checks.push(skip('beacon', 'genesis epoch: no settlement contract given to compute its value from'));
      return undefined;
    }
    const value = computeGenesisBeacon(crypto, { chainId: receipt.ledger.chainId, settlement: trust.settlement });
    checks.push(pass('beacon', 'genesis epoch: its value is public'));
    return { value, previous: value };
  }
  try {
    const certificate = parseEpochCertificate(receipt.beacon);
    if (certificate.epoch !== order.epoch) {
      checks.push(fail('beacon', `certificate of epoch ${certificate.epoch}, order of epoch ${order.epoch}`));
      return undefined;
    }
    checks.push(checkCertificate(receipt, certificate, context));
    return readEpochValue(crypto, receipt.ledger, certificate);
  } catch (error) {
    checks.push(fail('beacon', (error as Error).message));
    return undefined;
  }
}

function checkCertificate(
  { ledger }: Receipt,
  certificate: EpochCertificate,
  { crypto, trust = {}, verifyBeacon = verifyEpochCertificate }: ReceiptContext,
): Check {
  const { settlement, validators = [], generations } = trust;
  const { epoch, kind } = certificate;
  const [given, needed, by] =
    kind === 'threshold'
      ? [
          generations,
          'no keys of the threshold beacon given to check its signature with',
          'by the key of its generation',
        ]
      : [trust.validators, 'no validator set given to check its quorum with', 'by a quorum'];
  if (given === undefined || settlement === undefined) return skip('beacon', `epoch ${epoch}: ${needed}`);
  const network = { chainId: ledger.chainId, settlement };
  const verdict = verifyBeacon(crypto, network, { certificate, validators, generations });
  if (verdict.ok) return pass('beacon', `epoch ${epoch}, certified ${by}`);
  return fail('beacon', verdict.checks.find(({ status }) => status === 'fail')?.detail ?? '');
}

function checkOpening(
  receipt: Receipt,
  { order, record, request, modality, progress }: Parts & { readonly progress: Progress | undefined },
  beacon: OrderBeacon | undefined,
  context: ReceiptContext,
  checks: Check[],
): CommonHeader | undefined {
  if ('url' in receipt.opening) {
    const at = `compact receipt: the opening is at ${receipt.opening.url}`;
    const tier = `tier ${readTierName(request)} was asked for; method and class stand in the header`;
    for (const id of modality.openingChecks) checks.push(skip(id, id === 'posture' ? `${tier}; ${at}` : at));
    return undefined;
  }
  const { crypto } = context;
  let header: CommonHeader | undefined;
  try {
    const opening = parseOpening(receipt.opening.bytes);
    const reply = modality.replay(crypto, record, opening, { blobs: context.blobs, walked: context.walked });
    checks.push(...reply.checks);
    header = reply.header;
    if (header) checks.push(checkBlinding(crypto, opening, { body: context.request, replyId: record.replyId }));
  } catch (error) {
    checks.push(fail('commitment-form', (error as Error).message));
  }
  if (header === undefined) return undefined;
  const { response } = context;
  const held = { order, request, response, beacon, mayBeCancelled: progress !== undefined };
  checks.push(
    ...modality.checkHeader(crypto, header, held),
    checkFee(modality, { header, order, request, responseBytes: response.length, progress }),
  );
  return header;
}

/**
 * Checks that the answer's blind is that of this request. With any other blind the answer's hashes would be hidden from nobody
 * that knows the blind.
 */
export function checkBlinding(
  crypto: Crypto,
  { blind }: Pick<Opening, 'blind'>,
  of: Parameters<typeof computeBlinds>[1],
): Check {
  return check('blinding', equalBytes(blind, computeBlinds(crypto, of).answer), [
    'the hashes of the answer are blinded by this request',
    'the opening has another blind than the one of this request',
  ]);
}

/** @returns undefined if the reply may not be billed at all. */
function computeFee(
  { modality, order, request }: Parts,
  billed: Pick<BilledReply, 'header' | 'responseBytes' | 'progress'>,
): bigint | undefined {
  try {
    return computeBilledFee(modality, { order, request, ...billed });
  } catch (error) {
    if (error instanceof FeeError) return undefined;
    throw error;
  }
}

/** Finds the payer's valid progress statement in the receipt. A truncated reply is only good with it. */
function findProgress(
  { ledger, progress }: Receipt,
  { order, record }: Parts,
  { crypto, request, response }: ReceiptContext,
): Progress | undefined {
  if (progress === undefined) return undefined;
  const signed = { progress: progress.bytes, signature: progress.signature };
  const blind = computeBlinds(crypto, { body: request, replyId: record.replyId }).answer;
  const said = readProgress(crypto, { ledger, order }, signed, { blind, text: response });
  // A milestone is paid only by a statement about exactly its text.
  return record.isMilestone && !isLeftAt(said, response.length) ? undefined : said;
}

/** The detail of a passed `fee` check. */
const FEE = /^(\d{1,39}) atomic units for /;

/** Returns the fee that the checks of a receipt confirm, in atomic units; undefined if they confirm none. */
export function readCheckedFee(checks: readonly Check[]): bigint | undefined {
  const passed = checks.find(({ id, status }) => id === 'fee' && status === 'pass');
  const [, fee] = FEE.exec(passed?.detail ?? '') ?? [];
  return fee === undefined ? undefined : BigInt(fee);
}

function checkFee(modality: Modality, billed: BilledReply): Check {
  const { promptTokenCount, outputTokenCount } = billed.header;
  try {
    const fee = computeBilledFee(modality, billed);
    return pass('fee', `${fee} atomic units for ${promptTokenCount} + ${outputTokenCount} tokens`);
  } catch (error) {
    if (!(error instanceof FeeError)) throw error;
    return fail('fee', error.message);
  }
}
