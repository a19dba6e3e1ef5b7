import { describe, expect, it } from 'vitest';
import { utf8Decode, utf8Encode } from '../../../base/bytes.ts';
import { translateAnthropic } from './anthropic-request.ts';

const user = { role: 'user', content: 'Hi' };
const asked = { model: 'm', max_tokens: 5, messages: [user] };
const translate = (body: object, use: 'message' | 'count' = 'message') => {
  const { body: chat, ...more } = translateAnthropic(utf8Encode(JSON.stringify(body)), use);
  return { chat: JSON.parse(utf8Decode(chat)), ...more };
};

describe('a message of Anthropic', () => {
  it('becomes a chat', () => {
    const settings = { temperature: 0.5, top_p: 0.9, top_k: 3, stream: true };
    expect(translate({ ...asked, ...settings, system: 'Be brief.', stop_sequences: ['x'] })).toEqual({
      chat: {
        model: 'm',
        messages: [{ role: 'system', content: 'Be brief.' }, user],
        max_tokens: 5,
        stop: ['x'],
        ...settings,
      },
      dropped: [],
      stopSequences: ['x'],
    });
  });

  it('gives the same bytes for the same fields in any order', () => {
    const one = translateAnthropic(utf8Encode(JSON.stringify(asked)), 'message').body;
    const { model, ...rest } = asked;
    expect(translateAnthropic(utf8Encode(JSON.stringify({ ...rest, model })), 'message').body).toEqual(one);
  });

  it('joins the texts of blocks', () => {
    const text = (words: string) => ({ type: 'text', text: words, cache_control: { type: 'ephemeral' } });
    const messages = [{ role: 'user', content: [text('a'), text('b')] }];
    const { chat } = translate({ ...asked, system: [text('x'), text('y')], messages });
    expect(chat.messages).toEqual([
      { role: 'system', content: 'xy' },
      { role: 'user', content: 'ab' },
    ]);
  });

  it('turns calls, results and thoughts into messages, in their order', () => {
    const { chat, dropped } = translate({
      ...asked,
      messages: [
        user,
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'Hm.', signature: '' },
            { type: 'redacted_thinking', data: 'x' },
            { type: 'text', text: 'I look.' },
            { type: 'tool_use', id: 'c1', name: 'look', input: { at: 'sky' } },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'c1', content: [{ type: 'text', text: 'blue' }], is_error: false },
            { type: 'text', text: 'So?' },
          ],
        },
      ],
    });
    expect(chat.messages.slice(1)).toEqual([
      {
        role: 'assistant',
        content: 'I look.',
        reasoning_content: 'Hm.',
        tool_calls: [{ id: 'c1', type: 'function', function: { name: 'look', arguments: '{"at":"sky"}' } }],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'blue' },
      { role: 'user', content: 'So?' },
    ]);
    expect(dropped).toEqual(['messages[1].content[1]', 'messages[2].content[0].is_error']);
  });

  const tool = { name: 'look', description: 'Looks.', input_schema: { type: 'object' } };
  it.each([
    [{ type: 'auto' }, { tool_choice: 'auto' }],
    [
      { type: 'any', disable_parallel_tool_use: true },
      { tool_choice: 'required', parallel_tool_calls: false },
    ],
    [{ type: 'none' }, { tool_choice: 'none' }],
    [{ type: 'tool', name: 'look' }, { tool_choice: { type: 'function', function: { name: 'look' } } }],
  ])('offers tools, with the choice %j', (tool_choice, expected) => {
    const { chat } = translate({ ...asked, tools: [tool], tool_choice });
    expect(chat).toMatchObject({
      tools: [{ type: 'function', function: { name: 'look', description: 'Looks.', parameters: { type: 'object' } } }],
      ...expected,
    });
  });

  it('requests JSON of a schema', () => {
    const format = { type: 'json_schema', schema: { type: 'object' } };
    const { chat, dropped } = translate({ ...asked, output_config: { format, effort: 'low' } });
    expect(chat.response_format).toEqual({
      type: 'json_schema',
      json_schema: { name: 'output', schema: format.schema },
    });
    expect([chat.reasoning_effort, dropped]).toEqual([undefined, ['output_config.effort']]);
  });

  it('names the dropped fields', () => {
    const { dropped } = translate({ ...asked, thinking: { type: 'enabled', budget_tokens: 1024 }, metadata: {} });
    expect(dropped).toEqual(['thinking.budget_tokens']);
  });

  it('translates the thinking effort', () => {
    const chatOf = (fields: object) => {
      const { thinking, reasoning_effort: effort } = translate({ ...asked, ...fields }).chat;
      return [thinking, effort];
    };
    const output_config = { effort: 'high' };
    expect(chatOf({ thinking: { type: 'enabled' }, output_config })).toEqual([{ type: 'enabled' }, 'high']);
    expect(chatOf({ thinking: { type: 'disabled' }, output_config })).toEqual([{ type: 'disabled' }, undefined]);
  });

  it.each([
    [{ thread: { type: 'create' } }, 'thread'],
    [{ context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] } }, 'context_management'],
    [{ mcp_servers: [{ type: 'url', name: 'x', url: 'https://x.example' }] }, 'mcp_servers'],
    [{ container: 'c' }, 'container'],
    [{ fallbacks: [{ model: 'x' }] }, 'fallbacks'],
    [{ messages: [{ ...user, name: 'x' }] }, 'messages[0].name'],
    [{ system: [{ type: 'text', text: 'a', x: 1 }] }, 'system[0].x'],
    [{ output_config: { task_budget: 5 } }, 'output_config.task_budget'],
    [{ tools: [{ name: 'f', input_schema: {}, defer_loading: true }] }, 'tools[0].defer_loading'],
    [{ tools: [{ type: 'web_search_20250305', name: 'web_search' }] }, 'tools[0]'],
    [
      {
        tools: [
          { name: 'f', input_schema: {} },
          { type: 'bash_20250124', name: 'bash' },
        ],
      },
      'tools[1]',
    ],
  ])('drops and names what changes no answer: %j', (extra, param) => {
    expect(translate({ ...asked, ...extra }).dropped).toEqual([param]);
  });

  it.each([
    ...['server_tool_use', 'web_search_tool_result', 'bash_code_execution_tool_result', 'mcp_tool_result', 'fallback'],
    ...['tool_reference', 'compaction'],
  ])('drops and names a block of type %s, which another server wrote for itself', (type) => {
    const content = [
      { type, content: 'Summary.' },
      { type: 'text', text: 'Yes' },
    ];
    const { chat, dropped } = translate({ ...asked, messages: [user, { role: 'assistant', content }, user] });
    expect(chat.messages).toEqual([user, { role: 'assistant', content: 'Yes' }, user]);
    expect(dropped).toEqual(['messages[1].content[0]']);
  });

  it('reads the summary of messages that are not there', () => {
    const summary = { role: 'assistant', content: [{ type: 'compaction', content: 'We met.' }] };
    const { chat, dropped } = translate({ ...asked, messages: [summary, user] });
    expect([chat.messages, dropped]).toEqual([[{ role: 'assistant', content: 'We met.' }, user], []]);
  });

  it.each([[[]], [[{ type: 'tool_addition' }]], ['']])(
    'drops and names a message of the system without a text',
    (content) => {
      const { chat, dropped } = translate({ ...asked, messages: [user, { role: 'system', content }] });
      expect([chat.messages, dropped.at(-1)]).toEqual([[user], 'messages[1]']);
    },
  );

  it('keeps the pictures of a tool, and drops references to tools', () => {
    const data = `ogong:media/${'0a'.repeat(32)}`;
    const shown = [
      { type: 'text', text: 'Read' },
      { type: 'image', source: { type: 'base64', data } },
      { type: 'tool_reference', tool_name: 'x' },
    ];
    const content = [{ type: 'tool_result', tool_use_id: 'a', content: shown }];
    const { chat, dropped } = translate({ ...asked, messages: [{ role: 'user', content }] });
    expect(chat.messages).toEqual([
      {
        ...{ role: 'tool', tool_call_id: 'a' },
        content: [
          { type: 'text', text: 'Read' },
          { type: 'image_url', image_url: { url: data } },
        ],
      },
    ]);
    expect(dropped).toEqual(['messages[0].content[0].content[2]']);
  });

  it('takes cache_control in every block without a word', () => {
    const cache_control = { type: 'ephemeral' };
    const text = { type: 'text', text: 'x', cache_control };
    const messages = [
      { role: 'user', content: [text] },
      { role: 'assistant', content: [text, { type: 'tool_use', id: 'a', name: 'f', input: {}, cache_control }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: [text], cache_control }] },
    ];
    const tools = [{ name: 'f', input_schema: {}, cache_control }];
    expect(translate({ ...asked, messages, tools, system: [text], cache_control }).dropped).toEqual([]);
  });

  it('keeps texts and pictures of the user in their order', () => {
    const data = `ogong:media/${'0a'.repeat(32)}`;
    const picture = { type: 'image', source: { type: 'base64', media_type: 'image/png', data } };
    const content = [{ type: 'text', text: 'Before' }, picture, { type: 'text', text: 'after' }];
    expect(translate({ ...asked, messages: [{ role: 'user', content }] }).chat.messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Before' },
          { type: 'image_url', image_url: { url: data } },
          { type: 'text', text: 'after' },
        ],
      },
    ]);
  });

  it('passes on what only other servers document, and the earlier name of a form', () => {
    const schema = { type: 'object' };
    const more = { seed: 3, min_p: 0.1, presence_penalty: 1, output_format: { type: 'json_schema', schema } };
    const { chat, dropped } = translate({ ...asked, ...more });
    expect([chat.seed, chat.min_p, chat.presence_penalty, dropped]).toEqual([3, 0.1, 1, []]);
    expect(chat.response_format).toEqual({ type: 'json_schema', json_schema: { name: 'output', schema } });
    const twice = { ...asked, ...more, output_config: { format: more.output_format } };
    expect(() => translate(twice)).toThrow('output_format: use output_config.format');
  });

  it('asks for strict arguments as a chat does', () => {
    const tools = [{ name: 'f', input_schema: {}, strict: true }];
    expect(translate({ ...asked, tools }).chat.tools).toEqual([
      { type: 'function', function: { name: 'f', parameters: {}, strict: true } },
    ]);
  });

  it('needs no limit for a token count', () => {
    const { max_tokens: _, ...count } = asked;
    expect(translate(count, 'count').chat).toEqual(count);
  });

  const image = { type: 'image', source: { type: 'url', url: 'https://example.org/a.png' } };
  it.each([
    [{ max_tokens: null }, 'max_tokens', null],
    [{ messages: [] }, 'messages', null],
    [{ messages: [{ role: 'user', content: [image] }] }, 'messages[0].content[0].source.url', 'unsupported_media_url'],
    [{ messages: [{ role: 'user', content: [] }] }, 'messages[0].content', null],
    [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].role', null],
    [{ messages: [user, { role: 'assistant', content: 'I' }] }, 'messages', 'unsupported_parameter'],
    [{ messages: [{ role: 'user', content: '\ud800' }] }, 'messages[0].content', null],
    [{ system: [image] }, 'system[0]', 'unsupported_content'],
    [{ stop_sequences: ['a', 'b', 'c', 'd', 'e'] }, 'stop_sequences', null],
    [{ tools: [{ type: 5 }] }, 'tools[0].type', null],
    [{ tool_choice: { type: 'auto', x: 1 } }, 'tool_choice.x', 'unsupported_parameter'],
    [{ inference_geo: 'us' }, 'inference_geo', 'unsupported_parameter'],
    [{ compaction: { type: 'summarize' } }, 'compaction', 'unsupported_parameter'],
    [{ thread: { type: 'continue', previous_message_id: 'msg_1' } }, 'thread', 'thread_not_found'],
    [{ thread: { type: 'fork' } }, 'thread.type', null],
    [{ max_new_tokens: 4 }, 'max_new_tokens', 'unsupported_parameter'],
    [{ tools: [{ name: 'f', input_schema: {}, strict: 1 }] }, 'tools[0].strict', null],
    [{ tools: [{ name: 'x' }] }, 'tools[0].input_schema', null],
    [{ tool_choice: { type: 'most' } }, 'tool_choice.type', null],
    [{ output_config: { format: { type: 'xml' } } }, 'output_config.format.type', null],
  ])('is refused with %j', (bad, param, code) => {
    expect(() => translate({ ...asked, ...bad })).toThrow(expect.objectContaining({ param, code }));
  });
});
