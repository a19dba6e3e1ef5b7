import type { TextEngine } from '@ogong/engine/interface/text';
import { Refusal } from '@ogong/host/link/link-error';
import { equalBytes, ProtocolError } from '@ogong/protocol/base/bytes';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { parseRecordV2, type RecordV2 } from '@ogong/protocol/commitment/record';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { isRequest } from '@ogong/protocol/modality/request-hash';
import { hashTokens } from '@ogong/protocol/modality/text/commitment/header';
import { type SignedTrace, signTrace } from '@ogong/protocol/modality/text/stage2/trace-report';
import type { TracedPosition } from '../modality.ts';
import { type ClaimedReply, planPass } from './claimed-pass.ts';

/** One position of a committed reply, to be looked into. Provider and verifier share this path: both must run the same pass. */
export interface TraceClaim extends ClaimedReply {
  /** The record's signed bytes. */
  readonly record: Uint8Array;
  readonly position: number;
}

/**
 * Parses the record of a claim. It must be about this engine's model. Its request is checked by assertTracedRequest.
 * @throws Refusal naming the check that failed.
 */
export function parseTracedRecord(
  engine: Pick<TextEngine, 'info'>,
  {
    record: bytes,
    position,
  }: {
    readonly record: Uint8Array;
    readonly position: number;
  },
): RecordV2 {
  let record: RecordV2;
  try {
    record = parseRecordV2(bytes);
  } catch (error) {
    if (error instanceof ProtocolError) throw new Refusal('invalid', error.message);
    throw error;
  }
  const { modelRoot, capabilities } = engine.info();
  assertTrace(equalBytes(record.modelRoot, modelRoot), 'the record is about another model');
  assertTrace(position < record.tokenCount, `position ${position} of a reply of ${record.tokenCount} tokens`);
  if (!capabilities.trace) throw new Refusal('unsupported', 'this machine cannot trace the layers of this model');
  return record;
}

/** Parses the request of a claim, which costs more than the other checks. @throws Refusal unless the record is about it. */
export function assertTracedRequest(
  crypto: Crypto,
  record: RecordV2,
  { request: body, endpoint }: Pick<TracedPosition, 'request' | 'endpoint'>,
): void {
  assertTrace(isRequest(crypto, record, { endpoint, body }), 'the record is about another request');
}

/** @throws EngineError, Refusal */
export async function traceClaim(
  claim: TraceClaim,
  {
    engine,
    crypto,
    signer,
    signal,
  }: {
    readonly engine: TextEngine;
    readonly crypto: Crypto;
    readonly signer: HybridSigner;
    readonly signal: AbortSignal;
  },
): Promise<SignedTrace> {
  const { outputTokens, position } = claim;
  const pass = await planPass(claim, engine);
  if (position < outputTokens.length && position >= pass.outputTokens.length) {
    throw new Refusal(
      'unsupported',
      `position ${position} is beyond the context of ${engine.info().contextSize} tokens`,
    );
  }
  const { stages, row, numericClass, exact } = await engine.trace({ ...pass, position }, { signal });
  const { replyId } = parseRecordV2(claim.record);
  const blinds = computeBlinds(crypto, { body: claim.body, replyId });
  return signTrace(signer, {
    recordHash: crypto.sha256(claim.record),
    modelRoot: engine.info().modelRoot,
    numericClass,
    exact,
    promptTokensHash: hashTokens(crypto, blinds.prompt, pass.promptTokens),
    outputTokensHash: hashTokens(crypto, blinds.answer, outputTokens),
    position,
    row,
    stages,
  });
}

function assertTrace(holds: boolean, message: string): void {
  if (!holds) throw new Refusal('invalid', message);
}
