import { describe, expect, it } from 'vitest';
import { ApiError } from '../../http/api-error.ts';
import { createResponsesDialect } from './responses-format.ts';

const dialect = createResponsesDialect({
  identity: { id: 'resp_1', created: 5, model: 'm' },
  asked: { instructions: 'Be brief.', store: true, metadata: { a: 'b' }, tools: [{ type: 'function', name: 'look' }] },
  namespaced: new Map([['mcp__notes__read', { name: 'read', namespace: 'mcp__notes' }]]),
  nowMs: () => 7_000,
  nameCall: (call) => `call_${call}`,
});
const usage = { promptTokens: 10, outputTokens: 3, cachedTokens: 4 };
const token = { bytes: new Uint8Array([73]), logprob: -1, alternatives: [] };
const items = [
  { id: 'rs_1_0', type: 'reasoning', status: 'completed', content: [{ type: 'reasoning_text', text: 'Hm.' }] },
  { id: 'msg_1_1', type: 'message', content: [{ type: 'output_text', text: 'I look.', logprobs: [{ token: 'I' }] }] },
  { id: 'fc_1_2', type: 'function_call', call_id: 'call_0', name: 'look', arguments: '{"at":1}' },
];

describe("answers of OpenAI's Responses API", () => {
  it('hold reasoning, text and calls as items, and say that nothing is stored', () => {
    const parts = { content: 'I look.', reasoning: 'Hm.', calls: [{ name: 'look', arguments: '{"at":1}' }] };
    const body = dialect.body({ parts, stopReason: 'stop-token', hasCalls: true, logprobs: [token] }, usage);
    expect(body).toMatchObject({
      ...{ id: 'resp_1', status: 'completed', completed_at: 7, store: false, instructions: 'Be brief.' },
      metadata: { a: 'b' },
      output: items,
      usage: { input_tokens: 10, input_tokens_details: { cached_tokens: 4 }, output_tokens: 3, total_tokens: 13 },
    });
  });

  it('name a function of a namespace as the request does', () => {
    const calls = [{ name: 'mcp__notes__read', arguments: '{}' }];
    const parts = { content: '', reasoning: '', calls };
    const { output } = dialect.body({ parts, stopReason: 'stop-token', hasCalls: true }, usage);
    expect(output).toMatchObject([{ type: 'function_call', name: 'read', namespace: 'mcp__notes', arguments: '{}' }]);
  });

  it('state every field of a function that the request left out', () => {
    const parts = { content: 'Hm.', reasoning: '', calls: [] };
    const body = dialect.body({ parts, stopReason: 'stop-token', hasCalls: false }, usage);
    expect(body.tools).toEqual([{ type: 'function', name: 'look', parameters: null, strict: null }]);
  });

  it('have a text, even an empty one', () => {
    const parts = { content: '', reasoning: '', calls: [] };
    const body = dialect.body({ parts, stopReason: 'length', hasCalls: false }, usage);
    expect(body).toMatchObject({
      ...{ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
      output: [{ type: 'message', status: 'incomplete', content: [{ text: '' }] }],
    });
  });

  it('stream item after item, numbered', () => {
    const writer = dialect.createWriter();
    const events = [
      ...writer.open(),
      ...writer.write({ pieces: [{ kind: 'reasoning', text: 'Hm.' }] }),
      // A token whose text comes later.
      ...writer.write({ pieces: [], logprobs: [token] }),
      ...writer.write({ pieces: [{ kind: 'content', text: 'I ' }], logprobs: [] }),
      ...writer.write({ pieces: [{ kind: 'content', text: 'look.' }] }),
      ...writer.write({ pieces: [{ kind: 'call', call: 0, name: 'look' }] }),
      ...writer.write({ pieces: [{ kind: 'arguments', call: 0, text: '{"at":1}' }] }),
      ...writer.end({ stopReason: 'stop-token', hasCalls: true }, usage, { ogong: {} }),
    ];
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, i) => i));
    expect(events.map(({ type, output_index }) => [type, output_index])).toEqual([
      ['response.created', undefined],
      ['response.in_progress', undefined],
      ['response.output_item.added', 0],
      ['response.content_part.added', 0],
      ['response.reasoning_text.delta', 0],
      ['response.reasoning_text.done', 0],
      ['response.content_part.done', 0],
      ['response.output_item.done', 0],
      ['response.output_item.added', 1],
      ['response.content_part.added', 1],
      ['response.output_text.delta', 1],
      ['response.output_text.delta', 1],
      ['response.output_text.done', 1],
      ['response.content_part.done', 1],
      ['response.output_item.done', 1],
      ['response.output_item.added', 2],
      ['response.function_call_arguments.delta', 2],
      ['response.function_call_arguments.done', 2],
      ['response.output_item.done', 2],
      ['response.completed', undefined],
    ]);
    expect(events.at(-1)?.response).toMatchObject({ output: items, ogong: {} });
  });

  it('fail with the earlier parts', () => {
    const writer = dialect.createWriter();
    writer.open();
    writer.write({ pieces: [{ kind: 'content', text: 'I' }] });
    const events = writer.fail(new ApiError('provider_failed', 'why'));
    expect(events).toMatchObject([
      { type: 'error', code: 'provider_failed', message: 'why', param: null },
      {
        type: 'response.failed',
        response: { status: 'failed', error: { code: 'server_error', message: 'why' }, output: [{ type: 'message' }] },
      },
    ]);
  });
});
