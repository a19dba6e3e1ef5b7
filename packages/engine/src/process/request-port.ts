import { EngineError } from '../interface/engine-error.ts';
import type { TextGenerationEvent } from '../interface/text.ts';
import type { HostMessage } from './child-messages.ts';
import { createEventQueue } from './event-queue.ts';
import { fromPlainError } from './plain-error.ts';

interface Pending {
  onEvent(event: TextGenerationEvent): void;
  onResult(value: unknown): void;
  onError(error: EngineError): void;
}

interface Cancellation {
  readonly signal?: AbortSignal | undefined;
  readonly cancel: (id: number) => void;
}

/** A way to a host that is alive. */
interface OpenRequest {
  readonly post: (id: number) => void;
  readonly cancel: (id: number) => void;
}

/** Matches what a host sends back to the requests that wait for it. */
export interface RequestPort {
  receive(message: HostMessage): void;
  /**
   * Events until the end of a reply; leaving early or aborting cancels it.
   * @param open called once the reader asks for the first event.
   */
  stream(
    open: () => OpenRequest | Promise<OpenRequest>,
    signal: AbortSignal | undefined,
  ): AsyncIterableIterator<TextGenerationEvent>;
  call(post: (id: number) => void, cancellation: Cancellation): Promise<unknown>;
  failAll(error: EngineError): void;
}

export function createRequestPort(): RequestPort {
  const pending = new Map<number, Pending>();
  let nextId = 1;

  const settle = (id: number): Pending | undefined => {
    const entry = pending.get(id);
    pending.delete(id);
    return entry;
  };

  const assertLive = (signal: AbortSignal | undefined) => {
    if (signal?.aborted) throw new EngineError('cancelled', 'the request was cancelled before it began');
  };

  return {
    receive(message) {
      if (message.kind === 'events') {
        for (const [id, event] of message.events) (event.kind === 'end' ? settle(id) : pending.get(id))?.onEvent(event);
      } else if (message.kind === 'result') settle(message.id)?.onResult(message.value);
      else if (message.kind === 'error') {
        // An error that cannot be read leaves its request to `failAll`.
        const error = fromPlainError(message.error);
        settle(message.id)?.onError(error);
      }
    },

    stream(open, signal) {
      const queue = createEventQueue();
      let hasBegun = false;
      let isLeft = false;
      let forget = (): void => undefined;

      async function begin(): Promise<void> {
        const { post, cancel } = await open();
        assertLive(signal);
        if (isLeft) return;
        const id = nextId++;
        const abort = () => cancel(id);
        const stopListening = () => signal?.removeEventListener('abort', abort);
        const conclude = (failure?: { readonly error: unknown }) => {
          stopListening();
          queue.end(failure);
        };
        pending.set(id, {
          onEvent(event) {
            queue.push(event);
            if (event.kind === 'end') conclude();
          },
          onResult: () => undefined,
          onError: (error) => conclude({ error }),
        });
        forget = () => {
          stopListening();
          // Still pending: the reader left early, so free the slot.
          if (pending.delete(id)) cancel(id);
        };
        signal?.addEventListener('abort', abort, { once: true });
        post(id);
      }

      async function start(): Promise<void> {
        try {
          await begin();
        } catch (error) {
          forget();
          queue.end({ error });
        }
      }

      return {
        next() {
          if (!hasBegun) void start();
          hasBegun = true;
          return queue.next();
        },
        async return() {
          isLeft = true;
          forget();
          queue.clear();
          return { done: true, value: undefined };
        },
        [Symbol.asyncIterator]() {
          return this;
        },
      };
    },

    async call(post, { signal, cancel }) {
      assertLive(signal);
      const id = nextId++;
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      pending.set(id, { onEvent: () => undefined, onResult: resolve, onError: reject });
      const abort = () => cancel(id);
      signal?.addEventListener('abort', abort, { once: true });
      try {
        post(id);
        return await promise;
      } finally {
        signal?.removeEventListener('abort', abort);
      }
    },

    failAll(error) {
      for (const id of [...pending.keys()]) settle(id)?.onError(error);
    },
  };
}
