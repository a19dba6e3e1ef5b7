import { setTimeout as delay } from 'node:timers/promises';
import type { TextEngine, TextEngineInfo } from '@ogong/engine/interface/text';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { createWriter } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { computeGenesisBeacon } from '@ogong/protocol/beacon/beacon';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { encodeOrder, type NamedOrder, nameOrder } from '@ogong/protocol/exchange/order';
import { signProviderPayee } from '@ogong/protocol/exchange/provider-payee';
import { encodeTicket } from '@ogong/protocol/exchange/ticket';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import { adjudicateReport, checkReportShape, type ReportVerdict } from '@ogong/protocol/modality/text/adjudicate';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { isText } from '@ogong/protocol/modality/text/text';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import { ClaimError, verifySubmission } from '@ogong/protocol/verdict/claim';
import { openReply } from '@ogong/protocol/verdict/opened-reply';
import { createPayeeStatements } from '@ogong/protocol/verdict/payee-statements';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { createSampleJob } from '@ogong/provider/calibration/sample';
import type { CommittedReply } from '@ogong/provider/modality/order-job';
import { generateReply } from '@ogong/provider/modality/text/generate-reply';
import { parseScoreJob, scoreJob } from '@ogong/provider/modality/text/score-text';
import { signAdmission } from '@ogong/testing/synthetic/validator-words';
import { WORD_UNTIL_MS } from '@ogong/testing/validator/test-keys';
import type { Attack } from './attack.ts';
import { bendCommit } from './draws/bend-commit.ts';

/** One reply of an attack, judged by the functions of consumer, validator and verifier, without sockets. */
export interface Trial {
  readonly committed: CommittedReply | undefined;
  readonly outputTokens: Uint32Array;
  /** The text that was streamed to the consumer. */
  readonly streamed: string;
  /** The consumer's checks of the receipt; empty without an opening. */
  readonly receipt: readonly Check[];
  readonly stage2: ReportVerdict | undefined;
  /**
   * Ids of all failed checks: of the receipt, of the validator's intake and of stage 2. `abandoned`: nothing was
   * served. `opening`: no opening came in time. `unanswered`: the verifier refused the job. `report-shape`: its honest
   * report cannot be compared.
   */
  readonly failed: readonly string[];
}

export interface TrialOptions {
  /** Runs the sold model. */
  readonly verifier: TextEngine;
  /** The nonce and the reply id follow from it. */
  readonly number: number;
  /** Fields of a chat request, without its model. */
  readonly request: Readonly<Record<string, unknown>>;
}

const MODEL_ID = 'ogong/verified/test/lab';
const ROUTER = new Uint8Array(20).fill(3);
const NOW_MS = 1_700_000_000_000;
const OPENING_PATIENCE_MS = 50;
const payer = createNobleLedgerSigner(new Uint8Array(32).fill(31));
const provider = createNodeHybridSigner(new Uint8Array(64).fill(32));
const router = createNodeHybridSigner(new Uint8Array(64).fill(33));
/** It signs with a key of its own. Draws follow from the order, and so from this account. */
const validator = new Uint8Array(20).fill(36);
const signingKey = createNobleLedgerSigner(new Uint8Array(32).fill(36));
const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(34) };
const settlement = new Uint8Array(20).fill(35);
const payee = createNobleLedgerSigner(new Uint8Array(32).fill(37));
const providerId = hashHybridKey(crypto, provider.publicKey);
const payeeWord = signProviderPayee(crypto, payee, { validUntilMs: WORD_UNTIL_MS, ledger, providerId });
const checkWord = createPayeeStatements(crypto, ledger);
const genesis = computeGenesisBeacon(crypto, { chainId: ledger.chainId, settlement });
const beacon = { value: genesis, previous: genesis };

const numbered = (label: number, number: number): Uint8Array =>
  crypto.sha256(createWriter().u32(label).u32(number).finish());

/** @param attack for an honest provider, only an engine. */
export async function playTrial(
  attack: Pick<Attack, 'engine' | 'bendReply' | 'openOpening'>,
  { verifier, number, request }: TrialOptions,
): Promise<Trial> {
  const body = new TextEncoder().encode(JSON.stringify({ model: MODEL_ID, ...request }));
  const order = createOrder(body, verifier.info(), number);
  const nothing = { committed: undefined, outputTokens: new Uint32Array(0), streamed: '', receipt: [] };
  let served: Served;
  try {
    served = await serve(attack, order, body);
  } catch {
    return { ...nothing, stage2: undefined, failed: ['abandoned'] };
  }
  const { committed } = served;
  const signedOrder = { order: encodeOrder(order), signature: payer.signDigest(order.orderHash) };
  const failed = new Set<string>();
  try {
    verifySubmission(
      crypto,
      { ledger, beacon, checkWord },
      {
        order: signedOrder,
        record: { record: committed.record, providerKey: provider.publicKey, signature: committed.signature },
        header: committed.header,
        headerProof: committed.headerProof,
        request: body,
        endpoint: 'chat',
        response: committed.response,
        payeeWord,
      },
    );
  } catch (error) {
    if (!(error instanceof ClaimError)) throw error;
    failed.add(error.code);
  }
  const opening = await open(attack, committed.opening);
  if (opening === undefined) return { ...served, receipt: [], stage2: undefined, failed: [...failed, 'opening'] };
  const receipt = await checkReceipt(body, order, signedOrder, served, opening);
  const stage2 = await audit(verifier, { body, committed, opening });
  for (const { id, status } of receipt) if (status === 'fail') failed.add(id);
  if (typeof stage2 === 'string') failed.add(stage2);
  else for (const { id, status } of stage2?.checks ?? []) if (status === 'fail') failed.add(id);
  return { ...served, receipt, stage2: typeof stage2 === 'string' ? undefined : stage2, failed: [...failed] };
}

function createOrder(body: Uint8Array, { modelRoot, contextSize }: TextEngineInfo, number: number): NamedOrder {
  return nameOrder(crypto, ledger, {
    payer: payer.address,
    validator,
    cumulativeAtomic: 10n ** 12n,
    requestHash: hashRequest(crypto, 'chat', body),
    nonce: numbered(1, number),
    modelRoot,
    providerId,
    payee: payee.address,
    router: ROUTER,
    choice: 0,
    contextSize,
    maxFeeAtomic: 10n ** 12n,
    pricePer1kAtomic: 1000n,
    epoch: 0n,
    expiresAtMs: BigInt(NOW_MS + 60_000),
  });
}

interface Served {
  readonly committed: CommittedReply;
  readonly outputTokens: Uint32Array;
  readonly streamed: string;
}

/** Does with an engine what the provider role does, without a link. */
async function serve(
  { engine, bendReply }: Pick<Attack, 'engine' | 'bendReply'>,
  order: NamedOrder,
  body: Uint8Array,
): Promise<Served> {
  const generated = await generateReply({ order, endpoint: 'chat', body, beacon }, { engine, crypto });
  if (generated === undefined) throw new Error('the engine ended without an answer');
  const { reply, streamed } = generated;
  const commit = bendCommit(bendReply ? { bendReply } : {});
  const committed = commit(crypto, provider, { ...reply, startMs: NOW_MS, endMs: NOW_MS + 1000 });
  return { committed, outputTokens: reply.outputTokens, streamed: streamed + reply.text.slice(streamed.length) };
}

async function open({ openOpening }: Pick<Attack, 'openOpening'>, stored: Uint8Array): Promise<Uint8Array | undefined> {
  if (openOpening === undefined) return stored;
  try {
    return await Promise.race([openOpening(stored), delay(OPENING_PATIENCE_MS, undefined)]);
  } catch {
    return undefined;
  }
}

async function checkReceipt(
  body: Uint8Array,
  order: NamedOrder,
  signedOrder: { order: Uint8Array; signature: Uint8Array },
  { committed, streamed }: Served,
  opening: Uint8Array,
): Promise<readonly Check[]> {
  const ticket = encodeTicket({
    router: order.router,
    modelId: MODEL_ID,
    providerId: order.providerId,
    providerEndpoint: '127.0.0.1:1',
    providerCertHash: new Uint8Array(32),
    payee: order.payee,
    modelRoot: order.modelRoot,
    pricePer1kAtomic: order.pricePer1kAtomic,
    contextSize: order.contextSize,
    replyId: order.replyId,
    candidatesHash: new Uint8Array(32),
    issuedAtMs: NOW_MS,
    expiresAtMs: NOW_MS + 60_000,
  });
  const receipt: Receipt = {
    endpoint: 'chat',
    ledger,
    order: { bytes: signedOrder.order, signature: signedOrder.signature },
    ticket: { bytes: ticket, publicKey: router.publicKey, signature: router.sign(ticket) },
    admission: signAdmission(crypto, signingKey, {
      validator,
      ledger,
      orderHash: order.orderHash,
      epoch: 0n,
      timeMs: BigInt(NOW_MS),
    }),
    record: { bytes: committed.record, publicKey: provider.publicKey, signature: committed.signature },
    beacon: new Uint8Array(0),
    opening: { bytes: opening },
  };
  const trust = { ledger, settlement, modelRoots: { [MODEL_ID]: order.modelRoot } };
  const response = new TextEncoder().encode(streamed);
  const { checks } = await verifyReceipt(receipt, { crypto, request: body, response, trust, nowMs: NOW_MS + 2000 });
  return checks;
}

/** Stage 1 as a validator runs it, then the report of one verifier. */
async function audit(
  verifier: TextEngine,
  { body, committed, opening: bytes }: { body: Uint8Array; committed: CommittedReply; opening: Uint8Array },
): Promise<ReportVerdict | 'unanswered' | 'report-shape' | undefined> {
  const record = parseRecordV2(committed.record);
  const opened = openReply(crypto, record, bytes);
  // Stage 2 runs even if stage 1 refutes the reply, because its result is of interest too.
  if (opened === undefined || !isText(opened.reply)) return undefined;
  const { opening } = opened;
  const { header, replay } = opened.reply;
  if (header === undefined || replay.rows.length === 0) return undefined;
  const jobId = new Uint8Array(16).fill(38);
  const timeoutMs = 60_000;
  let reportBytes: Uint8Array;
  try {
    const claimed = parseHeader(committed.header);
    const message = createSampleJob(
      { request: body, endpoint: 'chat' },
      { jobId, modelRoot: record.modelRoot, blind: opening.blind, header: claimed, replay, timeoutMs },
    );
    const job = parseScoreJob(message, crypto);
    reportBytes = await scoreJob(job, { engine: verifier, crypto, signal: AbortSignal.timeout(timeoutMs) });
  } catch {
    return 'unanswered';
  }
  const report = parseScoreReport(reportBytes);
  const shape = checkReportShape(report, { jobId, modelRoot: record.modelRoot, header, replay });
  if (shape.status !== 'pass') return 'report-shape';
  return adjudicateReport(crypto, { record, header, opening }, report);
}
