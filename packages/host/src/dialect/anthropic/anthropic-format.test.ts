import { describe, expect, it } from 'vitest';
import { ApiError } from '../../http/api-error.ts';
import { createAnthropicDialect } from './anthropic-format.ts';

const dialect = createAnthropicDialect({
  identity: { id: 'msg_1', created: 5, model: 'm' },
  requestId: 'r',
  stopSequences: ['x'],
  nameCall: (call) => `call_${call}`,
});
const usage = { promptTokens: 10, outputTokens: 3, cachedTokens: 4 };
const parts = { content: 'I look.', reasoning: 'Hm.', calls: [{ name: 'look', arguments: '{"at":1}' }] };

describe("Anthropic's answers", () => {
  it('hold thoughts, text and calls as blocks', () => {
    expect(dialect.body({ parts, stopReason: 'stop-token', hasCalls: true }, usage)).toMatchObject({
      ...{ id: 'msg_1', type: 'message', role: 'assistant', model: 'm' },
      content: [
        { type: 'thinking', thinking: 'Hm.' },
        { type: 'text', text: 'I look.' },
        { type: 'tool_use', id: 'call_0', name: 'look', input: { at: 1 } },
      ],
      ...{ stop_reason: 'tool_use', stop_sequence: null },
      usage: { input_tokens: 6, cache_read_input_tokens: 4, output_tokens: 3 },
    });
  });

  it.each([
    ['stop-token', 'end_turn', null],
    ['stop-string', 'stop_sequence', 'x'],
    ['length', 'max_tokens', null],
    ['context', 'model_context_window_exceeded', null],
  ] as const)('end by %s as %s', (stopReason, stop_reason, stop_sequence) => {
    const body = dialect.body({ parts: { ...parts, calls: [] }, stopReason, hasCalls: false }, usage);
    expect(body).toMatchObject({ stop_reason, stop_sequence });
  });

  it('have an empty input if a call was cut short', () => {
    const calls = [{ name: 'look', arguments: '{"at":' }];
    const body = dialect.body({ parts: { ...parts, calls }, stopReason: 'length', hasCalls: true }, usage);
    expect(body).toMatchObject({ stop_reason: 'max_tokens', content: [{}, {}, { input: {} }] });
  });

  it('keep all digits of the numbers that a model wrote', () => {
    const calls = [{ name: 'look', arguments: '{"at":12345678901234567890}' }];
    const body = dialect.body({ parts: { ...parts, calls }, stopReason: 'stop-token', hasCalls: true }, usage);
    expect(JSON.stringify(body)).toContain('"input":{"at":12345678901234567890}');
  });

  it('stream block after block', () => {
    const writer = dialect.createWriter();
    const events = [
      ...writer.open({ promptTokens: 9 }),
      ...writer.write({ pieces: [{ kind: 'reasoning', text: 'Hm.' }] }),
      ...writer.write({ pieces: [{ kind: 'content', text: 'I ' }] }),
      ...writer.write({ pieces: [{ kind: 'content', text: 'look.' }] }),
      ...writer.write({ pieces: [{ kind: 'call', call: 0, name: 'look' }] }),
      ...writer.write({ pieces: [{ kind: 'arguments', call: 0, text: '{"at":1}' }] }),
      ...writer.end({ stopReason: 'stop-token', hasCalls: true }, usage, { ogong: {} }),
    ];
    expect(events.map(({ type, index }) => [type, index])).toEqual([
      ['message_start', undefined],
      ['content_block_start', 0],
      ['content_block_delta', 0],
      ['content_block_stop', 0],
      ['content_block_start', 1],
      ['content_block_delta', 1],
      ['content_block_delta', 1],
      ['content_block_stop', 1],
      ['content_block_start', 2],
      ['content_block_delta', 2],
      ['content_block_stop', 2],
      ['message_delta', undefined],
      ['message_stop', undefined],
    ]);
    expect(events[0]).toMatchObject({ message: { usage: { input_tokens: 9, output_tokens: 0 } } });
    expect(events[4]?.content_block).toEqual({ type: 'text', text: '' });
    expect(events.at(-2)).toMatchObject({ delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 3 } });
    expect(events.at(-1)).toEqual({ type: 'message_stop', ogong: {} });
  });

  it.each([
    ['invalid_request', 'invalid_request_error'],
    ['invalid_api_key', 'authentication_error'],
    ['model_not_found', 'not_found_error'],
    ['body_too_large', 'request_too_large'],
    ['too_many_requests', 'rate_limit_error'],
    ['provider_busy', 'overloaded_error'],
    ['provider_timeout', 'timeout_error'],
    ['ogong_check_failed', 'api_error'],
  ] as const)('fail by %s as %s', (code, type) => {
    const [event] = dialect.createWriter().fail(new ApiError(code, 'why'));
    const details = { error_code: code };
    expect(event).toEqual({ type: 'error', error: { type, message: 'why', details }, request_id: 'r' });
  });
});
