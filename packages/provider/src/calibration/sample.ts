import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { TextEngine, TextEngineInfo } from '@ogong/engine/interface/text';
import { createScoreJob } from '@ogong/host/link/verifier-call';
import { equalBytes, ProtocolError } from '@ogong/protocol/base/bytes';
import { type Check, fail, pass } from '@ogong/protocol/base/checks';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { type Opening, parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { hashResponse } from '@ogong/protocol/commitment/response-hash';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import { type Endpoint, type Header, parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { parseRequest } from '@ogong/protocol/modality/text/request/request';
import { encodeScored, toScored } from '@ogong/protocol/modality/text/scored-reply';
import { checkHeader } from '@ogong/protocol/modality/text/stage1/header-checks';
import { replayReply } from '@ogong/protocol/modality/text/stage1/replay';
import { checkPosture } from '@ogong/protocol/tier/posture';
import { type CommitReply, commitReply } from '../modality/text/commit-reply.ts';
import { generateReply } from '../modality/text/generate-reply.ts';
import { parseScoreJob, scoreJob } from '../modality/text/score-text.ts';

/** The bytes of one reply that the network would have seen, before a verifier scored it. */
export interface ServedSample {
  readonly seed: number;
  readonly endpoint: Endpoint;
  readonly request: Uint8Array;
  readonly record: Uint8Array;
  readonly opening: Uint8Array;
  /** The reply's text, as signed. */
  readonly response: Uint8Array;
}

export interface SampleDependencies {
  readonly engine: TextEngine;
  readonly crypto: Crypto;
  readonly signer: HybridSigner;
  /** How a provider commits; a dishonest one has its own way. */
  readonly commit?: CommitReply;
  /** Returns the bytes that it hands out when its opening is requested. @throws if it refuses. */
  readonly open?: (opening: Uint8Array) => Uint8Array | Promise<Uint8Array>;
}

export interface SampleRequest {
  /** u32; nonce, reply id, beacon and provider follow from it. */
  readonly seed: number;
  readonly endpoint?: Endpoint;
  /** An OpenAI request. */
  readonly body: Uint8Array;
}

/** 32 bytes that follow from a name and a seed. */
export function deriveBytes(name: string, seed: number): Uint8Array {
  return createHash('sha256').update(`ogong-sample\n${name}\n${seed}`).digest();
}

const deriveBeacon = (seed: number) => ({
  value: deriveBytes('beacon', seed),
  previous: deriveBytes('previous beacon', seed),
});

/**
 * Serves one request as the provider role does, without wire and chain: the engine's events, the role's own commitment.
 * @returns undefined if the model ended without a token.
 * @throws EngineError, RequestError
 */
export async function serveSample(
  { seed, body, endpoint = 'chat' }: SampleRequest,
  { engine, crypto, signer, commit = commitReply, open = (bytes) => bytes }: SampleDependencies,
): Promise<ServedSample | undefined> {
  const order = createOrder(crypto, { seed, endpoint, body, ...engine.info() });
  const generated = await generateReply({ order, endpoint, body, beacon: deriveBeacon(seed) }, { engine, crypto });
  if (generated === undefined || generated.reply.outputTokens.length === 0) return undefined;
  const times = { startMs: 0, endMs: generated.durationMs };
  const { record, opening, response } = commit(crypto, signer, { ...generated.reply, ...times });
  const opened = await handOut(opening, open);
  return { seed, endpoint, request: body, record, opening: opened, response };
}

/** Stored in place of an opening that was refused. */
const WITHHELD = new Uint8Array(0);

/** Stands for the audit window. */
const PATIENCE_MS = 500;

async function handOut(opening: Uint8Array, open: NonNullable<SampleDependencies['open']>): Promise<Uint8Array> {
  const closed = new AbortController();
  try {
    return await Promise.race([open(opening), delay(PATIENCE_MS, WITHHELD, { signal: closed.signal })]);
  } catch {
    // The validator sees only that the provider did not open, for any reason.
    return WITHHELD;
  } finally {
    closed.abort();
  }
}

function createOrder(
  crypto: Crypto,
  {
    seed,
    endpoint,
    body,
    modelRoot,
    contextSize,
  }: { seed: number; endpoint: Endpoint; body: Uint8Array } & Pick<TextEngineInfo, 'modelRoot' | 'contextSize'>,
): NamedOrder {
  const address = (name: string): Uint8Array => deriveBytes(name, 0).subarray(0, 20);
  return {
    payer: address('payer'),
    validator: address('validator'),
    cumulativeAtomic: 1n,
    requestHash: hashRequest(crypto, endpoint, body),
    nonce: deriveBytes('nonce', seed),
    modelRoot,
    providerId: deriveBytes('provider', 0),
    payee: address('payee'),
    replyId: deriveBytes('reply', seed).subarray(0, 16),
    orderHash: deriveBytes('order', seed),
    router: address('router'),
    choice: 0,
    contextSize,
    maxFeeAtomic: 1n << 100n,
    pricePer1kAtomic: 1n,
    epoch: 1n,
    expiresAtMs: 1n,
  };
}

/** Stage 1 of a sample, as everybody runs it; undefined if there is no opening or it does not parse. */
export function replaySample(crypto: Crypto, sample: Pick<ServedSample, 'record' | 'opening'>) {
  const record = parseRecordV2(sample.record);
  let opening: Opening;
  try {
    opening = parseOpening(sample.opening);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
  return { record, opening, replay: replayReply(crypto, record, opening) };
}

/**
 * Compares a header with order and request, as a validator does at intake beyond stage 1. Signatures and fees are left out.
 * @param claimed.contextSize context that the provider announced, in tokens
 */
export function checkSampleHeader(
  crypto: Crypto,
  sample: ServedSample,
  claimed: { readonly header: Header; readonly contextSize: number },
): readonly Check[] {
  const { header, contextSize } = claimed;
  const { seed, request: body, endpoint, response } = sample;
  const record = parseRecordV2(sample.record);
  const asked = parseRequest(body, endpoint);
  const order = createOrder(crypto, { seed, endpoint, body, modelRoot: record.modelRoot, contextSize });
  const beacon = deriveBeacon(seed);
  const { answer } = computeBlinds(crypto, { body, replyId: record.replyId });
  const signsText = equalBytes(hashResponse(crypto, answer, response), record.responseHash);
  return [
    signsText ? pass('response-hash', 'of the text') : fail('response-hash', 'the record signs another response'),
    checkPosture(header),
    ...checkHeader(crypto, header, { order, request: asked, response, beacon, mayBeCancelled: true }),
  ];
}

/** Makes the job that a validator sends to a verifier about a sample. */
export function createSampleJob(
  { request, endpoint }: Pick<ServedSample, 'request' | 'endpoint'>,
  given: {
    readonly jobId: Uint8Array;
    readonly modelRoot: Uint8Array;
    readonly blind: Uint8Array;
    readonly header: Header;
    readonly replay: ReturnType<typeof replayReply>;
    readonly timeoutMs: number;
  },
): ScoreJobMessage {
  const { jobId, modelRoot, blind, header, replay, timeoutMs } = given;
  const scored = toScored({ endpoint, modelRoot, blind }, header, replay);
  return createScoreJob({ jobId, request, timeoutMs }, encodeScored(scored));
}

/**
 * Stage 2's report on a sample, by the verifier role's own function.
 * @returns canonical report bytes; undefined if the opening cannot be read, which stage 1 has said before.
 * @throws EngineError, Refusal
 */
export async function scoreSample(
  sample: Pick<ServedSample, 'seed' | 'endpoint' | 'request' | 'record' | 'opening'>,
  { engine, crypto, signal }: { readonly engine: TextEngine; readonly crypto: Crypto; readonly signal?: AbortSignal },
): Promise<Uint8Array | undefined> {
  const replayed = replaySample(crypto, sample);
  if (replayed === undefined || replayed.replay.rows.length === 0) return undefined;
  const { record, opening, replay } = replayed;
  const { modelRoot } = record;
  const header = parseHeader(opening.header);
  const jobId = deriveBytes('job', sample.seed).subarray(0, 16);
  const message = createSampleJob(sample, {
    jobId,
    modelRoot,
    blind: opening.blind,
    header,
    replay,
    timeoutMs: 600_000,
  });
  const job = parseScoreJob(message, crypto);
  return scoreJob(job, { engine, crypto, signal: signal ?? new AbortController().signal });
}
