import { EngineError } from '../interface/engine-error.ts';
import type { TextGenerationEvent } from '../interface/text.ts';
import type { HostMessage } from './child-messages.ts';
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
  ): AsyncGenerator<TextGenerationEvent>;
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

    async *stream(open, signal) {
      const { post, cancel } = await open();
      assertLive(signal);
      const id = nextId++;
      const queue: TextGenerationEvent[] = [];
      let failure: EngineError | undefined;
      let wake: (() => void) | undefined;
      const notify = () => {
        wake?.();
        wake = undefined;
      };
      pending.set(id, {
        onEvent(event) {
          queue.push(event);
          notify();
        },
        onResult: () => undefined,
        onError(error) {
          failure = error;
          notify();
        },
      });
      const abort = () => cancel(id);
      signal?.addEventListener('abort', abort, { once: true });
      try {
        post(id);
        for (;;) {
          const event = queue.shift();
          if (event !== undefined) {
            yield event;
            if (event.kind === 'end') return;
          } else if (failure !== undefined) throw failure;
          else
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
        }
      } finally {
        signal?.removeEventListener('abort', abort);
        // Still pending: the consumer left early, so free the slot.
        if (pending.delete(id)) cancel(id);
      }
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
