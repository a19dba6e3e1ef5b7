import type { AssertSchema } from './openapi-document.ts';

/** What a server said to a client. */
interface WatchedAnswer {
  readonly path: string;
  readonly status: number;
  readonly isAnthropic: boolean;
  readonly isStream: boolean;
  readonly body: Promise<string>;
}

export interface WatchedFetch {
  readonly fetch: typeof fetch;
  /** Holds everything that was said since the last time against the document. @throws what differs. */
  check(assertSchema: AssertSchema): Promise<void>;
}

/** Passes calls on, and keeps what is answered. */
export function createWatchedFetch(): WatchedFetch {
  let answers: WatchedAnswer[] = [];
  return {
    async fetch(input, init) {
      const response = await fetch(input, init);
      const [mine, theirs] = response.body?.tee() ?? [null, null];
      answers.push({
        path: new URL(response.url).pathname.replace(/^\/v1\/models\/.*/, '/v1/models/:id'),
        status: response.status,
        isAnthropic: new Headers(init?.headers).has('anthropic-version'),
        isStream: response.headers.get('content-type')?.startsWith('text/event-stream') === true,
        body: new Response(mine).text(),
      });
      const { status, statusText, headers } = response;
      return new Response(theirs, { status, statusText, headers });
    },
    async check(assertSchema) {
      const watched = answers;
      answers = [];
      for (const { path, status, isAnthropic, isStream, body } of watched) {
        if (isAnthropic) continue;
        const schemas = SCHEMAS[path];
        if (schemas === undefined && status < 400) throw new Error(`no schema is named for ${path}`);
        for (const value of isStream ? readEvents(await body) : [JSON.parse(await body)]) {
          const name = status >= 400 ? 'ErrorResponse' : isStream ? schemas?.chunk : schemas?.body;
          assertSchema(name ?? '', BENT[path]?.(value, { isStream, status }) ?? value);
        }
      }
    },
  };
}

/** By path: the schema of a body, and of what a stream consists of. */
const SCHEMAS: Readonly<Record<string, { readonly body: string; readonly chunk?: string }>> = {
  '/v1/chat/completions': { body: 'CreateChatCompletionResponse', chunk: 'CreateChatCompletionStreamResponse' },
  '/v1/completions': { body: 'CreateCompletionResponse', chunk: 'CreateCompletionResponse' },
  '/v1/responses': { body: 'Response', chunk: 'ResponseStreamEvent' },
  '/v1/responses/input_tokens': { body: 'TokenCountsResource' },
  '/v1/embeddings': { body: 'CreateEmbeddingResponse' },
  '/v1/models': { body: 'ListModelsResponse' },
  '/v1/models/:id': { body: 'Model' },
};

function readEvents(text: string): unknown[] {
  const lines = text.split('\n').filter((line) => line.startsWith('data: ') && line !== 'data: [DONE]');
  return lines.map((line) => JSON.parse(line.slice('data: '.length)));
}

/** Where the document does not say what OpenAI answers. */
const BENT: Readonly<Record<string, (value: unknown, answer: { isStream: boolean; status: number }) => unknown>> = {
  '/v1/completions': (value, { isStream }) => (isStream ? finishChunk(value) : value),
  '/v1/embeddings': (value, { status }) => (status < 400 ? decodeVectors(value) : value),
};

/** Clients ask for base64, of which the document knows nothing. */
function decodeVectors(value: unknown): unknown {
  const { data } = value as { data: { embedding: string | number[] }[] };
  const decoded = data.map(({ embedding, ...more }) => ({
    ...more,
    embedding: typeof embedding === 'string' ? Array.from(Buffer.from(embedding, 'base64')) : embedding,
  }));
  return { ...(value as object), data: decoded };
}

/** The document has one schema for whole completions and chunks, which no stream meets: until the end a chunk has no finish reason. */
function finishChunk(chunk: unknown): unknown {
  const { choices } = chunk as { choices: { finish_reason: string | null }[] };
  const finished = choices.map((choice) => ({ ...choice, finish_reason: choice.finish_reason ?? 'stop' }));
  return { ...(chunk as object), choices: finished };
}
