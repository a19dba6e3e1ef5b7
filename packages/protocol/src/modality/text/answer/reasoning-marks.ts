/** The texts around the reasoning of a reply. */
export interface ReasoningMarks {
  readonly open: string;
  readonly close: string;
  /** The texts around the answer behind the reasoning, if there are any. */
  readonly answer?: { readonly open?: string; readonly close: string };
  /** Names of the control tokens that spell these marks. */
  readonly tokens: readonly string[];
}

/** The marks of all models, by their names on the wire (docs/spec/answer.md#reasoning). The order is that of the numbers in a header. */
export const REASONING_MARKS = {
  think: { open: '<think>', close: '</think>', tokens: ['<think>', '</think>'] },
  bracketed: { open: '[THINK]', close: '[/THINK]', tokens: ['[THINK]', '[/THINK]'] },
  channel: { open: '<|channel>thought', close: '<channel|>', tokens: ['<|channel>', '<channel|>'] },
  thinking: {
    ...{ open: '<|START_THINKING|>', close: '<|END_THINKING|>' },
    tokens: ['<|START_THINKING|>', '<|END_THINKING|>'],
  },
  seed: { open: '<seed:think>', close: '</seed:think>', tokens: ['<seed:think>', '</seed:think>'] },
  inner: { open: '<|inner_prefix|>', close: '<|inner_suffix|>', tokens: ['<|inner_prefix|>', '<|inner_suffix|>'] },
  response: {
    ...{ open: '<think>', close: '</think>', answer: { open: '<response>', close: '</response>' } },
    tokens: ['<think>', '</think>'],
  },
  steps: {
    ...{ open: 'Here are my reasoning steps:', close: '[BEGIN FINAL RESPONSE]' },
    ...{ answer: { close: '[END FINAL RESPONSE]' }, tokens: ['[BEGIN FINAL RESPONSE]', '[END FINAL RESPONSE]'] },
  },
} as const satisfies Readonly<Record<string, ReasoningMarks>>;

export type MarksName = keyof typeof REASONING_MARKS;
export const MARKS_NAMES = Object.keys(REASONING_MARKS) as readonly MarksName[];

export const getReasoningMarks = (name: MarksName): ReasoningMarks => REASONING_MARKS[name];

/** The order of the search: `response` has the marks of `think` and more. */
const SEARCHED: readonly MarksName[] = [
  'bracketed',
  'channel',
  'thinking',
  'seed',
  'inner',
  'steps',
  'response',
  'think',
];

/**
 * Finds the marks of a template.
 * @param template its text.
 * @param rendered its output for one user message. Marks that it ends with go before those of the text.
 */
export function findMarks(template: string, rendered: string): MarksName | undefined {
  const end = rendered.trimEnd();
  const known = SEARCHED.filter((name) => {
    const { answer, open, close } = getReasoningMarks(name);
    const isNamed = template.includes(open) || template.includes(close);
    return (isNamed || end.endsWith(open)) && (answer?.open === undefined || template.includes(answer.open));
  });
  return known.find((name) => end.endsWith(getReasoningMarks(name).open)) ?? known[0];
}
