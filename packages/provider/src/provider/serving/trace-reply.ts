import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TextEngine } from '@ogong/engine/interface/text';
import { createJobQueue } from '@ogong/host/lifecycle/job-queue';
import { Refusal } from '@ogong/host/link/link-error';
import { equalBytes, ProtocolError } from '@ogong/protocol/base/bytes';
import { computeCommitment, parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import type { TraceReplyRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { decodeDraws, expandRuns, tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import type { SignedTrace } from '@ogong/protocol/modality/text/stage2/trace-report';
import { parseEndpointName, parseModelRequest } from '../../engine/model-request.ts';
import { parseTracedRecord, type TraceClaim, traceClaim } from '../../engine/trace-claim.ts';
import { findOffer, type OfferState } from '../orders/offers.ts';
import type { Openings } from '../provider-store.ts';

export interface ReplyTracerDependencies {
  readonly offers: readonly OfferState[];
  readonly crypto: Crypto;
  readonly signer: HybridSigner;
  readonly openings: Pick<Openings, 'get'>;
}

/** A trace takes the engine's time from paying replies, so traces run one at a time, few may wait, and each has a deadline. */
const MAX_WAITING = 4;
const MAX_TRACE_MS = 120_000;
/** A trace needs its own context in memory, and there may be no room for it. */
const GIVEN_UP: readonly string[] = ['cancelled', 'not-enough-memory'];

/**
 * Answers for one position of a reply that this provider served: what its engine computes there, layer by layer. It traces the
 * stored opening of the reply, so that nobody can make it run anything else.
 */
export function createReplyTracer({ offers, crypto, signer, openings }: ReplyTracerDependencies) {
  const queue = createJobQueue({ slots: 1, maxWaiting: MAX_WAITING });

  async function readClaim(engine: TextEngine, message: TraceReplyRequest): Promise<TraceClaim> {
    const record = parseTracedRecord(crypto, engine, message);
    const kept = await openings.get(record.replyId);
    if (kept === undefined) throw new Refusal('not-found', 'no opening of this reply is kept here');
    const opening = parseOpening(kept.bytes);
    if (!equalBytes(computeCommitment(crypto, opening).root, record.commitRoot)) {
      throw new Refusal('invalid', 'the record commits to another reply than the one that was served here');
    }
    const header = parseHeader(opening.header);
    const windows = opening.windows.map(({ draws }) => decodeDraws(draws, header));
    const rows = windows.flatMap((window) => window.rows);
    return {
      record: message.record,
      header,
      request: parseModelRequest(message.request, parseEndpointName(message.endpoint), header.promptDay),
      body: message.request,
      outputTokens: Uint32Array.from(rows, tokenOf),
      listSizes: Uint8Array.from(rows, ({ ids }) => ids.length),
      shapeClasses: Uint8Array.from(windows.flatMap(({ runs }) => expandRuns(runs))),
      bankSeed: header.sketchBankSeed,
      position: message.position,
    };
  }

  /** @throws Refusal, or what is this provider's own fault. */
  return async (message: TraceReplyRequest, left: AbortSignal): Promise<SignedTrace> => {
    const timeoutMs = Math.min(message.timeoutMs, MAX_TRACE_MS);
    if (timeoutMs === 0) throw new Refusal('invalid', 'the call leaves no time for a trace');
    try {
      const engine = findTracedEngine(offers, message.record);
      const claim = await readClaim(engine, message);
      const signal = AbortSignal.any([left, AbortSignal.timeout(timeoutMs)]);
      return await queue.run(() => traceClaim(claim, { engine, crypto, signer, signal }), signal);
    } catch (error) {
      if (error instanceof ProtocolError || error instanceof RequestError) throw new Refusal('invalid', error.message);
      if (error instanceof EngineError && error.code === 'unsupported-model') {
        throw new Refusal('unsupported', error.message);
      }
      if (error instanceof EngineError && (error.retryable || GIVEN_UP.includes(error.code))) {
        throw new Refusal('unavailable', error.message);
      }
      throw error;
    }
  };
}

/** @throws Refusal, ProtocolError */
function findTracedEngine(offers: readonly OfferState[], record: Uint8Array): TextEngine {
  const offer = findOffer(offers, parseRecordV2(record).modelRoot);
  if (offer === undefined) throw new Refusal('invalid', 'the record is about another model than those served here');
  if (offer.engine.specificationVersion !== 'text-v1') {
    throw new Refusal('unsupported', 'only texts have positions to be traced');
  }
  return offer.engine;
}
