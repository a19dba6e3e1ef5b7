import { expect, it } from 'vitest';
import { readReportedCase } from './reported-case.ts';

/** The right answer to a reported case. */
export interface ExpectedAnswer {
  readonly status: number;
  /** Values of response headers. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Returns the part of the body that decides: of JSON, or of a text. */
  // biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes, looked at field by field
  readonly read?: (body: any) => unknown;
  /** That part as it has to be. */
  readonly part?: unknown;
}

/** The kinds of models that a case may ask for. Each place names its own. */
export type CaseModel = 'text' | 'large' | 'embedder' | 'seer';

export interface ReportedCase {
  /** Default: `text`. */
  readonly model?: CaseModel;
  /** The answer of local mode; absent if it is not asked, or asked by a test of its own. */
  readonly local?: ExpectedAnswer;
  readonly gateway?: ExpectedAnswer;
}

const both = (answer: ExpectedAnswer, more: Partial<ReportedCase> = {}): ReportedCase => ({
  local: answer,
  gateway: answer,
  ...more,
});
const ignored = (names: string): ExpectedAnswer => ({ status: 200, headers: { 'x-ogong-ignored': names } });
const refused = (param: string): ExpectedAnswer => ({ status: 400, read: ({ error }) => error.param, part: param });

/** The right answer to every reported case, by its name. */
export const EXPECTED_ANSWERS: Readonly<Record<string, ReportedCase>> = {
  'anthropic-citations-null': both({
    status: 200,
    read: ({ content: [block] }) => [block.type, 'citations' in block],
    part: ['text', false],
  }),
  'anthropic-compaction-request': both({
    status: 400,
    read: ({ error }) => /^compaction: /.test(error.message),
    part: true,
  }),
  'anthropic-history-server-tools': both(ignored('messages[1].content[0], messages[1].content[1]')),
  'anthropic-stream-no-input-tokens': both({
    status: 200,
    read: (events: string) => /"type":"message_start".*"input_tokens":[1-9]/.test(events),
    part: true,
  }),
  'anthropic-thread': both(ignored('thread')),
  'anthropic-thread-continue': both({
    status: 404,
    read: ({ error }) => [error.type, error.details],
    part: ['not_found_error', { error_code: 'thread_not_found' }],
  }),
  'anthropic-tool-result-image': { model: 'seer', local: { status: 200 } },
  'base-url-without-v1': both({
    status: 404,
    read: ({ error }) => /use POST \/v1\/chat\/completions\b/.test(error.message),
    part: true,
  }),
  'chat-forced-tool-not-branch': both(
    {
      status: 200,
      read: ({ choices: [{ message }] }) =>
        message.tool_calls.map(({ function: { name } }: { function: { name: string } }) => name),
      part: ['t'],
    },
    { model: 'large' },
  ),
  'chat-json-schema-empty': both(refused('json_schema')),
  'chat-n-predict': both(refused('n_predict')),
  'chat-web-search-empty': both(refused('web_search_options')),
  'gateway-embedding-of-text-model': {
    gateway: { status: 400, read: ({ error }) => / does not support embeddings$/.test(error.message), part: true },
  },
  'gateway-max-tokens-above-context': {
    gateway: { status: 200, headers: { 'x-ogong-clamped': 'max_tokens=4096' } },
  },
  // A test of local mode sends it, since `fetch` writes the host itself.
  'host-local-and-lan': {},
  // Its model is of local mode alone.
  'images-n-10': { local: { status: 200, read: ({ data }) => data.length, part: 10 } },
  'models-context-length': both({
    status: 200,
    read: ({ data }) => data.every(({ context_length: length }: { context_length: number }) => length > 0),
    part: true,
  }),
  'ollama-embed-truncate': {
    model: 'embedder',
    local: { status: 200, headers: { 'x-ogong-clamped': 'input=256' } },
  },
  'ollama-repeat-penalty': { local: { status: 200, read: ({ eval_count: count }) => count, part: 2 } },
  'ollama-tags-without-tag': {
    local: {
      status: 200,
      read: ({ models }) => models.every(({ name }: { name: string }) => name.endsWith(':latest')),
      part: true,
    },
  },
  'ollama-unknown-top-level': { local: ignored('temperature, max_output_tokens') },
  'openai-embed-257': {
    model: 'embedder',
    local: { status: 200, read: ({ data, ogong }) => [data.length, ogong.receipts.length], part: [257, 2] },
  },
  'openai-embed-token-arrays': { model: 'embedder', local: { status: 200, read: ({ data }) => data.length, part: 2 } },
  'openai-prompt-too-long': both({
    status: 400,
    read: ({ error }) => error.code,
    part: 'context_length_exceeded',
  }),
  // Tests of local mode and of models look at the name that is looked up.
  'pull-names': {},
  'pull-ud-quant': {},
  'responses-built-in-and-custom-tools': both(ignored('tools[1], tools[2]')),
  'responses-function-output-image': { model: 'seer', local: { status: 200 } },
  'responses-namespace-tools': both(
    {
      status: 200,
      read: ({ output: [{ type, name, namespace }] }) => [type, name, namespace],
      part: ['function_call', 'read_note', 'mcp__notes'],
    },
    { model: 'large' },
  ),
  // The fake network's providers write no text of a pattern.
  'schema-format-beside-pattern': { model: 'large', local: ignored('response_format.format') },
  'vision-24-megapixels': { model: 'seer', local: { status: 200 } },
  'vision-base64-lines': { model: 'seer', local: { status: 200 } },
};

/** Declares one test for each case that a place answers. */
export function testReportedCases(
  place: 'local' | 'gateway',
  { url, models }: { readonly url: () => string; readonly models: Readonly<Partial<Record<CaseModel, string>>> },
): void {
  const rows = Object.entries(EXPECTED_ANSWERS).flatMap(([name, { model = 'text', [place]: answer }]) =>
    answer === undefined ? [] : [[name, models[model] ?? expect.fail(`no model ${model}`), answer] as const],
  );
  it.each(rows)('has the right answer: %s', async (name, model, { status, headers = {}, read, part }) => {
    const { path, init } = readReportedCase(name, model);
    const response = await fetch(`${url()}${path}`, init);
    const text = await response.text();
    expect([response.status, response.status === status ? '' : text]).toEqual([status, '']);
    expect(Object.fromEntries(response.headers)).toEqual(expect.objectContaining(headers));
    const isJson = response.headers.get('content-type')?.startsWith('application/json');
    expect(read?.(isJson ? JSON.parse(text) : text)).toEqual(part);
  });
}
