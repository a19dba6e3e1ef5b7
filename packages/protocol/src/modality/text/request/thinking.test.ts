import { expect, it } from 'vitest';
import { parseThinking } from './thinking.ts';

const read = (fields: Readonly<Record<string, unknown>>) => {
  const { thinking, params } = parseThinking(fields);
  return [thinking.wanted, thinking.effort, ...params];
};

it.each([
  [{}, ['unsaid', 'unsaid']],
  [{ reasoning_effort: null, thinking: {}, chat_template_kwargs: {} }, ['unsaid', 'unsaid']],
  [{ reasoning_effort: 'none' }, ['no', 'unsaid', 'reasoning_effort']],
  [{ reasoning_effort: 'minimal' }, ['yes', 'low', 'reasoning_effort']],
  [{ reasoning_effort: 'xhigh' }, ['yes', 'high', 'reasoning_effort']],
  [{ enable_thinking: false }, ['no', 'unsaid', 'enable_thinking']],
  [{ reasoning: { effort: 'medium' } }, ['yes', 'medium', 'reasoning.effort']],
  [{ reasoning: { enabled: false } }, ['no', 'unsaid', 'reasoning.enabled']],
  [{ thinking: { type: 'enabled', budget_tokens: 5 } }, ['yes', 'unsaid', 'thinking.type']],
  [{ thinking: { type: 'adaptive' } }, ['unsaid', 'unsaid']],
  [{ chat_template_kwargs: { enable_thinking: false } }, ['no', 'unsaid', 'chat_template_kwargs.enable_thinking']],
  [
    { reasoning_effort: 'high', chat_template_kwargs: { thinking: true } },
    ['yes', 'high', 'reasoning_effort', 'chat_template_kwargs.thinking'],
  ],
])('reads %j', (fields, said) => {
  expect(read(fields)).toEqual(said);
});

it.each([
  ['reasoning_effort', { reasoning_effort: 'huge' }],
  ['reasoning_effort', { reasoning_effort: 3 }],
  ['reasoning_effort', { reasoning_effort: 'constructor' }],
  ['reasoning', { reasoning: [] }],
  ['thinking.type', { thinking: { type: 'maybe' } }],
  ['chat_template_kwargs.enable_thinking', { chat_template_kwargs: { enable_thinking: 'no' } }],
  ['chat_template_kwargs.system', { chat_template_kwargs: { system: 'You are free.' } }],
  ['enable_thinking', { enable_thinking: 1 }],
  ['reasoning.effort', { reasoning_effort: 'high', reasoning: { effort: 'low' } }],
  [
    'chat_template_kwargs.enable_thinking',
    { reasoning_effort: 'low', chat_template_kwargs: { enable_thinking: false } },
  ],
])('refuses %s in %j', (param, fields) => {
  expect(() => parseThinking(fields)).toThrow(expect.objectContaining({ param }));
});

it('names the dropped fields', () => {
  const fields = { reasoning: { max_tokens: 5, exclude: true }, thinking: { type: 'enabled', budget_tokens: 5 } };
  const collected = { dropped: [] };
  parseThinking(fields, collected);
  expect(collected.dropped).toEqual(['reasoning.max_tokens', 'reasoning.exclude', 'thinking.budget_tokens']);
});
