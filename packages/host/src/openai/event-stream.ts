import type { ApiContext } from '../http/api-app.ts';
import { streamText } from '../http/text-stream.ts';

export interface EventStreamOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly heartbeatMs: number;
  /** What a stream that fails ends with, in place of [DONE]. */
  readonly toFailure: (error: unknown) => object;
}

/** Server-sent events in OpenAI's framing: `data:` lines of JSON, and [DONE] after success. */
export function streamEvents(
  context: ApiContext,
  produce: (send: (event: object) => Promise<void>) => Promise<void>,
  { headers, heartbeatMs, toFailure }: EventStreamOptions,
): Promise<Response> {
  return streamText(
    context,
    async (write) => {
      await produce((event) => write(formatEvent(event)));
      await write('data: [DONE]\n\n');
    },
    {
      headers: {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache, no-transform',
        // nginx would hold the events back.
        'x-accel-buffering': 'no',
        ...headers,
      },
      // A comment, which clients skip.
      heartbeat: { text: ': waiting\n\n', intervalMs: heartbeatMs },
      formatFailure: (error) => formatEvent(toFailure(error)),
    },
  );
}

const formatEvent = (event: object): string => `data: ${JSON.stringify(event)}\n\n`;
