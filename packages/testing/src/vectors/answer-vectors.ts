import {
  type AnswerFormat,
  CALL_FAMILIES,
  type CallFamily,
  type ReasoningPlace,
} from '@ogong/protocol/modality/text/answer/answer-format';
import { MARKS_NAMES, type MarksName, REASONING_MARKS } from '@ogong/protocol/modality/text/answer/reasoning-marks';

interface AnswerCase {
  readonly name: string;
  readonly calls: CallFamily;
  /** Default: none. */
  readonly reasoning?: ReasoningPlace;
  /** Default: think. */
  readonly marks?: MarksName;
  /** Default: weather and add. */
  readonly tools?: readonly string[];
  readonly isForced?: boolean;
  readonly isFormed?: boolean;
  readonly text: string;
  readonly answer: {
    readonly content?: string;
    readonly reasoning?: string;
    /** Name and arguments. */
    readonly calls?: readonly (readonly [string, string])[];
  };
}

const PARIS = '{"city": "Paris"}';
const WEATHER = ['weather', PARIS] as const;
const ADD = ['add', '{"a": 1, "b": [2, {"c": "}]"}]}'] as const;

/** Replies in the formats of model families, and their meaning. The answers are written by hand, not computed. */
const CASES: readonly AnswerCase[] = [
  { name: 'plain text', calls: 'hermes', text: ' An answer.\n', answer: { content: ' An answer.\n' } },
  {
    name: 'no tools, so no calls',
    ...{ calls: 'hermes', tools: [], text: `<tool_call>{"name": "weather", "arguments": ${PARIS}}</tool_call>` },
    answer: { content: `<tool_call>{"name": "weather", "arguments": ${PARIS}}</tool_call>` },
  },
  {
    name: 'hermes: a call',
    calls: 'hermes',
    text: `<tool_call>\n{"name": "weather", "arguments": ${PARIS}}\n</tool_call>`,
    answer: { calls: [WEATHER] },
  },
  {
    name: 'hermes: words, two calls, and reasoning before them',
    ...{ calls: 'hermes', reasoning: 'marked' },
    text: `<think>\nWhich city?\n</think>\n\nI look.\n<tool_call>\n{"name": "weather", "arguments": ${PARIS}}\n</tool_call>\n<tool_call>\n{"name": "add", "arguments": ${ADD[1]}}\n</tool_call>`,
    answer: { reasoning: 'Which city?', content: 'I look.', calls: [WEATHER, ADD] },
  },
  {
    name: 'hermes: arguments first, an id, no end',
    calls: 'hermes',
    text: `<tool_call>{"arguments":${PARIS},"id":7,"name":"weather"}`,
    answer: { calls: [WEATHER] },
  },
  {
    name: 'hermes: arguments as a string, and none',
    calls: 'hermes',
    text: '<tool_call>{"name": "add", "arguments": "{\\"a\\": 1}"}</tool_call><tool_call>{"name": "weather"}</tool_call>',
    answer: {
      calls: [
        ['add', '{"a": 1}'],
        ['weather', '{}'],
      ],
    },
  },
  {
    name: 'hermes: cut short inside the arguments',
    calls: 'hermes',
    text: '<tool_call>\n{"name": "weather", "arguments": {"city": "Par',
    answer: { calls: [['weather', '{"city": "Par']] },
  },
  {
    name: 'hermes: cut short before the name',
    calls: 'hermes',
    text: 'Well. <tool_call>\n{"na',
    answer: { content: 'Well. <tool_call>\n{"na' },
  },
  {
    name: 'hermes: text that looks like a call',
    calls: 'hermes',
    text: 'Write <tool_call> and <tool_call>{"city": 1}</tool_call> and <tool',
    answer: { content: 'Write <tool_call> and <tool_call>{"city": 1}</tool_call> and <tool' },
  },
  {
    name: 'reasoning that the prompt opened',
    ...{ calls: 'hermes', reasoning: 'opened' },
    text: 'It is late.</think>\n\nGood night.',
    answer: { reasoning: 'It is late.', content: 'Good night.' },
  },
  {
    name: 'reasoning that was cut short',
    ...{ calls: 'hermes', reasoning: 'marked' },
    text: '<think>\nIt is </thi',
    answer: { reasoning: 'It is </thi' },
  },
  {
    name: 'a mark of reasoning after the answer began',
    ...{ calls: 'hermes', reasoning: 'marked' },
    text: ' The mark is <think>.',
    answer: { content: ' The mark is <think>.' },
  },
  ...MARKS_NAMES.flatMap((marks): AnswerCase[] => {
    const { open, close } = REASONING_MARKS[marks];
    return [
      {
        name: `reasoning between the marks ${marks}, words and a call`,
        ...{ calls: 'hermes', reasoning: 'marked', marks },
        text: `${open}\nWhich city?\n${close}\n\nI look.<tool_call>{"name": "weather", "arguments": ${PARIS}}</tool_call>`,
        answer: { reasoning: 'Which city?', content: 'I look.', calls: [WEATHER] },
      },
      {
        name: `reasoning that the prompt opened with the mark ${marks}, and no tools`,
        ...{ calls: 'hermes', reasoning: 'opened', marks, tools: [] },
        text: `It is late.${close}Good night.`,
        answer: { reasoning: 'It is late.', content: 'Good night.' },
      },
      {
        name: `a mark ${marks} after the answer began`,
        ...{ calls: 'hermes', reasoning: 'marked', marks },
        text: `The marks are ${open} and ${close}`,
        answer: { content: `The marks are ${open} and ${close}` },
      },
    ];
  }),
  {
    name: 'the marks of another model are text',
    ...{ calls: 'hermes', reasoning: 'marked', marks: 'seed' },
    text: '<think>Hm.</think>Yes.',
    answer: { content: '<think>Hm.</think>Yes.' },
  },
  {
    name: 'gemma: reasoning in a channel, and a call',
    ...{ calls: 'gemma', reasoning: 'marked', marks: 'channel' },
    text: '<|channel>thought\nWhich city?\n<channel|><|tool_call>call:weather{city:<|"|>Paris<|"|>}<tool_call|>',
    answer: { reasoning: 'Which city?', calls: [['weather', '{"city":"Paris"}']] },
  },
  {
    name: 'gemma: an empty channel',
    ...{ calls: 'gemma', reasoning: 'marked', marks: 'channel', tools: [] },
    text: '<|channel>thought\n<channel|>Yes.',
    answer: { content: 'Yes.' },
  },
  {
    name: 'response: marks around the answer',
    ...{ calls: 'hermes', reasoning: 'marked', marks: 'response', tools: [] },
    text: '<think>Hm.</think>\n<response>Say </response> twice: </response>.</response>\n',
    answer: { reasoning: 'Hm.', content: 'Say </response> twice: </response>.' },
  },
  {
    name: 'response: no mark before the answer, so none behind it',
    ...{ calls: 'hermes', reasoning: 'marked', marks: 'response', tools: [] },
    text: '<think>Hm.</think>Yes.</response>',
    answer: { reasoning: 'Hm.', content: 'Yes.</response>' },
  },
  {
    name: 'response: no reasoning, so the marks are text',
    ...{ calls: 'hermes', reasoning: 'marked', marks: 'response', tools: [] },
    text: '<response>Yes.</response>',
    answer: { content: '<response>Yes.</response>' },
  },
  {
    name: 'response: cut short inside the last mark',
    ...{ calls: 'hermes', reasoning: 'marked', marks: 'response', tools: [] },
    text: '<think>Hm.</think><response>Yes.</resp',
    answer: { reasoning: 'Hm.', content: 'Yes.</resp' },
  },
  {
    name: 'steps: a mark behind the answer alone',
    ...{ calls: 'hermes', reasoning: 'opened', marks: 'steps', tools: [] },
    text: 'First this.\n[BEGIN FINAL RESPONSE]\nYes.[END FINAL RESPONSE]',
    answer: { reasoning: 'First this.', content: 'Yes.' },
  },
  {
    name: 'llama: a call without a tag',
    calls: 'llama',
    text: `{"name": "weather", "parameters": ${PARIS}}`,
    answer: { calls: [WEATHER] },
  },
  {
    name: 'llama: two calls behind a tag',
    calls: 'llama',
    text: `<|python_tag|>{"type": "function", "name": "weather", "parameters": ${PARIS}}; {"name": "add", "parameters": ${ADD[1]}}`,
    answer: { calls: [WEATHER, ADD] },
  },
  {
    name: 'llama: JSON that names no tool',
    calls: 'llama',
    text: '{"name": "Ada", "parameters": {"born": 1815}}',
    answer: { content: '{"name": "Ada", "parameters": {"born": 1815}}' },
  },
  { name: 'llama: words', calls: 'llama', text: '  Hello {', answer: { content: '  Hello {' } },
  {
    name: 'mistral: a list',
    calls: 'mistral',
    text: `[TOOL_CALLS] [{"name": "weather", "arguments": ${PARIS}, "id": "abcdefghi"}, {"name": "add", "arguments": ${ADD[1]}}]`,
    answer: { calls: [WEATHER, ADD] },
  },
  {
    name: 'mistral: names before the arguments',
    ...{ calls: 'mistral', reasoning: 'marked', marks: 'bracketed' },
    text: `[THINK]Hm.[/THINK]Wait.[TOOL_CALLS]weather[ARGS]${PARIS}[TOOL_CALLS]add[CALL_ID]abcdefghi[ARGS]${ADD[1]}`,
    answer: { reasoning: 'Hm.', content: 'Wait.', calls: [WEATHER, ADD] },
  },
  {
    name: 'mistral: a name with a colon and a slash, and no mark before the arguments',
    ...{ calls: 'mistral', tools: ['maps:v1/weather'] },
    text: `[TOOL_CALLS]maps:v1/weather${PARIS}`,
    answer: { calls: [['maps:v1/weather', PARIS]] },
  },
  {
    name: 'mistral: a mark without a call',
    calls: 'mistral',
    text: '[TOOL_CALLS] is a mark',
    answer: { content: '[TOOL_CALLS] is a mark' },
  },
  {
    name: 'deepseek: fenced arguments',
    ...{ calls: 'deepseek', reasoning: 'opened' },
    text: `Two things.\n</think>\n\nSure.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n\`\`\`json\n${PARIS}\n\`\`\`<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n\`\`\`json\n${ADD[1]}\n\`\`\`<｜tool▁call▁end｜><｜tool▁calls▁end｜>`,
    answer: { reasoning: 'Two things.', content: 'Sure.', calls: [WEATHER, ADD] },
  },
  {
    name: 'deepseek: names before the arguments',
    calls: 'deepseek',
    text: `<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>weather<｜tool▁sep｜>${PARIS}<｜tool▁call▁end｜><｜tool▁call▁begin｜>add<｜tool▁sep｜>${ADD[1]}<｜tool▁call▁end｜><｜tool▁calls▁end｜>`,
    answer: { calls: [WEATHER, ADD] },
  },
  {
    name: 'gemma: bare keys become JSON',
    calls: 'gemma',
    text: '<start_function_call>call:weather{city:<escape>Paris, "F"<escape>,days:2,at:{deep:true},list:[1,<escape>b<escape>]}<end_function_call>',
    answer: { calls: [['weather', '{"city":"Paris, \\"F\\"","days":2,"at":{"deep":true},"list":[1,"b"]}']] },
  },
  {
    name: 'gemma: the marks of a later generation',
    calls: 'gemma',
    text: 'Look. <|tool_call>call:weather{city:<|"|>Paris<|"|>}<tool_call|><|tool_call>call:add{}<tool_call|>',
    answer: {
      content: 'Look.',
      calls: [
        ['weather', '{"city":"Paris"}'],
        ['add', '{}'],
      ],
    },
  },
  {
    name: 'gemma: a name with a colon and a slash',
    ...{ calls: 'gemma', tools: ['maps:v1/weather'] },
    text: '<start_function_call>call:maps:v1/weather{}<end_function_call>',
    answer: { calls: [['maps:v1/weather', '{}']] },
  },
  {
    name: 'gemma: arguments that are none',
    calls: 'gemma',
    text: '<start_function_call>call:weather{city}<end_function_call>',
    answer: { content: '<start_function_call>call:weather{city}<end_function_call>' },
  },
  {
    name: 'harmony: reasoning, then an answer',
    ...{ calls: 'harmony', tools: [] },
    text: '<|channel|>analysis<|message|>They greet.<|end|><|start|>assistant<|channel|>final<|message|>Hello!',
    answer: { reasoning: 'They greet.', content: 'Hello!' },
  },
  {
    name: 'harmony: words and a call',
    calls: 'harmony',
    text: `<|channel|>commentary<|message|>I look.<|end|><|start|>assistant<|channel|>commentary to=functions.weather <|constrain|>json<|message|>${PARIS}`,
    answer: { content: 'I look.', calls: [WEATHER] },
  },
  {
    name: 'harmony: a recipient before the channel',
    calls: 'harmony',
    text: `<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant to=functions.weather<|channel|>commentary json<|message|>${PARIS}<|call|>`,
    answer: { reasoning: 'Hm.', calls: [WEATHER] },
  },
  {
    name: 'harmony: a name with a colon and a slash',
    ...{ calls: 'harmony', tools: ['maps:v1/weather'] },
    text: `<|channel|>commentary to=functions.maps:v1/weather <|constrain|>json<|message|>${PARIS}`,
    answer: { calls: [['maps:v1/weather', PARIS]] },
  },
  {
    name: 'harmony: two calls, one after the other',
    calls: 'harmony',
    text: `<|channel|>commentary to=functions.weather <|constrain|>json<|message|>${PARIS}<|call|><|start|>assistant<|channel|>commentary to=functions.add <|constrain|>json<|message|>${ADD[1]}`,
    answer: { calls: [WEATHER, ADD] },
  },
  {
    name: 'kimi: a section of two calls behind reasoning and words',
    ...{ calls: 'kimi', reasoning: 'marked' },
    text: `<think>Two things.</think>Sure.<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>${PARIS}<|tool_call_end|><|tool_call_begin|>functions.add:1<|tool_call_argument_begin|>${ADD[1]}<|tool_call_end|><|tool_calls_section_end|>`,
    answer: { reasoning: 'Two things.', content: 'Sure.', calls: [WEATHER, ADD] },
  },
  {
    name: 'kimi: a name with a colon and a slash, spaces, and an id without a number',
    ...{ calls: 'kimi', tools: ['maps:v1/weather', 'weather'] },
    text: `<|tool_call_begin|> functions.maps:v1/weather:12 <|tool_call_argument_begin|> ${PARIS}<|tool_call_end|><|tool_call_begin|>weather<|tool_call_argument_begin|>${PARIS}`,
    answer: { calls: [['maps:v1/weather', PARIS], WEATHER] },
  },
  {
    name: 'kimi: cut short inside the arguments',
    calls: 'kimi',
    text: '<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>{"city": "Par',
    answer: { calls: [['weather', '{"city": "Par']] },
  },
  {
    name: 'kimi: text that looks like a call',
    calls: 'kimi',
    text: 'Well.<|tool_call_begin|>functions.weather:0 {}',
    answer: { content: 'Well.<|tool_call_begin|>functions.weather:0 {}' },
  },
  {
    name: 'pythonic: a list without marks',
    calls: 'pythonic',
    text: "[weather(city='Paris'), add(a=1, b=[2, {\"c\": '}]'}],)]",
    answer: {
      calls: [
        ['weather', '{"city":"Paris"}'],
        ['add', '{"a":1,"b":[2,{"c":"}]"}]}'],
      ],
    },
  },
  {
    name: 'pythonic: every kind of value, and escapes',
    calls: 'pythonic',
    text: `[add(t=True, f=false, n=None, x=-1.5e3, tuple=(1, "2",), s='it\\'s\\n\\u00e9\\x41\\q "so"', e={})]`,
    answer: {
      calls: [
        ['add', '{"t":true,"f":false,"n":null,"x":-1.5e3,"tuple":[1,"2"],"s":"it\'s\\né' + 'A\\\\q \\"so\\"","e":{}}'],
      ],
    },
  },
  {
    name: 'pythonic: between marks, behind words, with words after it',
    ...{ calls: 'pythonic', reasoning: 'marked' },
    text: '<think>Hm.</think>I look.<|tool_call_start|>[weather(city="Paris")]<|tool_call_end|>Wait.',
    answer: { reasoning: 'Hm.', content: 'I look.Wait.', calls: [['weather', '{"city":"Paris"}']] },
  },
  {
    name: 'pythonic: the marks of Llama 4, and objects in a list',
    calls: 'pythonic',
    text: `<|python_start|>[weather(city="Paris")]<|python_end|><|tool_call_start|>[{"name": "add", "arguments": ${ADD[1]}}]<|tool_call_end|>`,
    answer: { calls: [['weather', '{"city":"Paris"}'], ADD] },
  },
  {
    name: 'pythonic: a list of a tool that nobody offered',
    calls: 'pythonic',
    text: '[print("Paris")]',
    answer: { content: '[print("Paris")]' },
  },
  {
    name: 'pythonic: an argument without a name, and a value that is none',
    calls: 'pythonic',
    text: '[weather("Paris")]<|tool_call_start|>[weather(city=Paris)]<|tool_call_end|>',
    answer: { content: '[weather("Paris")]<|tool_call_start|>[weather(city=Paris)]<|tool_call_end|>' },
  },
  {
    name: 'pythonic: a list that stands behind words is no call without marks',
    calls: 'pythonic',
    text: 'So: [weather(city="Paris")]',
    answer: { content: 'So: [weather(city="Paris")]' },
  },
  {
    name: 'pythonic: cut short, the first call stands',
    calls: 'pythonic',
    text: '[weather(city="Paris"), add(a=1',
    answer: { content: 'add(a=1', calls: [['weather', '{"city":"Paris"}']] },
  },
  { name: 'pythonic: a list of words', calls: 'pythonic', text: ' [1, 2', answer: { content: ' [1, 2' } },
  { name: 'harmony: no header', ...{ calls: 'harmony', tools: [] }, text: 'Hello!', answer: { content: 'Hello!' } },
  {
    name: 'forced: one call, whatever the family is',
    ...{ calls: 'harmony', isForced: true },
    text: `{"name": "weather", "arguments": ${PARIS}}`,
    answer: { calls: [WEATHER] },
  },
  {
    name: 'forced: several calls',
    ...{ calls: 'llama', reasoning: 'opened', isForced: true },
    text: ` [{"name":"weather","arguments":${PARIS}},{"name":"add","arguments":${ADD[1]}}]`,
    answer: { calls: [WEATHER, ADD] },
  },
  ...CALL_FAMILIES.flatMap((calls): AnswerCase[] => [
    {
      name: `a form beside tools, ${calls}: two calls, marked as hermes has them`,
      ...{ calls, reasoning: 'opened', isFormed: true },
      text: `<tool_call>\n{"name": "weather", "arguments": ${PARIS}}\n</tool_call>\n<tool_call>\n{"name": "add", "arguments": ${ADD[1]}}\n</tool_call>`,
      answer: { calls: [WEATHER, ADD] },
    },
    {
      name: `a form beside tools, ${calls}: JSON that looks like a call`,
      ...{ calls, reasoning: 'opened', isFormed: true },
      text: `{"name": "weather", "arguments": ["<tool_call>\\n{}"]}`,
      answer: { content: `{"name": "weather", "arguments": ["<tool_call>\\n{}"]}` },
    },
    {
      name: `a form without tools, ${calls}: all of it is content, though the template opened the reasoning`,
      ...{ calls, reasoning: 'opened', isFormed: true, tools: [] },
      text: '<tool_call>{"a": "</think>"}',
      answer: { content: '<tool_call>{"a": "</think>"}' },
    },
  ]),
];

export function createAnswerVectors(): object {
  return {
    about: 'docs/spec/answer.md: replies of each family, and the content, reasoning and calls that they hold',
    cases: CASES.map(
      ({
        name,
        calls,
        reasoning = 'none',
        marks = 'think',
        tools = ['weather', 'add'],
        isForced = false,
        isFormed,
        text,
        answer,
      }) => ({
        name,
        format: { calls, reasoning, marks } satisfies AnswerFormat,
        tools,
        isForced,
        ...(isFormed && { isFormed }),
        text,
        answer: {
          content: answer.content ?? '',
          reasoning: answer.reasoning ?? '',
          calls: (answer.calls ?? []).map(([called, given]) => ({ name: called, arguments: given })),
        },
      }),
    ),
  };
}
