import { create } from '@bufbuild/protobuf';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { Refusal } from '@ogong/host/link/link-error';
import { type EndCode, signEnd } from '@ogong/protocol/exchange/ending/order-end';
import { PushRecordRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import type { AcceptedOrder, ReplyEvent } from '../../modality/order-job.ts';
import { ReplyTextError } from '../../modality/text/commit-reply.ts';
import type { ProviderState } from '../provider-state.ts';

/**
 * An accepted order on its way to a record. If none comes, the provider signs an end in its place, so that nobody calls the reply
 * abandoned.
 */
export interface OrderEnding {
  /** The consent leaves. From now on the provider answers for the order. */
  promise(): void;
  /** The validator refused the order, so nothing is due. */
  release(): void;
  /** A record is signed and about to be stored. */
  keep(): void;
  /** The payer has a milestone. It may hand it in, and the provider is paid for it if it comes before the end. */
  showMilestone(): void;
  /**
   * Signs, stores and shows the end, unless there is a record or nothing is due. Durable when it resolves.
   * @param error the reason; undefined if the work was stopped.
   */
  end(error?: unknown): Promise<void>;
}

/** Time for the payer to hand in its milestone before the end leaves. */
const MILESTONE_LEAD_MS = 60_000;

export function createOrderEnding(
  { clock, signer, outbox }: Pick<ProviderState, 'clock' | 'signer' | 'outbox'>,
  {
    order: { replyId, validator, orderHash },
    signedOrder,
  }: Pick<AcceptedOrder<unknown>, 'signedOrder'> & {
    readonly order: Pick<AcceptedOrder<unknown>['order'], 'replyId' | 'validator' | 'orderHash'>;
  },
  send: (event: ReplyEvent) => Promise<unknown>,
): OrderEnding {
  let isDue = false;
  let delayMs = 0;
  return {
    promise() {
      isDue = true;
    },
    release() {
      isDue = false;
    },
    keep() {
      isDue = false;
    },
    showMilestone() {
      delayMs = MILESTONE_LEAD_MS;
    },
    async end(error) {
      if (!isDue) return;
      isDue = false;
      const end = signEnd(signer, { orderHash, code: nameEnd(error), timeMs: clock.nowMs() });
      await outbox.add(replyId, validator, create(PushRecordRequestSchema, { order: signedOrder, end }), { delayMs });
      await send({ event: { case: 'ended', value: end } });
    },
  };
}

/** Names the reason for which a reply has no record. */
export function nameEnd(error: unknown): EndCode {
  if (error === undefined) return 'stopped';
  if (error instanceof RequestError || error instanceof ReplyTextError) return 'cannot-go-on';
  if (error instanceof Refusal) return error.reason === 'not-admitted' ? 'not-admitted' : 'stopped';
  if (!(error instanceof EngineError)) return 'machine-failed';
  if (error.code === 'invalid-request' || error.code === 'prompt-too-long') return 'cannot-go-on';
  return error.code === 'cancelled' || error.code === 'overloaded' ? 'stopped' : 'machine-failed';
}
