import { expect, it } from 'vitest';
import { detectAnswerFormat } from './answer-format.ts';

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
  expect(detectAnswerFormat(template, '')).toEqual({ format: { calls, reasoning: 'none' }, hasOwnTools: true });
});

it.each([
  ['no tools', '{{ messages[0].content }}<|start_header_id|>'],
  ['tools, and no known family', `${LISTS}<|assistant|>`],
  ['parameters in tags', `${LISTS}<tool_call>\n<function=f>`],
])('lists tools by the protocol text if a template has %s', (_, template) => {
  expect(detectAnswerFormat(template, '')).toEqual({
    format: { calls: 'hermes', reasoning: 'none' },
    hasOwnTools: false,
  });
});

it.each([
  ['none', `${LISTS}<tool_call>`, 'assistant\n'],
  ['marked', `${LISTS}<tool_call></think>`, 'assistant\n'],
  ['marked', `${LISTS}<tool_call><think>`, 'assistant\n<think>\n\n</think>\n\n'],
  ['opened', `${LISTS}<tool_call><think>`, 'assistant\n<think>\n'],
  ['opened', '<think>', 'assistant<think>'],
  ['marked', `${LISTS}[TOOL_CALLS][THINK]`, '[/INST]'],
])('finds reasoning %s', (reasoning, template, rendered) => {
  expect(detectAnswerFormat(template, rendered).format.reasoning).toBe(reasoning);
});
