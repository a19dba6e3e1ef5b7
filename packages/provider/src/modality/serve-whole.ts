import { EngineError } from '@ogong/engine/interface/engine-error';
import { Refusal } from '@ogong/host/link/link-error';
import { keepCommitted } from './keep-committed.ts';
import type { AcceptedOrder, CommittedReply, ServeContext, ServedCounts } from './order-job.ts';

/** Order of a reply that leaves all at once, with its record. */
export interface WholeOrderJob<R> extends AcceptedOrder<R> {
  /** Billed units of the request; such a reply bills no output. */
  readonly promptTokens: number;
  readonly feeAtomic: bigint;
}

interface WholeWork<T> {
  /** Runs the model. @throws EngineError, Refusal */
  run(signal: AbortSignal): Promise<T>;
  commit(ran: T, times: { readonly startMs: number; readonly endMs: number }): CommittedReply;
}

/** Serves a reply in one piece. @throws Refusal, EngineError */
export async function serveWhole<T>(
  job: WholeOrderJob<unknown>,
  context: ServeContext,
  { run, commit }: WholeWork<T>,
): Promise<ServedCounts> {
  const { promptTokens, feeAtomic } = job;
  const { clock, send, expired, failed } = context;
  const counts = { promptTokens, cachedTokens: 0, outputTokens: 0, drafts: { proposed: 0, accepted: 0 } };
  const startMs = clock.nowMs();
  const signal = AbortSignal.any([expired, failed]);
  const admission = await context.admit(signal);
  await send({ event: { case: 'started', value: { promptTokens } } });
  const ran = await unlessCancelled(run(signal));
  if (ran === undefined && failed.aborted) {
    throw new Refusal('unavailable', 'the provider gave this reply up; try another one');
  }
  // The order ran out before there was an output.
  if (ran === undefined) return counts;
  const committed = commit(ran, { startMs, endMs: clock.nowMs() });
  const kept = await keepCommitted(job, { ...committed, feeAtomic }, context);
  const { header, response } = committed;
  await send({
    event: {
      case: 'finished',
      value: { ...kept, header, response, admission, stopReason: 'length', promptTokens, outputTokens: 0 },
    },
  });
  return counts;
}

/** @returns undefined if it was cancelled: the order's time is up, or the provider gave up. */
async function unlessCancelled<T>(running: Promise<T>): Promise<T | undefined> {
  try {
    return await running;
  } catch (error) {
    if (error instanceof EngineError && error.code === 'cancelled') return undefined;
    throw error;
  }
}
