import { type Pausable, runPausable } from '../decode/pausable.ts';

/** Takes turns while there is work. */
export interface TurnLoop {
  /** There is work for a turn. */
  schedule(): void;
  close(): void;
}

/** @param turn returns whether there is more to do. */
export function createTurnLoop(turn: () => Pausable<boolean>, stepDelayMs: number): TurnLoop {
  let cancelStep: (() => void) | undefined;
  /** Whether a turn waits for a pass, and whether there has been work for another turn meanwhile. */
  let isTurning = false;
  let hasWork = false;
  let isClosed = false;
  function* takeTurn(): Pausable<void> {
    isTurning = true;
    hasWork = false;
    const more = yield* turn();
    isTurning = false;
    if (more || hasWork) schedule();
  }
  const loop = () => {
    cancelStep = undefined;
    runPausable(takeTurn());
  };
  const schedule = () => {
    hasWork = true;
    if (cancelStep !== undefined || isTurning || isClosed) return;
    if (stepDelayMs > 0) {
      const timer = setTimeout(loop, stepDelayMs);
      cancelStep = () => clearTimeout(timer);
    } else {
      const immediate = setImmediate(loop);
      cancelStep = () => clearImmediate(immediate);
    }
  };
  return {
    schedule,
    close() {
      isClosed = true;
      cancelStep?.();
    },
  };
}
