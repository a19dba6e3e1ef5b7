import { ProtocolError } from '../../../base/bytes.ts';

/** How a family of models writes calls of tools. */
export const CALL_FAMILIES = [
  'hermes',
  'llama',
  'mistral',
  'deepseek',
  'gemma',
  'harmony',
  'kimi',
  'pythonic',
] as const;
export type CallFamily = (typeof CALL_FAMILIES)[number];

/**
 * Where a reply says what the model thinks before it answers: nowhere, between marks of the reply, or from its first character
 * on, because the prompt ends with the opening mark.
 */
export const REASONING_PLACES = ['none', 'marked', 'opened'] as const;
export type ReasoningPlace = (typeof REASONING_PLACES)[number];

/** How replies of a model are read (docs/spec/answer.md). It follows from the model's chat template alone. */
export interface AnswerFormat {
  readonly calls: CallFamily;
  readonly reasoning: ReasoningPlace;
}

/** What a chat template says about answers. */
export interface TemplateFormat {
  readonly format: AnswerFormat;
  /** Whether the template itself lists tools; if not, a text of the protocol's does. */
  readonly hasOwnTools: boolean;
}

/** Of a model without a template. */
export const DEFAULT_FORMAT: AnswerFormat = { calls: 'hermes', reasoning: 'none' };

export const isSameFormat = (a: AnswerFormat, b: AnswerFormat): boolean =>
  a.calls === b.calls && a.reasoning === b.reasoning;

/** Whether replies may hold what the model thinks. */
export const mayThink = ({ calls, reasoning }: AnswerFormat): boolean => reasoning !== 'none' || calls === 'harmony';

/** A format by its names. @throws ProtocolError */
export function readAnswerFormat(names: { readonly calls: string; readonly reasoning: string }): AnswerFormat {
  const calls = CALL_FAMILIES.find((name) => name === names.calls);
  const reasoning = REASONING_PLACES.find((name) => name === names.reasoning);
  if (calls !== undefined && reasoning !== undefined) return { calls, reasoning };
  throw new ProtocolError('malformed', 'no answer format has these names');
}

/** What only templates of a family hold, in the order in which it is looked for. */
const SIGNS: readonly (readonly [CallFamily, RegExp])[] = [
  ['harmony', /<\|channel\|>/],
  ['mistral', /\[TOOL_CALLS\]/],
  ['deepseek', /<｜tool▁calls▁begin｜>/],
  ['kimi', /<\|tool_call_begin\|>|tool_declare<\|im_middle\|>/],
  ['gemma', /<start_function_call>|<\|tool_call>/],
  ['pythonic', /<\|tool_(?:call|list)_start\|>|\[func_name1\(/],
  ['hermes', /<tool_call>/],
  ['llama', /<\|python_tag\|>|<\|start_header_id\|>/],
];

/** Calls that name their parameters in tags: no parser here reads them. */
const TAGGED = /<function=|<parameter=|<arg_key>/;

/**
 * @param template the text of the chat template.
 * @param rendered what it makes of one message of a user; the end tells whether a reply begins inside the reasoning.
 */
export function detectAnswerFormat(template: string, rendered: string): TemplateFormat {
  const found = SIGNS.find(([, sign]) => sign.test(template));
  const listsTools = /\btools\b/.test(template) && !TAGGED.test(template);
  const calls = found !== undefined && (listsTools || found[0] === 'harmony') ? found[0] : undefined;
  return {
    format: { calls: calls ?? DEFAULT_FORMAT.calls, reasoning: detectReasoning(calls, template, rendered) },
    hasOwnTools: calls !== undefined && listsTools,
  };
}

function detectReasoning(calls: CallFamily | undefined, template: string, rendered: string): ReasoningPlace {
  // Its channels say it.
  if (calls === 'harmony') return 'none';
  const marks = getReasoningMarks(calls ?? DEFAULT_FORMAT.calls);
  if (rendered.trimEnd().endsWith(marks.open)) return 'opened';
  return template.includes(marks.open) || template.includes(marks.close) ? 'marked' : 'none';
}

export interface ReasoningMarks {
  readonly open: string;
  readonly close: string;
}

export const getReasoningMarks = (calls: CallFamily): ReasoningMarks =>
  calls === 'mistral' ? { open: '[THINK]', close: '[/THINK]' } : { open: '<think>', close: '</think>' };

/**
 * Names of tokens that a parser needs to see. Where they are control tokens, which spell nothing elsewhere, they spell their
 * names in replies of the family.
 */
export const SPELLED_TOKENS: Readonly<Record<CallFamily, readonly string[]>> = {
  hermes: ['<tool_call>', '</tool_call>', '<think>', '</think>'],
  llama: ['<|python_tag|>', '<think>', '</think>'],
  mistral: ['[TOOL_CALLS]', '[CALL_ID]', '[ARGS]', '[THINK]', '[/THINK]'],
  deepseek: [
    ...[
      '<｜tool▁calls▁begin｜>',
      '<｜tool▁call▁begin｜>',
      '<｜tool▁sep｜>',
      '<｜tool▁call▁end｜>',
      '<｜tool▁calls▁end｜>',
    ],
    ...['<think>', '</think>'],
  ],
  gemma: [
    ...['<start_function_call>', '<end_function_call>', '<escape>', '<|tool_call>', '<tool_call|>', '<|"|>'],
    ...['<think>', '</think>'],
  ],
  harmony: ['<|start|>', '<|end|>', '<|message|>', '<|channel|>', '<|constrain|>'],
  kimi: [
    ...['<|tool_calls_section_begin|>', '<|tool_calls_section_end|>'],
    ...['<|tool_call_begin|>', '<|tool_call_argument_begin|>', '<|tool_call_end|>'],
    ...['<think>', '</think>'],
  ],
  pythonic: [
    ...['<|tool_call_start|>', '<|tool_call_end|>', '<|python_start|>', '<|python_end|>'],
    ...['<think>', '</think>'],
  ],
};
