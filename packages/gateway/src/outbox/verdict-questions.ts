import type { Clock } from '@ogong/host/time/clock';

/** A verdict takes an epoch or two, and a settlement up to hours. A gateway that asked all the time would mostly ask in vain. */
const PATIENCE = 1 / 4;
/** Most noted questions. Beyond it an order may be asked about too often. */
const MAX_QUESTIONS = 65_536;

interface Questions {
  /** Whether it is time to ask about an order again: after a quarter more of its age, and after the interval. */
  isDue(replyId: string): boolean;
  /** Notes that the validator was asked, and may have answered. */
  asked(replyId: string): void;
  forget(replyId: string): void;
}

export function createQuestions(intervalMs: number, uptime: Clock): Questions {
  const known = new Map<string, { readonly firstMs: number; readonly nextMs: number }>();
  return {
    isDue: (replyId) => uptime.nowMs() >= (known.get(replyId)?.nextMs ?? Number.NEGATIVE_INFINITY),
    asked(replyId) {
      const nowMs = uptime.nowMs();
      const firstMs = known.get(replyId)?.firstMs ?? nowMs;
      // The loop's own pause may be a little shorter than it should be.
      known.set(replyId, { firstMs, nextMs: nowMs + Math.max(intervalMs / 2, (nowMs - firstMs) * PATIENCE) });
      if (known.size > MAX_QUESTIONS) known.delete(known.keys().next().value as string);
    },
    forget: (replyId) => void known.delete(replyId),
  };
}
