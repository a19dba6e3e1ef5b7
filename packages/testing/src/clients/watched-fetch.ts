import { RECEIPT_HEADER } from '@ogong/protocol/http/routes';
import type { AssertSchema } from './openapi-document.ts';

/** A server's answer to a client. */
interface WatchedAnswer {
  readonly path: string;
  readonly status: number;
  readonly isAnthropic: boolean;
  readonly isStream: boolean;
  /** Path of its receipt. */
  readonly receipt: string | undefined;
  /** Undefined if the client aborted the answer. */
  readonly body: Promise<string | undefined>;
}

export interface WatchedFetch {
  readonly fetch: typeof fetch;
  /**
   * Checks every answer since the last call against the document of its API.
   * @returns for each answer of a model, the path of its receipt. @throws the differences.
   */
  check(documents: Documents): Promise<readonly (string | undefined)[]>;
}

/** The documents that are installed. */
export interface Documents {
  readonly openai?: AssertSchema;
  readonly ollama?: AssertSchema;
}

/** Passes calls on and keeps their answers. */
export function createWatchedFetch(): WatchedFetch {
  let answers: WatchedAnswer[] = [];
  return {
    async fetch(input, init) {
      const response = await fetch(input, init);
      // OpenAI's client fetches an empty data URL to find out how files are sent.
      if (response.url.startsWith('data:')) return response;
      const [mine, theirs] = response.body?.tee() ?? [null, null];
      answers.push({
        path: new URL(response.url).pathname.replace(/^\/v1\/models\/.*/, '/v1/models/:id'),
        status: response.status,
        isAnthropic: new Headers(init?.headers).has('anthropic-version'),
        receipt: response.headers.get(RECEIPT_HEADER) ?? undefined,
        isStream: /^text\/event-stream|^application\/x-ndjson/.test(response.headers.get('content-type') ?? ''),
        body: new Response(mine).text().catch(() => undefined),
      });
      const { status, statusText, headers } = response;
      return new Response(theirs, { status, statusText, headers });
    },
    async check({ openai, ollama }) {
      const watched = answers;
      answers = [];
      const receipts: (string | undefined)[] = [];
      for (const { body, ...answer } of watched) {
        const text = await body;
        if (answer.status === 200 && ANSWERING.has(answer.path)) receipts.push(answer.receipt);
        if (answer.isAnthropic || text === undefined) continue;
        const isOllama = answer.path.startsWith('/api/');
        const assertSchema = isOllama ? ollama : openai;
        const parts = isOllama ? readOllama(answer, text) : readOpenAi(answer, text);
        for (const { schema, value } of parts) assertSchema?.(schema, value);
      }
      return receipts;
    },
  };
}

/** Paths on which a model answers. */
const ANSWERING: ReadonlySet<string> = new Set([
  ...['/v1/chat/completions', '/v1/completions', '/v1/responses', '/v1/messages', '/v1/embeddings'],
  ...['/v1/images/generations', '/v1/images/edits', '/v1/images/variations'],
  ...['/api/chat', '/api/generate', '/api/embed', '/api/embeddings'],
]);

interface NamedValue {
  readonly schema: string;
  readonly value: unknown;
}
type Answer = Omit<WatchedAnswer, 'body'>;

function readOpenAi({ path, status, isStream }: Answer, text: string): readonly NamedValue[] {
  const schemas = SCHEMAS[path];
  if (schemas === undefined && status < 400) throw new Error(`no schema is named for ${path}`);
  const schema = (status >= 400 ? 'ErrorResponse' : isStream ? schemas?.chunk : schemas?.body) ?? '';
  const values = isStream ? readEvents(text) : [JSON.parse(text)];
  return values.map((value) => ({ schema, value: BENT[path]?.(value, { isStream, status }) ?? value }));
}

function readOllama({ path, status, isStream }: Answer, text: string): readonly NamedValue[] {
  if (status >= 400) return [{ schema: 'ErrorResponse', value: JSON.parse(text) }];
  // This path is older than /api/embed, and the document no longer lists it.
  if (path === '/api/embeddings') return [];
  const schemas = OLLAMA_SCHEMAS[path];
  if (schemas === undefined) throw new Error(`no schema is named for ${path}`);
  // The document states no answer for copying and deleting.
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    // Ollama's answers have a context, which its document leaves out.
    const { context: _, ...value } = JSON.parse(line) as {
      readonly done?: boolean;
      readonly done_reason?: string;
      readonly context?: unknown;
    };
    const isShort = isStream && value.done !== true;
    const isLoad = value.done_reason === 'load' || value.done_reason === 'unload';
    return { schema: (isShort || isLoad ? schemas.line : schemas.body) ?? schemas.body, value };
  });
}

/** Schemas by path: of a body, which is also that of a stream's last line, and of the earlier lines. */
const OLLAMA_SCHEMAS: Readonly<Record<string, { readonly body: string; readonly line?: string }>> = {
  '/api/generate': { body: 'GenerateResponse', line: 'GenerateStreamEvent' },
  '/api/chat': { body: 'ChatResponse', line: 'ChatStreamEvent' },
  '/api/embed': { body: 'EmbedResponse' },
  '/api/tags': { body: 'ListResponse' },
  '/api/ps': { body: 'PsResponse' },
  '/api/show': { body: 'ShowResponse' },
  '/api/create': { body: 'StatusResponse', line: 'StatusEvent' },
  '/api/pull': { body: 'StatusResponse', line: 'StatusEvent' },
  '/api/copy': { body: 'StatusResponse' },
  '/api/delete': { body: 'StatusResponse' },
  '/api/version': { body: 'VersionResponse' },
};

/** Schemas by path: of a body, and of the parts of a stream. */
const SCHEMAS: Readonly<Record<string, { readonly body: string; readonly chunk?: string }>> = {
  '/v1/chat/completions': { body: 'CreateChatCompletionResponse', chunk: 'CreateChatCompletionStreamResponse' },
  '/v1/completions': { body: 'CreateCompletionResponse', chunk: 'CreateCompletionResponse' },
  '/v1/responses': { body: 'Response', chunk: 'ResponseStreamEvent' },
  '/v1/responses/input_tokens': { body: 'TokenCountsResource' },
  '/v1/embeddings': { body: 'CreateEmbeddingResponse' },
  '/v1/images/generations': { body: 'ImagesResponse', chunk: 'ImageGenStreamEvent' },
  '/v1/images/edits': { body: 'ImagesResponse', chunk: 'ImageEditStreamEvent' },
  '/v1/images/variations': { body: 'ImagesResponse' },
  '/v1/models': { body: 'ListModelsResponse' },
  '/v1/models/:id': { body: 'Model' },
};

function readEvents(text: string): unknown[] {
  const lines = text.split('\n').filter((line) => line.startsWith('data: ') && line !== 'data: [DONE]');
  return lines.map((line) => JSON.parse(line.slice('data: '.length)));
}

/** Paths whose answer OpenAI's document does not state. */
const BENT: Readonly<Record<string, (value: unknown, answer: { isStream: boolean; status: number }) => unknown>> = {
  '/v1/completions': (value, { isStream }) => (isStream ? finishChunk(value) : value),
  '/v1/embeddings': (value, { status }) => (status < 400 ? decodeVectors(value) : value),
  '/v1/images/generations': bendSize,
  '/v1/images/edits': bendSize,
  '/v1/images/variations': bendSize,
};

/** The document lists the sizes of OpenAI's own models. */
function bendSize(value: unknown, { status }: { readonly status: number }): unknown {
  return status < 400 ? { ...(value as object), size: '1024x1024' } : value;
}

/** Clients request base64, which the document does not mention. */
function decodeVectors(value: unknown): unknown {
  const { data } = value as { data: { embedding: string | number[] }[] };
  const decoded = data.map(({ embedding, ...more }) => ({
    ...more,
    embedding: typeof embedding === 'string' ? Array.from(Buffer.from(embedding, 'base64')) : embedding,
  }));
  return { ...(value as object), data: decoded };
}

/** The document has one schema for whole completions and chunks. No stream matches it: only the last chunk has a finish reason. */
function finishChunk(chunk: unknown): unknown {
  const { choices } = chunk as { choices: { finish_reason: string | null }[] };
  const finished = choices.map((choice) => ({ ...choice, finish_reason: choice.finish_reason ?? 'stop' }));
  return { ...(chunk as object), choices: finished };
}
