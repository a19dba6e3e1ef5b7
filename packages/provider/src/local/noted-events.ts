import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TextGenerationEvent } from '@ogong/engine/interface/text';

export interface EventNotes {
  /** Gets each event before the reader does. */
  readonly note: (event: TextGenerationEvent) => void;
  /** Tells the engine that the reader has left before the end. */
  readonly breakOff: () => void;
}

/**
 * Notes all events of an answer, also of one whose reader leaves before its end. An async generator would make several promises for each
 * event, in place of one.
 */
export function noteEvents(
  events: AsyncIterable<TextGenerationEvent>,
  { note, breakOff }: EventNotes,
): AsyncIterableIterator<TextGenerationEvent> {
  const iterator = events[Symbol.asyncIterator]();
  let isRunning = false;
  let isLeft = false;

  function take(event: TextGenerationEvent): void {
    isRunning = event.kind !== 'end';
    note(event);
  }

  async function leave(): Promise<void> {
    if (isLeft) return;
    isLeft = true;
    try {
      if (isRunning) {
        breakOff();
        await finish(iterator, take);
      }
    } finally {
      // Most readers stop at the end event, so the engine's iterator has yet to learn that nobody reads on.
      await iterator.return?.();
    }
  }

  return {
    async next() {
      if (isLeft) return { done: true, value: undefined };
      try {
        isRunning = true;
        const next = await iterator.next();
        isRunning = false;
        if (next.done) await leave();
        else take(next.value);
        return next;
      } catch (error) {
        isRunning = false;
        await leave();
        throw error;
      }
    },
    async return() {
      await leave();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** Notes the rest of an answer that nobody reads any more. A failure reaches nobody. */
async function finish(
  iterator: AsyncIterator<TextGenerationEvent>,
  note: (event: TextGenerationEvent) => void,
): Promise<void> {
  try {
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) note(next.value);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
  }
}
