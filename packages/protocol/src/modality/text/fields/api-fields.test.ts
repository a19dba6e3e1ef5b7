import { describe, expect, it } from 'vitest';
import { utf8Encode } from '../../../base/bytes.ts';
import type { FieldRule } from '../../shared/field-rules.ts';
import { translateAnthropic } from '../dialect/anthropic-request.ts';
import { translateResponses } from '../dialect/responses-request.ts';
import { parseRequest } from '../request/request.ts';
import { ANSWER_FIELDS } from './answer-fields.ts';
import { TEXT_API_FIELDS } from './api-fields.ts';

const model = 'ogong/verified/test/m';
const messages = [{ role: 'user', content: 'hi' }];
const tool = { type: 'function', function: { name: 'f' } };
const call = { id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } };

const encode = (body: object): Uint8Array => utf8Encode(JSON.stringify(body));
const readChat = (extra: object) => parseRequest(encode({ model, messages, ...extra }), 'chat').dropped;
const readCompletion = (extra: object) => parseRequest(encode({ model, prompt: 'x', ...extra }), 'completion').dropped;
const readResponse = (extra: object) => translateResponses(encode({ model, input: 'x', ...extra })).dropped;
const readMessage = (extra: object) =>
  translateAnthropic(encode({ model, messages, max_tokens: 4, ...extra }), 'message').dropped;
/** The reference of a picture. */
const url = `ogong:media/${'00'.repeat(32)}`;
const readParts = (part: object) => readChat({ messages: [{ role: 'user', content: [part] }] });
/** A turn of the assistant before the last one. */
const answer = (content: readonly object[]) => [...messages, { role: 'assistant', content }, ...messages];

/** Sends an object of each table with one more field. */
const SENDERS: Readonly<Record<string, (field: object) => readonly string[]>> = {
  'POST /v1/chat/completions': readChat,
  'POST /v1/completions': readCompletion,
  ...Object.fromEntries(
    ['system', 'developer', 'user'].map((role) => [
      `A message of role \`${role}\``,
      (field: object) => readChat({ messages: [{ role, content: 'x', ...field }] }),
    ]),
  ),
  'A message of role `assistant`': (field) => readChat({ messages: [{ role: 'assistant', content: 'x', ...field }] }),
  'A message of role `tool`': (field) =>
    readChat({ messages: [{ role: 'tool', tool_call_id: 'a', content: 'x', ...field }] }),
  'A part of a content': (field) =>
    readChat({ messages: [{ role: 'user', content: [{ type: 'text', text: 'x', ...field }] }] }),
  'A part of type `image_url`': (field) => readParts({ type: 'image_url', image_url: { url }, ...field }),
  'The object image_url': (field) => readParts({ type: 'image_url', image_url: { url, ...field } }),
  'A call of a tool': (field) => readChat({ messages: [{ role: 'assistant', tool_calls: [{ ...call, ...field }] }] }),
  'The function of a call': (field) =>
    readChat({
      messages: [{ role: 'assistant', tool_calls: [{ ...call, function: { ...call.function, ...field } }] }],
    }),
  'A tool': (field) => readChat({ tools: [{ ...tool, ...field }] }),
  'The function of a tool': (field) => readChat({ tools: [{ ...tool, function: { name: 'f', ...field } }] }),
  'The object allowed_tools': (field) =>
    readChat({
      tools: [tool],
      tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [], ...field } },
    }),
  'response_format of type `text`': (field) => readChat({ response_format: { type: 'text', ...field } }),
  'response_format of type `json_object`': (field) => readChat({ response_format: { type: 'json_object', ...field } }),
  'response_format of type `json_schema`': (field) =>
    readChat({ response_format: { type: 'json_schema', json_schema: {}, ...field } }),
  'The object json_schema of response_format': (field) =>
    readChat({ response_format: { type: 'json_schema', json_schema: { name: 'x', ...field } } }),
  'The object structured_outputs': (field) => readChat({ structured_outputs: field }),
  'The object reasoning': (field) => readChat({ reasoning: field }),
  'The object thinking': (field) => readChat({ thinking: field }),
  'The object chat_template_kwargs': (field) => readChat({ chat_template_kwargs: field }),
  'The object stream_options': (field) => readChat({ stream: true, stream_options: field }),
  'The object usage': (field) => readChat({ usage: field }),
  'The object provider': (field) => readChat({ provider: field }),

  'POST /v1/responses': readResponse,
  'An item of type `message`': (field) => readResponse({ input: [{ role: 'user', content: 'x', ...field }] }),
  'An item of type `function_call`': (field) =>
    readResponse({ input: [{ type: 'function_call', call_id: 'a', name: 'f', arguments: '{}', ...field }] }),
  'An item of type `function_call_output`': (field) =>
    readResponse({ input: [{ type: 'function_call_output', call_id: 'a', output: 'x', ...field }] }),
  'An item of type `custom_tool_call`': (field) =>
    readResponse({ input: [{ type: 'custom_tool_call', call_id: 'a', name: 'f', input: 'x', ...field }] }),
  'An item of type `custom_tool_call_output`': (field) =>
    readResponse({ input: [{ type: 'custom_tool_call_output', call_id: 'a', output: 'x', ...field }] }),
  'An item of type `reasoning`': (field) => readResponse({ input: [{ type: 'reasoning', ...field }] }),
  'A part of type `input_image`': (field) =>
    readResponse({ input: [{ role: 'user', content: [{ type: 'input_image', image_url: url, ...field }] }] }),
  'A function': (field) => readResponse({ tools: [{ type: 'function', name: 'f', ...field }] }),
  'A tool of type `namespace`': (field) =>
    readResponse({ tools: [{ type: 'namespace', name: 'n', tools: [], ...field }] }),
  'The object text': (field) => readResponse({ text: field }),
  'The object text.format': (field) => readResponse({ text: { format: { type: 'text', ...field } } }),

  'POST /v1/messages': readMessage,
  'A message': (field) => readMessage({ messages: [{ role: 'user', content: 'x', ...field }] }),
  'A block of type `text`': (field) => readMessage({ system: [{ type: 'text', text: 'x', ...field }] }),
  'A block of type `compaction`': (field) =>
    readMessage({
      messages: [{ role: 'assistant', content: [{ type: 'compaction', content: 'x', ...field }] }, ...messages],
    }),
  'A block of type `image`': (field) =>
    readMessage({
      messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'base64', data: url }, ...field }] }],
    }),
  'The object source of a picture': (field) =>
    readMessage({
      messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'base64', data: url, ...field } }] }],
    }),
  'A block of type `thinking`': (field) =>
    readMessage({ messages: answer([{ type: 'thinking', thinking: 'x', ...field }]) }),
  'A block of type `tool_use`': (field) =>
    readMessage({ messages: answer([{ type: 'tool_use', id: 'a', name: 'f', input: {}, ...field }]) }),
  'A block of type `tool_result`': (field) =>
    readMessage({ messages: [{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', ...field }] }] }),
  'The object tool_choice': (field) => readMessage({ tool_choice: { type: 'auto', ...field } }),
  'The object output_config': (field) => readMessage({ output_config: field }),
  'The object output_config.format': (field) =>
    readMessage({ output_config: { format: { type: 'json_schema', schema: {}, ...field } } }),
};

/** Objects of the same name in several APIs. */
const OTHER_SENDERS: Readonly<Record<string, Readonly<Record<string, (field: object) => readonly string[]>>>> = {
  'Responses of OpenAI': {
    'A part of a content': (field) =>
      readResponse({ input: [{ role: 'user', content: [{ type: 'input_text', text: 'x', ...field }] }] }),
    'The object reasoning': (field) => readResponse({ reasoning: field }),
    'The object stream_options': (field) => readResponse({ stream: true, stream_options: field }),
  },
  'Messages of Anthropic': {
    'A tool': (field) => readMessage({ tools: [{ name: 'f', input_schema: {}, ...field }] }),
    'The object thinking': (field) => readMessage({ thinking: { type: 'enabled', ...field } }),
  },
};

const isRefused = (rule: FieldRule | undefined): boolean => typeof rule === 'object' && 'refused' in rule;
const isDropped = (rule: FieldRule): boolean => rule === 'dropped' || (typeof rule === 'object' && 'dropped' in rule);
/** A value that is neutral for no rule. */
const VALUE = { asks: 'for something' };

for (const [api, tables] of Object.entries(TEXT_API_FIELDS)) {
  describe.each(Object.entries(tables))(`${api}: %s`, (object, rules) => {
    const send = OTHER_SENDERS[api]?.[object] ?? SENDERS[object] ?? expect.fail(`no sender for ${object}`);
    const unlike = Object.entries(rules).filter(([key, rule]) => key !== '*' && rule !== 'works');

    it.each(unlike)('treats %s as its table says', (key, rule) => {
      if (isRefused(rule)) {
        expect(() => send({ [key]: VALUE })).toThrow(expect.objectContaining({ code: 'unsupported_parameter' }));
        return;
      }
      const named = send({ [key]: VALUE }).filter((name) => name === key || name.endsWith(`.${key}`));
      expect(named).toHaveLength(isDropped(rule) ? 1 : 0);
    });

    it('drops and names a field that no table has, or refuses it if the table says so', () => {
      if (isRefused(rules['*'])) expect(() => send({ made_up: 1 })).toThrow(/made_up/);
      else expect(send({ made_up: 1 })).toEqual([expect.stringMatching(/(^|\.)made_up$/)]);
    });
  });
}

describe('a field that changes the answer', () => {
  const bodies = Object.values(TEXT_API_FIELDS).flatMap((tables) =>
    Object.entries(tables).filter(([object]) => object.startsWith('POST ')),
  );

  it.each(bodies)('has a rule in %s, and is neither ignored nor dropped', (_, rules) => {
    const left = [...ANSWER_FIELDS].filter((name) => {
      const rule = rules[name];
      return rule === undefined || rule === 'ignored' || isDropped(rule);
    });
    expect(left).toEqual([]);
  });
});
