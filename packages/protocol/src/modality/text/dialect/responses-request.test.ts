import { describe, expect, it } from 'vitest';
import { utf8Decode, utf8Encode } from '../../../base/bytes.ts';
import { listNamespaced } from './namespaces.ts';
import { translateResponses } from './responses-request.ts';

const asked = { model: 'm', input: 'Hi' };
const translate = (body: object) => {
  const { body: chat, ...more } = translateResponses(utf8Encode(JSON.stringify(body)));
  return { chat: JSON.parse(utf8Decode(chat)), ...more };
};
const call = { type: 'function_call', call_id: 'c1', name: 'look', arguments: '{}' };
const written = { id: 'c1', type: 'function', function: { name: 'look', arguments: '{}' } };

describe('a request for a response', () => {
  it('becomes a chat', () => {
    const body = { ...asked, instructions: 'Be brief.', max_output_tokens: 7, temperature: 0, top_p: 1, stream: true };
    expect(translate({ ...body, metadata: { a: 'b' }, truncation: 'disabled', store: false })).toMatchObject({
      chat: {
        model: 'm',
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'Hi' },
        ],
        max_completion_tokens: 7,
        temperature: 0,
        top_p: 1,
        stream: true,
      },
      dropped: [],
    });
  });

  it('accepts items, and joins one turn of the assistant to one message', () => {
    const part = (type: string, text: string) => ({ type, text });
    const { chat } = translate({
      ...asked,
      input: [
        { role: 'developer', content: 'Be brief.' },
        { type: 'message', role: 'user', content: [part('input_text', 'a'), part('input_text', 'b')] },
        { type: 'reasoning', id: 'r', summary: [], content: [part('reasoning_text', 'Hm.')] },
        { type: 'message', id: 'i', status: 'completed', role: 'assistant', content: [part('output_text', 'I look.')] },
        call,
        { ...call, call_id: 'c2' },
        { type: 'function_call_output', call_id: 'c1', output: 'blue' },
        { type: 'function_call_output', call_id: 'c2', output: [part('input_text', 'red')] },
        { role: 'assistant', content: 'x' },
        { role: 'assistant', content: 'y' },
      ],
    });
    expect(chat.messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'ab' },
      {
        role: 'assistant',
        content: 'I look.',
        reasoning_content: 'Hm.',
        tool_calls: [written, { ...written, id: 'c2' }],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'blue' },
      { role: 'tool', tool_call_id: 'c2', content: 'red' },
      { role: 'assistant', content: 'x' },
      { role: 'assistant', content: 'y' },
    ]);
  });

  it('offers functions in their flat form', () => {
    const { chat } = translate({
      ...asked,
      tools: [{ type: 'function', name: 'look', parameters: { type: 'object' }, strict: true, description: null }],
      tool_choice: { type: 'function', name: 'look' },
    });
    const named = { name: 'look', parameters: { type: 'object' }, strict: true };
    expect(chat).toMatchObject({
      tools: [{ type: 'function', function: named }],
      tool_choice: { type: 'function', function: { name: 'look' } },
    });
    expect(chat.tools[0].function).toEqual(named);
  });

  it.each([
    [{ type: 'text' }, undefined],
    [{ type: 'json_object' }, { type: 'json_object' }],
    [
      { type: 'json_schema', name: 'x', schema: { type: 'object' }, strict: true },
      { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object' }, strict: true } },
    ],
  ])('requests the format %j', (format, expected) => {
    expect(translate({ ...asked, text: { format } }).chat.response_format).toEqual(expected);
  });

  it('requests log-probabilities if they are included', () => {
    expect(translate({ ...asked, top_logprobs: 2 }).chat).not.toHaveProperty('logprobs');
    const include = ['message.output_text.logprobs'];
    expect(translate({ ...asked, top_logprobs: 2, include }).chat).toMatchObject({ logprobs: true, top_logprobs: 2 });
  });

  it('names the tools that may be called', () => {
    const choice = { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'look' }] };
    expect(translate({ ...asked, tool_choice: choice }).chat.tool_choice).toEqual({
      type: 'allowed_tools',
      allowed_tools: { mode: 'auto', tools: [{ type: 'function', function: { name: 'look' } }] },
    });
  });

  it('names the dropped fields, the request for storage among them', () => {
    const body = { ...asked, store: true, reasoning: { effort: 'low', summary: 'auto' }, text: { verbosity: 'low' } };
    const { chat, dropped } = translate({ ...body, include: ['reasoning.encrypted_content'] });
    expect(chat.reasoning_effort).toBe('low');
    expect(dropped).toEqual(['store', 'include.reasoning.encrypted_content', 'reasoning.summary', 'text.verbosity']);
  });

  it('offers the functions of a namespace one by one, and reads calls and choices of them', () => {
    const inside = { type: 'function', name: 'read', description: 'Reads.', parameters: {} };
    const tools = [
      { type: 'namespace', name: 'mcp__notes', description: 'Notes.', tools: [inside, { type: 'custom', name: 'w' }] },
    ];
    const input = [
      { role: 'user', content: 'x' },
      { type: 'function_call', call_id: 'a', name: 'read', namespace: 'mcp__notes', arguments: '{}' },
      { type: 'function_call_output', call_id: 'a', namespace: 'mcp__notes', output: 'y' },
    ];
    const name = 'mcp__notes__read';
    const tool_choice = { type: 'function', name: 'read', namespace: 'mcp__notes' };
    const { chat, dropped } = translate({ ...asked, tools, input, tool_choice });
    expect(chat.tools).toEqual([{ type: 'function', function: { name, description: 'Reads.', parameters: {} } }]);
    expect(chat.messages[1]).toMatchObject({ tool_calls: [{ id: 'a', function: { name, arguments: '{}' } }] });
    expect(chat.tool_choice).toEqual({ type: 'function', function: { name } });
    expect(dropped).toEqual(['tools[0].description', 'tools[0].tools[1]']);
    expect([...listNamespaced(tools)]).toEqual([[name, { name: 'read', namespace: 'mcp__notes' }]]);
  });

  it('keeps the pictures of a function', () => {
    const url = `ogong:media/${'0a'.repeat(32)}`;
    const output = [
      { type: 'input_text', text: 'Seen' },
      { type: 'input_image', image_url: url },
    ];
    const { chat } = translate({ ...asked, input: [{ type: 'function_call_output', call_id: 'a', output }] });
    expect(chat.messages.at(-1)).toEqual({
      ...{ role: 'tool', tool_call_id: 'a' },
      content: [
        { type: 'text', text: 'Seen' },
        { type: 'image_url', image_url: { url } },
      ],
    });
  });

  it('passes on what only other servers document', () => {
    const more = { stop: ['x'], top_k: 5, seed: 3, logit_bias: { 1: 2 } };
    expect(translate({ ...asked, ...more })).toMatchObject({ chat: more, dropped: [] });
  });

  const tool = { type: 'function', name: 'shell', parameters: {} };
  it.each([
    [{ truncation: 'auto' }, 'truncation'],
    [{ context_management: [{ type: 'compaction' }] }, 'context_management'],
    [{ prompt_cache_options: {} }, 'prompt_cache_options'],
    [{ include: ['everything'] }, 'include.everything'],
    [{ tools: [tool, { type: 'web_search' }] }, 'tools[1]'],
    [{ tools: [{ type: 'custom', name: 'apply_patch' }, tool] }, 'tools[0]'],
    [{ tools: [{ ...tool, x: 1 }] }, 'tools[0].x'],
    [{ tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'mcp' }] } }, 'tool_choice.tools[0]'],
    [
      {
        input: [
          { type: 'web_search_call', id: 'x' },
          { role: 'user', content: 'x' },
        ],
      },
      'input[0]',
    ],
    [{ input: [{ role: 'user', content: 'x', x: 1 }] }, 'input[0].x'],
    [
      {
        input: [
          { type: 'reasoning', encrypted_content: 'x' },
          { role: 'user', content: 'x' },
        ],
      },
      'input[0].encrypted_content',
    ],
    [{ text: { x: 1 } }, 'text.x'],
  ])('drops and names what changes no answer: %j', (extra, param) => {
    expect(translate({ ...asked, ...extra }).dropped).toEqual([param]);
  });

  it('has calls of tools without a schema as calls with one text', () => {
    const call = { type: 'custom_tool_call', call_id: 'c', name: 'apply_patch', input: 'a "patch"' };
    const output = { type: 'custom_tool_call_output', call_id: 'c', output: 'done' };
    const { chat, dropped } = translate({ ...asked, input: [call, output] });
    expect([chat.messages.slice(-2), dropped]).toEqual([
      [
        {
          ...{ role: 'assistant', content: null },
          tool_calls: [
            { id: 'c', type: 'function', function: { name: 'apply_patch', arguments: '{"input":"a \\"patch\\""}' } },
          ],
        },
        { role: 'tool', tool_call_id: 'c', content: 'done' },
      ],
      [],
    ]);
  });

  it('keeps texts and pictures of the user in their order', () => {
    const image_url = `ogong:media/${'0a'.repeat(32)}`;
    const content = [
      { type: 'input_text', text: 'Before' },
      { type: 'input_image', image_url, detail: 'auto' },
    ];
    expect(translate({ input: [{ role: 'user', content }] }).chat.messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Before' },
          { type: 'image_url', image_url: { url: image_url } },
        ],
      },
    ]);
  });

  it.each([
    [{ previous_response_id: 'resp_1' }, 'previous_response_id', 'unsupported_parameter'],
    [{ conversation: 'conv_1' }, 'conversation', 'unsupported_parameter'],
    [{ background: true }, 'background', 'unsupported_parameter'],
    [{ input: null }, 'input', null],
    [{ input: [] }, 'input', null],
    [{ input: [{ type: 'item_reference', id: 'x' }] }, 'input[0]', 'unsupported_parameter'],
    [
      { input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'x' }] }] },
      'input[0].content[0].image_url',
      'invalid_media',
    ],
    [{ input: [{ role: 'tool', content: 'x' }] }, 'input[0].role', null],
    [{ tool_choice: { type: 'mcp' } }, 'tool_choice', 'unsupported_parameter'],
    [{ tools: [{}] }, 'tools[0]', 'unsupported_parameter'],
    [{ input: [{ type: 'computer_call', id: 'x' }] }, 'input[0]', 'unsupported_content'],
    [{ include: [5] }, 'include[0]', null],
    [{ text: { format: { type: 'grammar' } } }, 'text.format.type', null],
  ])('is refused with %j', (bad, param, code) => {
    expect(() => translate({ ...asked, ...bad })).toThrow(expect.objectContaining({ param, code }));
  });
});
