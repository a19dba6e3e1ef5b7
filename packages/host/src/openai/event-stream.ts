import type { ApiContext } from '../http/api-app.ts';
import { streamText } from '../http/text-stream.ts';
import { createTextTemplate } from '../http/text-template.ts';
import type { Json } from './format.ts';

export interface EventStreamOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly heartbeatMs: number;
  /** Default: OpenAI's of completions. */
  readonly framing?: EventFraming;
  /** End of a stream that fails, in place of the framing's end. */
  readonly toFailure: (error: unknown) => object | readonly object[];
}

/** How an API writes its events. */
export interface EventFraming {
  formatEvent(event: object): string;
  /** The last text of a stream that succeeds. */
  readonly end: string;
}

/** `data:` lines of JSON, and [DONE] after success. */
const DATA_FRAMING: EventFraming = {
  formatEvent: (event) => `data: ${JSON.stringify(event)}\n\n`,
  end: 'data: [DONE]\n\n',
};

/** Every event is named by its type, and the last one says that it is. */
export const NAMED_FRAMING: EventFraming = {
  formatEvent: (event) => `event: ${(event as { type: string }).type}\ndata: ${JSON.stringify(event)}\n\n`,
  end: '',
};

type SendEvent<Event = object> = (event: Event) => Promise<void> | undefined;

/** Returns a sender of events that differ in one text. */
export type PrepareTexts = (format: (text: string) => Json) => SendEvent<string>;

/** Server-sent events. */
export function streamEvents(
  context: ApiContext,
  produce: (send: SendEvent, prepareTexts: PrepareTexts) => Promise<void>,
  { headers, heartbeatMs, toFailure, framing = DATA_FRAMING }: EventStreamOptions,
): Promise<Response> {
  return streamText(
    context,
    async (write) => {
      const prepareTexts: PrepareTexts = (format) => {
        const fill = createTextTemplate((text) => framing.formatEvent(format(text)));
        return (text) => write(fill(text));
      };
      await produce((event) => write(framing.formatEvent(event)), prepareTexts);
      if (framing.end !== '') await write(framing.end);
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
      formatFailure: (error) => [toFailure(error)].flat().map(framing.formatEvent).join(''),
    },
  );
}
