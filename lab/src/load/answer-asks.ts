import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { recordProfile } from '../profile/record.ts';

/** Delays of the event loop of a process since the last question, without the resolution of the measurement. */
export interface LoopDelay {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly mostMs: number;
}

export interface AskMessage {
  readonly ask: string;
}

export interface AnswerMessage {
  readonly answer: unknown;
}

/** A timer of this length measures the delay, and its own length is in each value. */
const RESOLUTION_MS = 1;

/**
 * Answers the parent's questions in a child of the load. `live` are the bytes that JavaScript holds after a collection. `profile` begins a
 * profile, and `profiled` ends it.
 */
export function answerAsks(own: Readonly<Record<string, () => unknown>> = {}): void {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  let endProfile: Awaited<ReturnType<typeof recordProfile>> | undefined;
  const answers: Readonly<Record<string, () => unknown>> = {
    delay(): LoopDelay {
      const toMs = (ns: number): number => Math.max(0, ns / 1e6 - RESOLUTION_MS);
      const [p50Ms, p99Ms, mostMs] = [delays.percentile(50), delays.percentile(99), delays.max].map(toMs);
      delays.reset();
      return { p50Ms, p99Ms, mostMs } as LoopDelay;
    },
    live() {
      setFlagsFromString('--expose-gc');
      const collect = runInNewContext('gc') as () => void;
      // Memory behind finalizers is freed by the second collection.
      collect();
      collect();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    },
    async profile() {
      endProfile = await recordProfile();
    },
    profiled: () => endProfile?.(),
    ...own,
  };
  process.once('disconnect', () => process.exit());
  process.on('message', async ({ ask }: Partial<AskMessage>) => {
    if (ask === undefined) return;
    process.send?.({ answer: await answers[ask]?.() } satisfies AnswerMessage);
  });
}
