import { ProtocolError } from '../../../base/bytes.ts';
import { findMarks, MARKS_NAMES, type MarksName, REASONING_MARKS } from './reasoning-marks.ts';

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
  /** Without reasoning always `think`, so that each format has one encoding. */
  readonly marks: MarksName;
}

/** The part of the answer format that a chat template determines. */
export interface TemplateFormat {
  readonly format: AnswerFormat;
  /** Whether the template itself lists tools. If not, a text of the protocol does. */
  readonly hasOwnTools: boolean;
}

/** The format for a model without a template. */
export const DEFAULT_FORMAT: AnswerFormat = { calls: 'hermes', reasoning: 'none', marks: 'think' };

export const isSameFormat = (a: AnswerFormat, b: AnswerFormat): boolean =>
  a.calls === b.calls && a.reasoning === b.reasoning && a.marks === b.marks;

/** Returns whether replies may contain reasoning. */
export const mayThink = ({ calls, reasoning }: AnswerFormat): boolean => reasoning !== 'none' || calls === 'harmony';

/** Reads a format by its names. @throws ProtocolError */
export function readAnswerFormat(names: {
  readonly calls: string;
  readonly reasoning: string;
  readonly marks: string;
}): AnswerFormat {
  const calls = CALL_FAMILIES.find((name) => name === names.calls);
  const reasoning = REASONING_PLACES.find((name) => name === names.reasoning);
  const marks = MARKS_NAMES.find((name) => name === names.marks);
  if (calls === undefined || reasoning === undefined || marks === undefined) {
    throw new ProtocolError('malformed', 'no answer format has these names');
  }
  return assertOneEncoding({ calls, reasoning, marks });
}

/** @throws ProtocolError if a format without reasoning names marks of it. */
export function assertOneEncoding(format: AnswerFormat): AnswerFormat {
  if (format.reasoning !== 'none' || format.marks === DEFAULT_FORMAT.marks) return format;
  throw new ProtocolError('malformed', 'an answer format without reasoning names marks of it');
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
 * @param takesCalls whether it writes a call and the answer to it. Default: yes.
 */
export function detectAnswerFormat(template: string, rendered: string, takesCalls = true): TemplateFormat {
  const found = SIGNS.find(([, sign]) => sign.test(template));
  const listsTools = takesCalls && /\btools\b/.test(template) && !TAGGED.test(template);
  const calls = found !== undefined && (listsTools || found[0] === 'harmony') ? found[0] : undefined;
  return {
    format: { calls: calls ?? DEFAULT_FORMAT.calls, ...detectReasoning(calls, template, rendered) },
    hasOwnTools: calls !== undefined && listsTools,
  };
}

function detectReasoning(
  calls: CallFamily | undefined,
  template: string,
  rendered: string,
): Pick<AnswerFormat, 'reasoning' | 'marks'> {
  // Its channels mark the reasoning.
  const marks = calls === 'harmony' ? undefined : findMarks(template, rendered);
  if (marks === undefined) return { reasoning: 'none', marks: DEFAULT_FORMAT.marks };
  const isOpened = rendered.trimEnd().endsWith(REASONING_MARKS[marks].open);
  return { reasoning: isOpened ? 'opened' : 'marked', marks };
}

/** Marks of calls that are control tokens in some vocabularies. */
const CALL_TOKENS: Readonly<Record<CallFamily, readonly string[]>> = {
  hermes: ['<tool_call>', '</tool_call>'],
  llama: ['<|python_tag|>'],
  mistral: ['[TOOL_CALLS]', '[CALL_ID]', '[ARGS]'],
  deepseek: [
    '<｜tool▁calls▁begin｜>',
    '<｜tool▁call▁begin｜>',
    '<｜tool▁sep｜>',
    '<｜tool▁call▁end｜>',
    '<｜tool▁calls▁end｜>',
  ],
  gemma: ['<start_function_call>', '<end_function_call>', '<escape>', '<|tool_call>', '<tool_call|>', '<|"|>'],
  harmony: ['<|start|>', '<|end|>', '<|message|>', '<|channel|>', '<|constrain|>'],
  kimi: [
    ...['<|tool_calls_section_begin|>', '<|tool_calls_section_end|>'],
    ...['<|tool_call_begin|>', '<|tool_call_argument_begin|>', '<|tool_call_end|>'],
  ],
  pythonic: ['<|tool_call_start|>', '<|tool_call_end|>', '<|python_start|>', '<|python_end|>'],
};

/** Returns names of tokens that a parser must see. Control tokens spell nothing elsewhere; in these replies they spell their names. */
export const listSpelledTokens = ({ calls, marks }: Pick<AnswerFormat, 'calls' | 'marks'>): readonly string[] => [
  ...CALL_TOKENS[calls],
  ...REASONING_MARKS[marks].tokens,
];
