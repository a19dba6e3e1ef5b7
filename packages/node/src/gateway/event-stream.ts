import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

/** Server-sent events in OpenAI's framing. Nothing is sent until there is something to say. */
export interface EventStream {
  /** Whether the status line is out, so that an error can only be an event. */
  isOpen(): boolean;
  /** Resolves when the client may be sent more; rejects where it is gone. */
  send(data: unknown): Promise<void>;
  end(last?: unknown): void;
}

export function createEventStream(
  response: ServerResponse,
  { heartbeatMs, headers, signal }: { heartbeatMs: number; headers: Record<string, string>; signal: AbortSignal },
): EventStream {
  function open(): void {
    if (response.headersSent) return;
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      // nginx would hold the events back.
      'x-accel-buffering': 'no',
      ...headers,
    });
    response.socket?.setNoDelay(true);
  }

  // Keeps proxies and clients from giving up on a slow provider.
  const heartbeat = setInterval(() => {
    open();
    if (!response.writableNeedDrain) response.write(': waiting\n\n');
  }, heartbeatMs);
  response.once('close', () => clearInterval(heartbeat));

  return {
    isOpen: () => response.headersSent,
    async send(data) {
      signal.throwIfAborted();
      open();
      heartbeat.refresh();
      if (!response.write(`data: ${JSON.stringify(data)}\n\n`)) await once(response, 'drain', { signal });
    },
    end(last) {
      clearInterval(heartbeat);
      open();
      response.end(last === undefined ? 'data: [DONE]\n\n' : `data: ${JSON.stringify(last)}\n\n`);
    },
  };
}
