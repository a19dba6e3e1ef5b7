import type { ApiContext } from '@ogong/host/http/api-app';
import { streamText } from '@ogong/host/http/text-stream';

/** One line about work that goes on. */
export interface StatusEvent {
  readonly status: string;
  readonly digest?: string;
  readonly total?: number;
  readonly completed?: number;
}

/**
 * Work that takes a while: a line for each step, or the last one alone if the client wants no stream.
 * @throws what the work throws before its first line.
 */
export async function answerProgress(
  context: ApiContext,
  stream: boolean,
  work: (tell: (event: StatusEvent) => Promise<void>) => Promise<void>,
): Promise<Response> {
  if (!stream) {
    await work(async () => undefined);
    return context.json({ status: 'success' });
  }
  return streamText(
    context,
    async (write) => {
      const tell = async (event: StatusEvent): Promise<void> => write(`${JSON.stringify(event)}\n`);
      await work(tell);
      await tell({ status: 'success' });
    },
    {
      headers: { 'content-type': 'application/x-ndjson', 'cache-control': 'no-cache' },
      formatFailure: (error) => `${JSON.stringify({ error: context.get('explain')(error).message })}\n`,
    },
  );
}
