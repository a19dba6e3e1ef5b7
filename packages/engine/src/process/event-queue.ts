import type { TextGenerationEvent } from '../interface/text.ts';

type Next = IteratorResult<TextGenerationEvent, undefined>;

const DONE: Next = { done: true, value: undefined };

/** Events of one reply between the messages that bring them and their reader. */
export interface EventQueue {
  push(event: TextGenerationEvent): void;
  /** Ends the events. @param failure thrown once, after the events before it. Default: none. */
  end(failure?: { readonly error: unknown }): void;
  /** Drops the events that nobody has read, and ends them. */
  clear(): void;
  next(): Promise<Next>;
}

/** An async generator makes several promises for each event. This queue makes one. */
export function createEventQueue(): EventQueue {
  const events: TextGenerationEvent[] = [];
  const readers: PromiseWithResolvers<Next>[] = [];
  let failure: { readonly error: unknown } | undefined;
  let isOver = false;

  /** Answers a reader who has come after the last event. */
  function conclude(): Promise<Next> {
    const failed = failure;
    failure = undefined;
    return failed === undefined ? Promise.resolve(DONE) : Promise.reject(failed.error);
  }

  function end(given?: { readonly error: unknown }): void {
    if (isOver) return;
    isOver = true;
    failure = given;
    for (const reader of readers.splice(0)) reader.resolve(conclude());
  }

  return {
    push(event) {
      if (isOver) return;
      const reader = readers.shift();
      if (reader === undefined) events.push(event);
      else reader.resolve({ done: false, value: event });
    },
    end,
    clear() {
      events.length = 0;
      failure = undefined;
      end();
    },
    next() {
      const event = events.shift();
      if (event !== undefined) return Promise.resolve({ done: false, value: event });
      if (isOver) return conclude();
      const reader = Promise.withResolvers<Next>();
      readers.push(reader);
      return reader.promise;
    },
  };
}
