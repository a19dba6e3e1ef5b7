import { ProtocolError } from '../../../base/bytes.ts';

/** The syntax by which a family of models writes tool calls. */
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
 * The place of the reasoning in a reply: nowhere, between marks, or from the first character on. The last case occurs if the
 * prompt ends with the opening mark.
 */
export const REASONING_PLACES = ['none', 'marked', 'opened'] as const;
export type ReasoningPlace = (typeof REASONING_PLACES)[number];

/** The rules for parsing replies of a model (docs/spec/answer.md). They follow from the model's chat template alone. */
export interface AnswerFormat {
  readonly calls: CallFamily;
  readonly reasoning: ReasoningPlace;
}

/** The part of the answer format that a chat template determines. */
export interface TemplateFormat {
  readonly format: AnswerFormat;
  /** Whether the template itself lists tools. If not, a text of the protocol does. */
  readonly hasOwnTools: boolean;
}

/** The format for a model without a template. */
export const DEFAULT_FORMAT: AnswerFormat = { calls: 'hermes', reasoning: 'none' };

export const isSameFormat = (a: AnswerFormat, b: AnswerFormat): boolean =>
  a.calls === b.calls && a.reasoning === b.reasoning;

/** Returns whether replies may contain reasoning. */
export const mayThink = ({ calls, reasoning }: AnswerFormat): boolean => reasoning !== 'none' || calls === 'harmony';

/** Reads a format by its names. @throws ProtocolError */
export function readAnswerFormat(names: { readonly calls: string; readonly reasoning: string }): AnswerFormat {
  const calls = CALL_FAMILIES.find((name) => name === names.calls);
  const reasoning = REASONING_PLACES.find((name) => name === names.reasoning);
  if (calls !== undefined && reasoning !== undefined) return { calls, reasoning };
  throw new ProtocolError('malformed', 'no answer format has these names');
}

/** Signs that occur only in templates of one family, in the order of the search. */
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

/** Calls with parameters in tags, which no parser here supports. */
const TAGGED = /<function=|<parameter=|<arg_key>/;

/**
 * Detects the answer format of a template.
 * @param template the text of the chat template.
 * @param rendered its output for one user message. Its end tells whether a reply begins inside the reasoning.
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
  // Its channels mark the reasoning.
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
 * Names of tokens that a parser must see. Control tokens spell nothing elsewhere. In replies of the family they spell their
 * names.
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
