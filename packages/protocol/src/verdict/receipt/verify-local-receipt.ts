import { equalBytes, ProtocolError } from '../../base/bytes.ts';
import { type Check, check, fail, isOk, listSkipped, pass, skip } from '../../base/checks.ts';
import { computeBlinds } from '../../commitment/blinds.ts';
import type { CommonHeader } from '../../commitment/common-header.ts';
import { parseOpening } from '../../commitment/opening.ts';
import { parseRecordV2, type RecordV2 } from '../../commitment/record.ts';
import { hashResponse } from '../../commitment/response-hash.ts';
import { computeBankSeed, DEFAULT_DIRECTIONS } from '../../commitment/sketch.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { CLOCK_TOLERANCE_MS } from '../../exchange/limits.ts';
import { checkDemands } from '../../modality/demands.ts';
import type { CommonRequest, Modality, ReplayOptions } from '../../modality/modality.ts';
import { findModality } from '../../modality/registry.ts';
import { hashReadRequest } from '../../modality/request-hash.ts';
import type { LocalReceipt } from '../../stage1/local-receipt.ts';
import { LOCAL_POSTURE, LOCAL_TIERS } from '../../tier/local.ts';
import { readPosture } from '../../tier/posture.ts';
import { checkBlinding, checkModelRoot, type ReceiptContext, type ReceiptVerdict } from './verify-receipt.ts';

/** The values in place of order, provider, payee or beacon, which a receipt of the network names. */
export const NOBODY: { readonly hash: Uint8Array; readonly address: Uint8Array } = {
  hash: new Uint8Array(32),
  address: new Uint8Array(20),
};

/** Computes the bank of local mode. It has no beacon, so the directions of its sketches follow from the model alone. */
export const computeLocalBank = (crypto: Crypto, modelRoot: Uint8Array): Uint8Array =>
  computeBankSeed(crypto, modelRoot, NOBODY.hash);

/**
 * The checks that a local receipt never has. Each is skipped, so that a verdict is good only for a reader that allows the skip
 * by name.
 */
const ABSENT: Readonly<Record<string, string>> = {
  'order-signature': 'nobody ordered a local answer',
  'order-binding': 'nobody ordered a local answer',
  'header-order': 'nobody ordered a local answer',
  'record-signature': 'nobody signed a local answer: any holder of this file could have made it',
  'provider-identity': 'nobody signed a local answer: any holder of this file could have made it',
  ticket: 'no router matched a local answer',
  router: 'no router matched a local answer',
  ledger: 'a local answer is on no chain',
  validator: 'no validator has heard of a local answer',
  admission: 'no validator has heard of a local answer',
  intake: 'no validator has heard of a local answer',
  beacon: 'no beacon takes part in a local answer: the machine alone chose its draws',
  payee: 'nobody is paid for a local answer',
  fee: 'nobody is paid for a local answer',
  context: 'no context was announced for a local answer',
};

/** In `trust.allow`: skips all checks that need the network. It means nothing for a receipt of the network. */
export const WITHOUT_NETWORK = 'network';

const expandAllow = (allow: readonly string[] = []): readonly string[] =>
  allow.includes(WITHOUT_NETWORK) ? [...allow, 'model-root', ...Object.keys(ABSENT)] : allow;

interface LocalReceiptContext
  extends Pick<ReceiptContext, 'crypto' | 'request' | 'response' | 'trust' | 'nowMs'>,
    Pick<ReplayOptions, 'blobs'> {}

/**
 * Verifies everything that a local receipt proves without a model (docs/spec/local-receipt.md). It never throws on a hostile
 * receipt: a part that does not parse is a failed check.
 */
export function verifyLocalReceipt(
  receipt: LocalReceipt,
  { crypto, trust = {}, nowMs, blobs, ...given }: LocalReceiptContext,
): ReceiptVerdict {
  const parsed = parseParts(receipt, given.request);
  if ('problem' in parsed) return { ok: false, checks: [fail('format', parsed.problem)], missing: [], allowed: [] };
  const { record, request } = parsed;
  const requestHash = hashReadRequest(crypto, request, given.request);
  const blind = computeBlinds(crypto, { body: given.request, replyId: record.replyId }).answer;
  const checks: Check[] = [
    pass('format', 'request and record are in canonical form'),
    check('request-hash', equalBytes(requestHash, record.requestHash), [
      'the record names the request',
      'the record names another request',
    ]),
    check('response-hash', equalBytes(hashResponse(crypto, blind, given.response), record.responseHash), [
      'the record names the text that was received',
      'the record names another text than the one received',
    ]),
    checkModelRoot(crypto, trust, request, record),
    checkTimes(record, nowMs),
  ];
  const shown = { ...parsed, body: given.request, response: given.response, blobs };
  const header = checkOpening(crypto, receipt, shown, checks);
  checks.push(...Object.entries(ABSENT).map(([id, why]) => skip(id, why)));
  const { missing, allowed } = listSkipped(checks, expandAllow(trust.allow));
  const ok = isOk(checks) && missing.length === 0;
  return { ok, checks, missing, allowed, ...(header && { posture: readPosture(header) }) };
}

interface Parts {
  readonly record: RecordV2;
  readonly modality: Modality;
  readonly request: CommonRequest;
}

function parseParts({ endpoint, ...receipt }: LocalReceipt, body: Uint8Array): Parts | { readonly problem: string } {
  let part = 'endpoint';
  try {
    const modality = findModality(endpoint);
    part = 'record';
    const record = parseRecordV2(receipt.record.bytes);
    part = 'request';
    return { record, modality, request: modality.parseRequest(body, endpoint) };
  } catch (error) {
    return { problem: `${part}: ${(error as Error).message}` };
  }
}

function checkTimes({ startNs, endNs }: RecordV2, nowMs: number | undefined): Check {
  if (nowMs === undefined) return skip('times', 'no clock given to compare with');
  if (endNs < startNs) return fail('times', 'the answer ends before it starts');
  return check('times', Number(endNs / 1_000_000n) <= nowMs + CLOCK_TOLERANCE_MS, [
    `answered in ${(endNs - startNs) / 1_000_000n} ms`,
    'the answer ends in the future',
  ]);
}

function checkOpening(
  crypto: Crypto,
  receipt: LocalReceipt,
  {
    record,
    modality,
    request,
    body,
    response,
    blobs,
  }: Parts & Pick<LocalReceiptContext, 'response' | 'blobs'> & { readonly body: Uint8Array },
  checks: Check[],
): CommonHeader | undefined {
  let header: CommonHeader | undefined;
  try {
    const opening = parseOpening(receipt.opening.bytes);
    const reply = modality.replay(crypto, record, opening, { tiers: LOCAL_TIERS, blobs });
    checks.push(...reply.checks);
    header = reply.header;
    if (header) checks.push(checkBlinding(crypto, opening, { body, replyId: record.replyId }));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    checks.push(fail('commitment-form', error.message));
  }
  if (header === undefined) return undefined;
  const { modelRoot } = record;
  const hasTier = header.tier === LOCAL_POSTURE.tier;
  checks.push(
    checkNobody(header),
    checkBank(crypto, header, { modelRoot, directions: modality.localDirections ?? DEFAULT_DIRECTIONS }),
    ...modality.checkLocalHeader(crypto, header, { request, record, response, hasTier }),
    ...checkDemands(header, { modelRoot }, request),
  );
  return header;
}

/** Checks that a reply of the network with removed signatures does not pass as a local one. */
function checkNobody({ orderHash, payee }: CommonHeader): Check {
  return check('local', equalBytes(orderHash, NOBODY.hash) && equalBytes(payee, NOBODY.address), [
    'the header names no order and no payee',
    'the header names an order or a payee, which no local answer has',
  ]);
}

function checkBank(
  crypto: Crypto,
  header: CommonHeader,
  { modelRoot, directions }: { readonly modelRoot: Uint8Array; readonly directions: number },
): Check {
  const isOwn =
    header.sketchDirections === directions && equalBytes(header.sketchBankSeed, computeLocalBank(crypto, modelRoot));
  return check('sketch-bank', isOwn, ['directions derive from the model', 'the sketch uses another bank']);
}
