import { equalBytes, toHex } from '../base/bytes.ts';
import { type Check, check, fail, isOk, pass, skip } from '../base/checks.ts';
import { computeGenesisBeacon, parseBeaconCertificate, verifyBeaconCertificate } from '../beacon/beacon.ts';
import type { Header } from '../commitment/header.ts';
import { parseOpening } from '../commitment/opening.ts';
import { parseRecordV2, type RecordV2 } from '../commitment/record.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { hashHybridKey, verifyHybrid } from '../crypto/hybrid.ts';
import type { Validator } from '../crypto/quorum.ts';
import { computeReplyFee, FeeError } from '../exchange/fee.ts';
import { CLOCK_TOLERANCE_MS } from '../exchange/limits.ts';
import { type LedgerDomain, type Order, parseOrder, verifyOrder } from '../exchange/order.ts';
import { type Posture, readPosture } from '../exchange/posture.ts';
import { type InferenceRequest, parseRequest } from '../exchange/request.ts';
import { isTicketOfOrder, parseTicket, type Ticket } from '../exchange/ticket.ts';
import { checkHeader, type OrderBeacon } from './header-checks.ts';
import type { Receipt } from './receipt.ts';
import { replayReply } from './replay.ts';

/** What the consumer already knows and need not take from the receipt. Whatever is absent is skipped and says so. */
export interface Trust {
  readonly ledger?: LedgerDomain;
  /** Settlement contract, which the beacon's genesis and certificates name. */
  readonly settlement?: Uint8Array;
  readonly validators?: readonly Validator[];
  /** Published model root by model id. */
  readonly modelRoots?: Readonly<Record<string, Uint8Array>>;
}

export interface ReceiptContext {
  readonly crypto: Crypto;
  /** The exact body that was sent. */
  readonly request: Uint8Array;
  /** UTF-8 of the reply's text. */
  readonly response: Uint8Array;
  readonly trust?: Trust;
  /** Unix time in ms; without it nothing is said about times. */
  readonly nowMs?: number;
  /** Stands in for the plain check of a certificate where many receipts share one, and remembers its verdict. */
  readonly verifyBeacon?: typeof verifyBeaconCertificate;
}

export interface ReceiptVerdict {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** Which promise applied; absent where the header is not at hand or cannot be read. */
  readonly posture?: Posture;
}

/**
 * Everything that a receipt proves without a model, in one place for every consumer (docs/spec/receipt.md). Never throws
 * on a hostile receipt: what does not parse is a failed check.
 */
export function verifyReceipt(receipt: Receipt, context: ReceiptContext): ReceiptVerdict {
  const checks: Check[] = [];
  const { crypto, trust = {} } = context;
  const parsed = parseParts(receipt, context, checks);
  if (parsed === undefined) return { ok: false, checks };
  const { order, record, request } = parsed;

  const requestHash = crypto.sha256(context.request);
  checks.push(
    check('request-hash', equalBytes(requestHash, record.requestHash) && equalBytes(requestHash, order.requestHash), [
      'order and record name the request that was sent',
      'order or record name another request than the one sent',
    ]),
    check('response-hash', equalBytes(crypto.sha256(context.response), record.responseHash), [
      'the record signs the response that was received',
      'the record signs another response than the one received',
    ]),
    check('order-signature', verifyOrder(crypto, receipt.ledger, order, receipt.order.signature), [
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
    checkLedger(receipt, trust),
    checkModelRoot(trust, request, record),
    checkTimes(order, record, context.nowMs),
  );
  const beacon = checkBeacon(receipt, order, context, checks);
  const header = checkOpening(receipt, parsed, beacon, context, checks);
  return { ok: isOk(checks), checks, ...(header && { posture: readPosture(header) }) };
}

interface Parts {
  readonly order: Order;
  readonly record: RecordV2;
  readonly ticket: Ticket;
  readonly request: InferenceRequest;
}

function parseParts(receipt: Receipt, context: ReceiptContext, checks: Check[]): Parts | undefined {
  let part = '';
  const attempt = <T>(name: string, parse: () => T): T => {
    part = name;
    return parse();
  };
  try {
    const parts = {
      order: attempt('order', () => parseOrder(receipt.order.bytes)),
      record: attempt('record', () => parseRecordV2(receipt.record.bytes)),
      ticket: attempt('ticket', () => parseTicket(receipt.ticket.bytes)),
      request: attempt('request', () => parseRequest(context.request, receipt.endpoint)),
    };
    checks.push(pass('format', 'request, order, ticket and record are in canonical form'));
    return parts;
  } catch (error) {
    checks.push(fail('format', `${part}: ${(error as Error).message}`));
    return undefined;
  }
}

function checkTicket(crypto: Crypto, receipt: Receipt, { ticket, order, request }: Parts): Check {
  if (!verifyHybrid(crypto, { ...receipt.ticket, message: receipt.ticket.bytes })) {
    return fail('ticket', "a signature of the router's ticket does not hold");
  }
  return check('ticket', isTicketOfOrder(ticket, order, request.model), [
    `the router matched this request to this provider at ${ticket.pricePer1kAtomic} per 1k tokens`,
    'ticket and order, or the model that was asked for, disagree',
  ]);
}

function checkLedger(receipt: Receipt, { ledger }: Trust): Check {
  if (ledger === undefined) return skip('ledger', 'no chain and escrow given to compare with');
  const same =
    ledger.chainId === receipt.ledger.chainId && equalBytes(ledger.verifyingContract, receipt.ledger.verifyingContract);
  return check('ledger', same, [`chain ${ledger.chainId}`, 'the order was signed for another chain or escrow']);
}

function checkModelRoot({ modelRoots }: Trust, request: InferenceRequest, record: RecordV2): Check {
  const published =
    modelRoots !== undefined && Object.hasOwn(modelRoots, request.model) ? modelRoots[request.model] : undefined;
  if (published === undefined) return skip('model-root', `no published root of ${request.model} given to compare with`);
  return check('model-root', equalBytes(published, record.modelRoot), [
    `the published root of ${request.model}`,
    `not the published root of ${request.model}`,
  ]);
}

/** The record's times are the provider's own claim, so this says only that they are possible. */
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
  const { trust = {}, crypto, verifyBeacon = verifyBeaconCertificate } = context;
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
    const certificate = parseBeaconCertificate(receipt.beacon);
    if (certificate.epoch !== order.epoch) {
      checks.push(fail('beacon', `certificate of epoch ${certificate.epoch}, order of epoch ${order.epoch}`));
      return undefined;
    }
    if (trust.validators === undefined || trust.settlement === undefined) {
      checks.push(skip('beacon', `epoch ${order.epoch}: no validator set given to check its quorum with`));
    } else {
      const network = { chainId: receipt.ledger.chainId, settlement: trust.settlement };
      const verdict = verifyBeacon(crypto, network, { certificate, validators: trust.validators });
      const bad = verdict.checks.find(({ status }) => status === 'fail');
      checks.push(
        verdict.ok ? pass('beacon', `epoch ${order.epoch}, certified by a quorum`) : fail('beacon', bad?.detail ?? ''),
      );
    }
    return certificate;
  } catch (error) {
    checks.push(fail('beacon', (error as Error).message));
    return undefined;
  }
}

/** Every check that needs the opening, so that a compact receipt skips them by name. */
const OPENING_CHECKS = [
  'commitment-root',
  'commitment-form',
  'posture',
  'token-count',
  'listing',
  'draw-replay',
  'shape-classes',
  'draw-key',
  'sampler',
  'sketch-bank',
  'payee',
  'stop-strings',
  'context',
  'fee',
];

function checkOpening(
  receipt: Receipt,
  { order, record, request }: Parts,
  beacon: OrderBeacon | undefined,
  context: ReceiptContext,
  checks: Check[],
): Header | undefined {
  if ('url' in receipt.opening) {
    const at = `compact receipt: the opening is at ${receipt.opening.url}`;
    const tier = `tier ${request.model.split('/')[1]} was asked for; method and class stand in the header`;
    for (const id of OPENING_CHECKS) checks.push(skip(id, id === 'posture' ? `${tier}; ${at}` : at));
    return undefined;
  }
  const { crypto } = context;
  let header: Header | undefined;
  try {
    const replay = replayReply(crypto, record, parseOpening(receipt.opening.bytes));
    checks.push(...replay.checks);
    header = replay.header;
  } catch (error) {
    checks.push(fail('commitment-form', (error as Error).message));
  }
  if (header === undefined) return undefined;
  checks.push(
    ...checkHeader(crypto, header, { order, request, response: context.response, beacon, mayBeCancelled: false }),
    checkFee(header, order, request),
  );
  return header;
}

function checkFee(header: Header, order: Order, request: InferenceRequest): Check {
  const { promptTokenCount, outputTokenCount } = header;
  try {
    const fee = computeReplyFee(order, request, header);
    return pass('fee', `${fee} atomic units for ${promptTokenCount} + ${outputTokenCount} tokens`);
  } catch (error) {
    if (!(error instanceof FeeError)) throw error;
    return fail('fee', error.message);
  }
}
