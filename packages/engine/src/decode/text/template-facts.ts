import { type AnswerFormat, detectAnswerFormat } from '@ogong/protocol/modality/text/answer/answer-format';
import { NO_WISH, type ThinkingWish } from '@ogong/protocol/modality/text/commitment/thinking-wish';
import type { ChatMessage } from '@ogong/protocol/modality/text/request/chat-messages';
import type { TemplateThinking } from '../../interface/text.ts';
import { type AnswerShape, WHOLE } from './answer-turns.ts';
import { COMMON_FORM, listReasoningForms, type ReasoningForm, type Writing } from './reasoning-form.ts';
import { type NativeForm, type OwnForm, toVariables, writeNativeFields, writeOwnFields } from './template-fields.ts';

/** Properties of a template that short renderings show. A name in the template's text may be any other variable's. */
export interface TemplateFacts {
  readonly format: AnswerFormat;
  readonly thinking: TemplateThinking;
  /** Whether it reads content as a list of parts alone. */
  readonly wantsParts: boolean;
  /** Undefined if it does not list tools, or does not write a call and its answer. */
  readonly native: NativeForm | undefined;
  readonly own: OwnForm;
}

/** Renders the fields; an empty text if the template refuses them. */
type Probe = (fields: object) => string;

const QUESTION = { messages: [{ role: 'user', content: 'question' }] };
const THINKS: ThinkingWish = { ...NO_WISH, wanted: 'yes' };

/** Texts that no template has of its own. */
const INSTRUCTION = 'probed instruction';
const [REASONING, WORDS] = ['probed reasoning', 'probed words'];
const [ANSWER, OTHER_ANSWER] = ['probed answer 1', 'probed answer 2'];
const [CITY, OTHER_CITY] = ['probed value 1', 'probed value 2'];
const parameters = {
  type: 'object',
  properties: { city: { type: 'string', description: 'city' } },
  required: ['city'],
};
const TOOLS = ['probed_tool', 'probed_other'].map((name) => ({ name, description: 'weather', parameters }));
const LISTED = 'probed_other';
const call = (id: string, city: string) => ({ id, name: 'probed_tool', arguments: JSON.stringify({ city }) });
const ONE = [call('1', CITY)];
const TWO = [...ONE, call('2', OTHER_CITY)];

/** Whether each of the words is in the prompt. A quote behind the reasoning means that the template wrote a list as a whole. */
const hasAll = (rendered: string, words: readonly string[]): boolean =>
  words.every((word) => rendered.includes(word)) && !/probed reasoning['"]/.test(rendered);

/** A question, an answer with calls, and the answers of the tool. */
const createLoop = (answer: Partial<ChatMessage>): readonly ChatMessage[] => [
  { role: 'user', content: 'question' },
  { role: 'assistant', content: '', ...answer },
  ...(answer.calls ?? []).map(({ id }, i) => ({
    ...{ role: 'tool', content: i === 0 ? ANSWER : OTHER_ANSWER, callId: id },
  })),
];

export function readTemplateFacts(source: string, probe: Probe): TemplateFacts {
  const isRead = (content: unknown) => probe({ messages: [{ role: 'user', content }] }).includes(INSTRUCTION);
  const wantsParts = !isRead(INSTRUCTION) && isRead([{ type: 'text', text: INSTRUCTION }]);
  const writing: Writing = {
    quote: (text) => text,
    quoteAll: (value) => value,
    writeContent: ({ content }) => (wantsParts ? [{ type: 'text', text: content }] : content),
  };
  const takesSystem = probe({
    messages: [{ role: 'system', content: INSTRUCTION }, ...QUESTION.messages].map((message) => ({
      ...message,
      content: writing.writeContent(message),
    })),
  }).includes(INSTRUCTION);
  const asked = probe(QUESTION);
  const { format: listed, hasOwnTools } = detectAnswerFormat(source, asked);
  const forms = listReasoningForms(source);
  const native = hasOwnTools ? findNativeForm(source, { format: listed, forms }, { probe, writing }) : undefined;
  const takesCalls = native !== undefined;
  const own = findOwnForm({ forms, takesSystem }, { probe, writing });
  const formatOf = (rendered: string) => detectAnswerFormat(source, rendered, takesCalls || !hasOwnTools).format;
  const ask = (wish: Partial<ThinkingWish>) => probe({ ...QUESTION, ...toVariables({ ...THINKS, ...wish }) });
  const [yes, no] = [ask({}), ask({ wanted: 'no' })];
  return {
    ...{ format: formatOf(asked), wantsParts, own: own.form },
    native: native?.form,
    thinking: {
      readsWanted: yes !== no,
      readsEffort: ask({ effort: 'low' }) !== ask({ effort: 'high' }),
      readsReasoning: (native ?? own).readsReasoning,
      formats: { yes: formatOf(yes), no: formatOf(no) },
    },
  };
}

interface Probing {
  readonly probe: Probe;
  readonly writing: Writing;
}

/** A form, and whether the template writes the reasoning of a message with calls in it. */
interface FoundForm<T> {
  readonly form: T;
  readonly readsReasoning: boolean;
}

/** @returns undefined if the template leaves out a tool, a call or an answer, in each form. */
function findNativeForm(
  source: string,
  { format, forms }: { readonly format: AnswerFormat; readonly forms: readonly ReasoningForm[] },
  { probe, writing }: Probing,
): FoundForm<NativeForm> | undefined {
  const render = (messages: readonly ChatMessage[], form: NativeForm): string =>
    probe({
      ...writeNativeFields({ messages, tools: TOOLS }, { format, form, source }, writing),
      ...toVariables(THINKS),
    });
  const shows = (answer: Partial<ChatMessage>, form: NativeForm, words: readonly string[]): boolean =>
    hasAll(render(createLoop(answer), form), [LISTED, ...words]);
  const [one, two] = [
    [CITY, ANSWER],
    [CITY, OTHER_CITY, ANSWER, OTHER_ANSWER],
  ];
  const plain: NativeForm = { reasoning: COMMON_FORM, shape: WHOLE };
  if (!shows({ calls: ONE }, plain, one)) return undefined;
  const found = forms.find((reasoning) =>
    shows({ calls: ONE, reasoning: REASONING }, { ...plain, reasoning }, [...one, REASONING]),
  );
  const reasoning = found ?? plain.reasoning;
  /** Finds out whether a loss ends if answers are split otherwise. */
  const needs = (
    change: Partial<AnswerShape>,
    shape: AnswerShape,
    test: (form: NativeForm) => boolean,
  ): AnswerShape => {
    const changed = { ...shape, ...change };
    return !test({ reasoning, shape }) && test({ reasoning, shape: changed }) ? changed : shape;
  };
  const calls = needs({ takesCalls: false }, WHOLE, (form) => shows({ calls: TWO }, form, two));
  const spoken = { calls: ONE, content: WORDS };
  const words = needs(
    { takesWords: false },
    calls,
    (form) =>
      shows(spoken, form, [...one, WORDS]) &&
      // Some templates refuse two answers of which no question is between.
      render([...createLoop(spoken), { role: 'assistant', content: 'done' }, ...QUESTION.messages], form) !== '',
  );
  if (found === undefined) return { form: { reasoning, shape: words }, readsReasoning: false };
  const said = { ...spoken, reasoning: REASONING };
  const shape = needs({ takesAll: false }, words, (form) => shows(said, form, [...one, WORDS, REASONING]));
  return { form: { reasoning, shape }, readsReasoning: true };
}

function findOwnForm(
  { forms, takesSystem }: { readonly forms: readonly ReasoningForm[]; readonly takesSystem: boolean },
  { probe, writing }: Probing,
): FoundForm<OwnForm> {
  const messages = createLoop({ calls: ONE, reasoning: REASONING });
  const shows = (form: OwnForm): boolean => {
    const rendered = probe({
      ...writeOwnFields({ messages, tools: TOOLS }, form, writing),
      ...toVariables(THINKS),
    });
    return hasAll(rendered, [LISTED, CITY, ANSWER, REASONING]);
  };
  const tried = (['user', 'tool'] as const).flatMap((answersAs) =>
    forms.map((reasoning): OwnForm => ({ reasoning, answersAs, takesSystem })),
  );
  const form = tried.find(shows);
  const plain: OwnForm = { reasoning: COMMON_FORM, answersAs: 'user', takesSystem };
  return { form: form ?? plain, readsReasoning: form !== undefined };
}
