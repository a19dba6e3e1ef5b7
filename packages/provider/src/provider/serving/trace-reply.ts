import { EngineError } from '@ogong/engine/interface/engine-error';
import type { Engine } from '@ogong/engine/open-engine';
import { createJobQueue } from '@ogong/host/lifecycle/job-queue';
import { Refusal } from '@ogong/host/link/link-error';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import type { TraceReplyRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import type { SignedTrace } from '@ogong/protocol/modality/text/stage2/trace-report';
import { findModality } from '../../modality/registry.ts';
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
 * Answers for one position of a reply that this provider served: its engine's results there, layer by layer. It traces the
 * stored opening of the reply, so that nobody can make it run anything else.
 */
export function createReplyTracer({ offers, crypto, signer, openings }: ReplyTracerDependencies) {
  const queue = createJobQueue({ slots: 1, maxWaiting: MAX_WAITING });

  /** @throws Refusal, or what is this provider's own fault. */
  return async (message: TraceReplyRequest, left: AbortSignal): Promise<SignedTrace> => {
    const timeoutMs = Math.min(message.timeoutMs, MAX_TRACE_MS);
    if (timeoutMs === 0) throw new Refusal('invalid', 'the call leaves no time for a trace');
    try {
      const engine = findTracedEngine(offers, message.record);
      const { tracing } = findModality(engine);
      if (tracing === undefined) throw new Refusal('unsupported', 'only texts have positions to be traced');
      const job = await tracing.openReply(message, openings.get, { engine, crypto, signer });
      const signal = AbortSignal.any([left, AbortSignal.timeout(timeoutMs)]);
      return await queue.run(() => job.trace(signal), signal);
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
function findTracedEngine(offers: readonly OfferState[], record: Uint8Array): Engine {
  const offer = findOffer(offers, parseRecordV2(record).modelRoot);
  if (offer === undefined) throw new Refusal('invalid', 'the record is about another model than those served here');
  return offer.engine;
}
