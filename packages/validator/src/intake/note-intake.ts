import type { ReplySteps } from '@ogong/host/metrics/reply-steps';
import type { Clock } from '@ogong/host/time/clock';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { computeReplyId, type LedgerDomain, parseOrder } from '@ogong/protocol/exchange/order';
import type { Intake } from './intake.ts';

interface NotedBy {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly ledger: LedgerDomain;
  readonly steps: ReplySteps;
}

/**
 * Notes accepted messages as steps of their reply. Refused ones are not noted: strangers could fill the memory with
 * them.
 */
export function noteIntake(intake: Intake, { crypto, clock, ledger, steps }: NotedBy): Intake {
  const nameReply = (order: Uint8Array): Uint8Array => computeReplyId(crypto, ledger, parseOrder(order));
  return {
    ...intake,
    async admit(order, caller) {
      const startMs = clock.nowMs();
      const admission = await intake.admit(order, caller);
      steps.add(nameReply(order.order), 'admit', { startMs });
      return admission;
    },
    async pushRecord(submission) {
      const startMs = clock.nowMs();
      const taken = await intake.pushRecord(submission);
      steps.add(taken.replyId, 'take record', { startMs, attributes: { 'ogong.epoch': Number(taken.epoch) } });
      return taken;
    },
    async acknowledge(told, caller) {
      const startMs = clock.nowMs();
      const answer = await intake.acknowledge(told, caller);
      const attributes = { 'ogong.outcome': answer.outcome };
      steps.add(nameReply(told.order.order), 'hear delivery', { startMs, attributes });
      return answer;
    },
  };
}
