import type { CommonRequest } from '@ogong/protocol/modality/modality';
import type { BoughtAnswer, ReplyJob } from './reply.ts';
import type { ReplyService } from './reply-service.ts';

/**
 * Serves the replies of one call in turns. After the first failure no further reply is begun, and each that waits fails with the same
 * error. Running ones go on, because they are paid.
 * @param most replies that run at once.
 */
export function createReplyTurns(replies: ReplyService, most: number): ReplyService {
  const waiting: (() => void)[] = [];
  let running = 0;
  let failure: { readonly error: unknown } | undefined;
  async function enter(): Promise<void> {
    if (running < most) running++;
    else await new Promise<void>((resolve) => waiting.push(resolve));
  }
  /** Gives the place to the next reply. */
  function leave(): void {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
  return {
    async *serve<Q extends CommonRequest, R extends BoughtAnswer>(job: ReplyJob<Q, R>) {
      await enter();
      try {
        if (failure !== undefined) throw failure.error;
        return yield* replies.serve<Q, R>(job);
      } catch (error) {
        failure ??= { error };
        throw error;
      } finally {
        leave();
      }
    },
  };
}
