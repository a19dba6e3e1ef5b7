import { GATEWAY_ROUTES, SETTLEMENT_HEADER, type SettlementType } from '@ogong/protocol/http/routes';
import type { CheckedReply } from './check-answer.ts';
import type { CheckedAnswer, CheckedStream, Chunk } from './checked-stream.ts';
import { type ClientOptions, createClient } from './client.ts';
import { GatewayApiError, GatewayUnreachableError, ReceiptError, SealedCallError } from './errors.ts';
import { readForm } from './pictures/picture-file.ts';

type Params = Readonly<Record<string, unknown>>;
type Ask = (client: ReturnType<typeof createClient>, params: Params, signal: AbortSignal) => Promise<unknown>;

/** The requests that it supports, each by the client's own function. */
const ASKS: Readonly<Record<string, Ask>> = {
  [GATEWAY_ROUTES.chat.path]: (client, params, signal) =>
    client.chat.completions.create(params as never, { signal }) as Promise<unknown>,
  [GATEWAY_ROUTES.completion.path]: (client, params, signal) =>
    client.completions.create(params as never, { signal }) as Promise<unknown>,
  [GATEWAY_ROUTES.embedding.path]: (client, params, signal) => client.embeddings.create(params as never, { signal }),
  [GATEWAY_ROUTES.image.path]: (client, params, signal) => client.images.generate(params as never, { signal }),
  [GATEWAY_ROUTES['image-edit'].path]: (client, params, signal) => client.images.edit(params as never, { signal }),
  [GATEWAY_ROUTES['image-variation'].path]: (client, params, signal) =>
    client.images.createVariation(params as never, { signal }),
  [GATEWAY_ROUTES.infer.path]: (client, params, signal) => client.infer(params as never, { signal }),
  [GATEWAY_ROUTES.rerank.path]: (client, params, signal) => client.rerank(params as never, { signal }),
};

const PICTURE_PATHS: readonly string[] = [
  GATEWAY_ROUTES.image.path,
  GATEWAY_ROUTES['image-edit'].path,
  GATEWAY_ROUTES['image-variation'].path,
];

/**
 * A `fetch` for other clients of OpenAI's API (the package `openai`, the Vercel AI SDK, LangChain): every answer is checked before they
 * have it. A failed check reaches them as an error of status 422 with the code `ogong_check_failed`, which no client repeats by itself. In
 * a stream it is an event with an error, without an end. The checks stand in `ogong.checked` of the answer, or of a stream's last chunk. It
 * asks its own gateway alone. Data that is read with GET (lists, receipts) passes unchecked. Requests that it cannot check (other APIs) are
 * refused with the code `ogong_unchecked`.
 * @param options as for `createClient`; the key is that of the request, where it has one.
 */
export function createCheckedFetch(options: ClientOptions): typeof globalThis.fetch {
  const origin = new URL(options.baseUrl).origin;
  const plain = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
  return async (input, init) => {
    const request = new Request(input, init);
    const url = new URL(request.url);
    if (url.origin !== origin) throw new TypeError(`this fetch asks ${origin} alone, and not ${url.origin}`);
    if (request.method === 'GET') return plain(request);
    const ask = ASKS[url.pathname];
    if (ask === undefined || request.method !== 'POST')
      return refuse('ogong_unchecked', `answers of ${request.method} ${url.pathname} cannot be checked`);
    const key = /^Bearer (.+)$/i.exec(request.headers.get('authorization') ?? '')?.[1] ?? options.apiKey;
    const traceparent = request.headers.get('traceparent');
    // The gateway refuses an unknown one.
    const settlementType = request.headers.get(SETTLEMENT_HEADER) as SettlementType | null;
    const client = createClient({
      ...options,
      ...(key !== undefined && { apiKey: key }),
      ...(traceparent !== null && { traceparent: () => traceparent }),
      ...(settlementType !== null && { settlementType }),
    });
    try {
      const isForm = request.headers.get('content-type')?.startsWith('multipart/form-data');
      const params = isForm ? await readForm(request) : ((await request.json()) as Params);
      if (params.stream === true && PICTURE_PATHS.includes(url.pathname))
        return refuse('ogong_unchecked', 'streams of pictures cannot be checked: leave stream out');
      const answer = await ask(client, params, request.signal);
      if (params.stream === true) return streamEvents(answer as CheckedStream<Chunk>);
      const { response, replies } = answer as CheckedAnswer<Chunk>;
      return Response.json(addChecks(response, replies));
    } catch (error) {
      if (error instanceof GatewayApiError) return Response.json({ error: describe(error) }, { status: error.status });
      if (error instanceof ReceiptError) return refuse('ogong_check_failed', error.message);
      if (error instanceof SealedCallError) return refuse('ogong_not_sealed', error.message);
      // As other clients know it from their own fetch, which they try again.
      throw error instanceof GatewayUnreachableError ? error.cause : error;
    }
  };
}

/** Replaces the gateway's value by this client's own findings. @param replies undefined: nothing is checked yet. */
function addChecks(answer: Chunk, replies: readonly CheckedReply[] | undefined): Chunk {
  if (replies === undefined && answer.ogong === undefined) return answer;
  const checked = replies?.map(({ choice, replyId, posture, checks, allowed }) => ({
    choice,
    reply_id: replyId,
    ...(posture && { tier: posture.tier, method: posture.method, exact: posture.exact }),
    checks: checks.map(({ id, status, detail }) => ({ id, status, detail })),
    allowed,
  }));
  return { ...answer, ogong: { ...(answer.ogong as object | undefined), checked } };
}

const refuse = (code: string, message: string): Response =>
  Response.json({ error: { message, type: 'invalid_request_error', param: null, code } }, { status: 422 });

function describe(error: unknown) {
  const { message } = error as Error;
  if (error instanceof GatewayApiError) return { message, type: 'api_error', param: error.param, code: error.code };
  const own = error instanceof SealedCallError ? 'ogong_not_sealed' : 'ogong_stream_failed';
  const code = error instanceof ReceiptError ? 'ogong_check_failed' : own;
  return { message, type: 'api_error', param: null, code };
}

/** Server-sent events. The client pulls, so no more is read ahead than it takes. */
function streamEvents(chunks: CheckedStream<Chunk>): Response {
  const iterator = chunks[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const write = (text: string) => controller.enqueue(encoder.encode(`data: ${text}\n\n`));
      try {
        const { done, value } = await iterator.next();
        if (!done) return write(JSON.stringify(addChecks(value, chunks.checked?.replies)));
        write('[DONE]');
      } catch (error) {
        write(JSON.stringify({ error: describe(error) }));
      }
      controller.close();
    },
    async cancel() {
      await iterator.return?.();
    },
  });
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}
