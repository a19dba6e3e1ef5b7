import { type AssertSchema, missingDocument, openDocument } from '@ogong/testing/clients/openapi-document';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const reason = missingDocument;

describe.skipIf(reason !== undefined)(`OpenAI's schemas${reason ? ` (${reason})` : ''}`, () => {
  let fixture: GatewayFixture;
  let assertSchema: AssertSchema;
  beforeAll(async () => {
    fixture = await createGatewayFixture();
    assertSchema = openDocument();
  });
  afterAll(() => fixture?.close());

  const post = (path: string, body: object): Promise<Response> =>
    fetch(`${fixture.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: FAKE_MODEL, ...body }),
    });
  async function readChunks(response: Response): Promise<unknown[]> {
    const lines = (await response.text()).split('\n').filter((line) => line.startsWith('data: '));
    expect(lines.pop()).toBe('data: [DONE]');
    return lines.map((line) => JSON.parse(line.slice(6)));
  }

  const messages = [{ role: 'user', content: 'Tell me a story' }];
  const variants = [{}, { logprobs: true, top_logprobs: 2 }, { n: 2 }, { max_tokens: 2 }, { stop: 'fox' }];

  it.each(variants)('hold for chat completions with %j', async (parameters) => {
    const response = await post('/v1/chat/completions', { messages, ...parameters });
    assertSchema('CreateChatCompletionResponse', await response.json());
    for (const stream_options of [undefined, { include_usage: true }]) {
      const streamed = await post('/v1/chat/completions', { messages, ...parameters, stream: true, stream_options });
      for (const chunk of await readChunks(streamed)) assertSchema('CreateChatCompletionStreamResponse', chunk);
    }
  });

  it.each([{}, { logprobs: 2 }, { n: 2 }, { max_tokens: 2 }])('hold for completions with %j', async (parameters) => {
    const response = await post('/v1/completions', { prompt: 'Tell me', ...parameters });
    assertSchema('CreateCompletionResponse', await response.json());
    const streamed = await post('/v1/completions', { prompt: 'Tell me', ...parameters, stream: true });
    for (const chunk of await readChunks(streamed)) assertStreamedCompletion(chunk);
  });

  /** The document has one schema for both, which no stream meets: until the end a chunk has no finish reason. */
  function assertStreamedCompletion(chunk: unknown): void {
    const { choices } = chunk as { choices: { finish_reason: string | null }[] };
    const finished = choices.map((choice) => ({ ...choice, finish_reason: choice.finish_reason ?? 'stop' }));
    assertSchema('CreateCompletionResponse', { ...(chunk as object), choices: finished });
  }

  it('hold for models and errors', async () => {
    assertSchema('ListModelsResponse', await (await fetch(`${fixture.url}/v1/models`)).json());
    assertSchema('Model', await (await fetch(`${fixture.url}/v1/models/${FAKE_MODEL}`)).json());
    for (const path of ['/v1/chat/completions', '/v1/completions', '/nothing']) {
      assertSchema('ErrorResponse', await (await post(path, { temperature: 9 })).json());
    }
  });

  it('are really asked: a wrong body fails them', () => {
    expect(() => assertSchema('CreateChatCompletionResponse', { id: 1 })).toThrow();
    expect(() => assertSchema('ResponseStreamEvent', { type: 'response.created', sequence_number: 0 })).toThrow();
    expect(() => assertSchema('ResponseStreamEvent', { type: 'response.invented' })).toThrow();
  });
});
