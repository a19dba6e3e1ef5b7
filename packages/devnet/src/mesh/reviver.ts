export interface ReviverOptions {
  /** Starts a daemon and resolves when it serves. */
  readonly start: (name: string) => Promise<void>;
  /** Ends the leftover processes of a daemon that did not start. */
  readonly clear: (name: string) => Promise<void>;
  /** Whether the mesh is about to stop: then nothing is started any more. */
  readonly isOver: () => boolean;
  readonly report: (message: string) => void;
  readonly wait: (ms: number) => Promise<void>;
  readonly nowMs: () => number;
}

/** Starts daemons again that ended without having been asked to. */
export interface Reviver {
  /** @param name of a daemon that has just ended. Resolves when it serves again, or when the mesh stops. */
  revive(name: string): Promise<void>;
}

export const FIRST_WAIT_MS = 500;
export const LONGEST_WAIT_MS = 30_000;
/** A daemon that ran for this time has recovered: its next end counts as the first. */
export const RECOVERED_MS = 60_000;

/** Each start that follows soon after another one waits twice as long, so that a daemon that cannot run takes no processor time. */
export function createReviver({ start, clear, isOver, report, wait, nowMs }: ReviverOptions): Reviver {
  const reviving = new Set<string>();
  const last = new Map<string, { readonly waitMs: number; readonly atMs: number }>();

  function computeWait(name: string): number {
    const before = last.get(name);
    if (before === undefined || nowMs() - before.atMs >= RECOVERED_MS) return FIRST_WAIT_MS;
    return Math.min(LONGEST_WAIT_MS, 2 * before.waitMs);
  }

  return {
    async revive(name) {
      // If it ends during a start, that start fails.
      if (reviving.has(name)) return;
      reviving.add(name);
      try {
        for (let isBack = false; !isBack; ) {
          const waitMs = computeWait(name);
          report(`${name} ended; it is started again in ${waitMs / 1000} s`);
          await wait(waitMs);
          if (isOver()) return;
          isBack = await start(name).then(
            () => true,
            async (error: Error) => {
              if (!isOver()) report(error.message);
              await clear(name);
              return isOver();
            },
          );
          last.set(name, { waitMs, atMs: nowMs() });
        }
        if (!isOver()) report(`${name} is back`);
      } finally {
        reviving.delete(name);
      }
    },
  };
}
