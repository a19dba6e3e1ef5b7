import { expect, it } from 'vitest';
import { DEFAULT_FORMAT, detectAnswerFormat, listSpelledTokens, readAnswerFormat } from './answer-format.ts';

const LISTS = '{% if tools %}{{ tools | tojson }}{% endif %}';

it.each([
  ['hermes', `${LISTS}<tool_call>`],
  ['llama', `${LISTS}<|start_header_id|>`],
  ['llama', `${LISTS}<|python_tag|>`],
  ['mistral', `${LISTS}[TOOL_CALLS]`],
  ['deepseek', `${LISTS}<｜tool▁calls▁begin｜>`],
  ['gemma', `${LISTS}<start_function_call>`],
  ['gemma', `${LISTS}<|tool_call>`],
  ['kimi', `<|im_system|>tool_declare<|im_middle|>${LISTS}`],
  ['kimi', `${LISTS}<|tool_calls_section_begin|><|tool_call_begin|>`],
  ['pythonic', `${LISTS}<|start_header_id|>[func_name1(params_name1=params_value1), func_name2(params)]`],
  ['pythonic', `<|tool_list_start|>${LISTS}`],
  ['pythonic', `${LISTS}<|tool_call_start|>[`],
  ['harmony', `${LISTS}<|start|>assistant<|channel|>`],
])('recognises %s by its template', (calls, template) => {
  expect(detectAnswerFormat(template, '')).toEqual({ format: { ...DEFAULT_FORMAT, calls }, hasOwnTools: true });
});

it.each([
  ['no tools', '{{ messages[0].content }}<|start_header_id|>'],
  ['tools, and no known family', `${LISTS}<|assistant|>`],
  ['parameters in tags', `${LISTS}<tool_call>\n<function=f>`],
])('lists tools by the protocol text if a template has %s', (_, template) => {
  expect(detectAnswerFormat(template, '')).toEqual({
    format: DEFAULT_FORMAT,
    hasOwnTools: false,
  });
});

it.each([
  ['none', 'think', `${LISTS}<tool_call>`, 'assistant\n'],
  ['marked', 'think', `${LISTS}<tool_call></think>`, 'assistant\n'],
  ['marked', 'think', `${LISTS}<tool_call><think>`, 'assistant\n<think>\n\n</think>\n\n'],
  ['opened', 'think', `${LISTS}<tool_call><think>`, 'assistant\n<think>\n'],
  ['opened', 'think', '<think>', 'assistant<think>'],
  ['opened', 'think', "{{ '<' + 'think>' }}", 'assistant<think>'],
  ['marked', 'bracketed', `${LISTS}[TOOL_CALLS][THINK]`, '[/INST]'],
  // A family of calls has no marks of reasoning of its own.
  ['marked', 'think', `${LISTS}[TOOL_CALLS]<think>`, '[/INST]'],
  ['marked', 'channel', `${LISTS}<|tool_call>call:<|channel>thought\n<channel|>`, '<|turn>model\n'],
  ['marked', 'thinking', '<|START_THINKING|><|END_THINKING|>', '<|CHATBOT_TOKEN|><|START_THINKING|><|END_THINKING|>'],
  ['opened', 'thinking', '<|START_THINKING|><|END_THINKING|>', '<|CHATBOT_TOKEN|><|START_THINKING|>'],
  ['marked', 'seed', "{% set begin = '<seed:think>' %}", '<seed:bos>assistant\n'],
  ['marked', 'inner', "{% set inner_token = '<|inner_prefix|>' %}", '<|assistant_start|>'],
  ['marked', 'response', 'between <think></think> and <response></response>', '<|end_of_role|>'],
  ['opened', 'steps', '[BEGIN FINAL RESPONSE]', 'Here are my reasoning steps:\n'],
  // The prompt of a request goes before another mark in the text.
  ['opened', 'think', '<seed:think>', 'assistant<think>'],
])('finds reasoning %s between the marks %s', (reasoning, marks, template, rendered) => {
  expect(detectAnswerFormat(template, rendered).format).toMatchObject({ reasoning, marks });
});

it('spells the marks of calls and of reasoning', () => {
  expect(listSpelledTokens({ calls: 'llama', marks: 'channel' })).toEqual([
    ...['<|python_tag|>', '<|channel>', '<channel|>'],
  ]);
});

it('reads a format by its names, and refuses a second encoding of one', () => {
  const format = { calls: 'gemma', reasoning: 'marked', marks: 'channel' };
  expect(readAnswerFormat(format)).toEqual(format);
  for (const change of [{ calls: 'x' }, { reasoning: '' }, { marks: '' }, { reasoning: 'none' }]) {
    expect(() => readAnswerFormat({ ...format, ...change })).toThrow();
  }
});
