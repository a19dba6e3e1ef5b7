import { utf8Encode } from '@ogong/protocol/base/bytes';
import { RECEIPT_HEADER, RECEIPT_INLINE } from '@ogong/protocol/http/routes';
import { parseReceipt } from '@ogong/protocol/stage1/receipt';
import OpenAI from 'openai';
import type { PlannedRequest } from './prompts.ts';
import type { AskedReply } from './run-record.ts';

export interface AskOptions {
  readonly gatewayUrl: string;
  readonly model: string;
  readonly timeoutMs?: number;
  /** Called for each piece of a stream with text in it; the next piece waits. @param request its exact body. */
  readonly onText?: (text: string, request: Uint8Array) => Promise<void>;
}

/** The field that the gateway adds to OpenAI's objects. */
interface OgongField {
  readonly receipts: readonly { readonly reply_id: string; readonly url: string; readonly receipt: unknown }[];
}
type WithOgong<T> = T & { readonly ogong?: OgongField };

/** Sends one request through the official client and keeps the exact bytes of request and response. */
export async function ask(request: PlannedRequest, options: AskOptions): Promise<AskedReply> {
  const { gatewayUrl, model, timeoutMs = 180_000, onText } = options;
  const startedMs = performance.now();
  let body: Uint8Array = new Uint8Array(0);
  let firstTextMs: number | undefined;
  let text = '';
  const client = new OpenAI({
    baseURL: `${gatewayUrl}/v1`,
    apiKey: 'none',
    // A retry would be another reply.
    maxRetries: 0,
    timeout: timeoutMs,
    defaultHeaders: { [RECEIPT_HEADER]: RECEIPT_INLINE },
    fetch: (url, init) => {
      if (typeof init?.body === 'string') body = utf8Encode(init.body);
      return fetch(url, init);
    },
  });
  const { prompt, number, isStreamed } = request;
  const finish = (rest: Pick<AskedReply, 'error' | 'receipts'>): AskedReply => ({
    number,
    prompt,
    isStreamed,
    request: body,
    response: utf8Encode(text),
    firstTextMs,
    durationMs: performance.now() - startedMs,
    ...rest,
  });
  try {
    const asked = { model, messages: [{ role: 'user' as const, content: prompt }], ...request.parameters };
    let field: OgongField | undefined;
    if (isStreamed) {
      const stream = await client.chat.completions.create({ ...asked, stream: true });
      for await (const chunk of stream as AsyncIterable<WithOgong<OpenAI.ChatCompletionChunk>>) {
        const piece = chunk.choices[0]?.delta?.content ?? '';
        if (piece !== '') firstTextMs ??= performance.now() - startedMs;
        text += piece;
        if (piece !== '') await onText?.(piece, body);
        field = chunk.ogong ?? field;
      }
    } else {
      const answer = (await client.chat.completions.create(asked)) as WithOgong<OpenAI.ChatCompletion>;
      text = answer.choices[0]?.message.content ?? '';
      field = answer.ogong;
    }
    return finish({ error: undefined, receipts: await fetchReceipts(gatewayUrl, field) });
  } catch (error) {
    return finish({ error: error instanceof Error ? error.message : String(error), receipts: undefined });
  }
}

async function fetchReceipts(gatewayUrl: string, field: OgongField | undefined): Promise<AskedReply['receipts']> {
  const [entry] = field?.receipts ?? [];
  if (!entry) return undefined;
  const compact = parseReceipt(entry.receipt);
  const full = parseReceipt(await (await get(entry.url)).text());
  const fetched = 'url' in compact.opening ? await (await get(compact.opening.url)).arrayBuffer() : new ArrayBuffer(0);
  return { compact, full, fetched: new Uint8Array(fetched) };

  async function get(path: string): Promise<Response> {
    const response = await fetch(new URL(path, gatewayUrl));
    if (!response.ok) throw new Error(`the gateway has nothing at ${path}: status ${response.status}`);
    return response;
  }
}
