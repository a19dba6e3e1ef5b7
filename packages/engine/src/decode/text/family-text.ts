import type { ChatMessage } from '@ogong/protocol/modality/text/request/chat-messages';

/** Writes each message of the loop by the given text, in which `role` and `text` stand for its own. */
const each = (written: string, names: Readonly<Record<string, string>> = {}): string =>
  `{%- for m in messages %}{% set role = ${JSON.stringify(names)}.get(m.role, m.role) %}{% set text = m.content %}${written}{% endfor -%}`;

/**
 * Texts of the families of models, for templates that cannot be rendered. A sign in the model's own template goes with the turns of
 * its family's training.
 */
const FAMILIES: readonly (readonly [sign: RegExp, template: string])[] = [
  [
    /<\|im_start\|>/,
    `${each("{{ '<|im_start|>' ~ role ~ '\\n' ~ text ~ '<|im_end|>\\n' }}")}{{ '<|im_start|>assistant\\n' }}`,
  ],
  [
    /<\|start_header_id\|>/,
    `{{ bos_token }}${each("{{ '<|start_header_id|>' ~ role ~ '<|end_header_id|>\\n\\n' ~ text ~ '<|eot_id|>' }}")}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}`,
  ],
  [
    /<\|header_start\|>/,
    `{{ bos_token }}${each("{{ '<|header_start|>' ~ role ~ '<|header_end|>\\n\\n' ~ text ~ '<|eot|>' }}")}{{ '<|header_start|>assistant<|header_end|>\\n\\n' }}`,
  ],
  [
    /<\|turn>/,
    `{{ bos_token }}${each("{{ '<|turn>' ~ role ~ '\\n' ~ text ~ '<turn|>\\n' }}", { assistant: 'model' })}{{ '<|turn>model\\n' }}`,
  ],
  [
    /<start_of_turn>/,
    `{{ bos_token }}${each("{{ '<start_of_turn>' ~ role ~ '\\n' ~ text ~ '<end_of_turn>\\n' }}", { assistant: 'model', system: 'user' })}{{ '<start_of_turn>model\\n' }}`,
  ],
  [
    /<\|start_of_role\|>/,
    `${each("{{ '<|start_of_role|>' ~ role ~ '<|end_of_role|>' ~ text ~ '<|end_of_text|>\\n' }}")}{{ '<|start_of_role|>assistant<|end_of_role|>' }}`,
  ],
  [
    /<\|START_OF_TURN_TOKEN\|>/,
    `{{ bos_token }}${each("{{ '<|START_OF_TURN_TOKEN|>' ~ role ~ text ~ '<|END_OF_TURN_TOKEN|>' }}", { system: '<|SYSTEM_TOKEN|>', user: '<|USER_TOKEN|>', assistant: '<|CHATBOT_TOKEN|>' })}{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}`,
  ],
  [
    /^(?=.*<\|start\|>).*<\|message\|>/s,
    `${each("{{ '<|start|>' ~ role ~ '<|message|>' ~ text ~ '<|end|>' }}")}{{ '<|start|>assistant' }}`,
  ],
  [
    /<｜User｜>/,
    `{{ bos_token }}${each("{{ role ~ text ~ (eos_token if m.role == 'assistant' else '') }}", { system: '', user: '<｜User｜>', assistant: '<｜Assistant｜>' })}{{ '<｜Assistant｜>' }}`,
  ],
  [
    /\[INST\]/,
    `{{ bos_token }}${each("{% if m.role == 'assistant' %}{{ text ~ eos_token }}{% else %}{{ '[INST] ' ~ text ~ ' [/INST]' }}{% endif %}")}`,
  ],
  [
    /<\|user\|>/,
    `${each("{{ '<|' ~ role ~ '|>\\n' ~ text ~ (eos_token or '<|end|>') ~ '\\n' }}")}{{ '<|assistant|>\\n' }}`,
  ],
];

/** @returns undefined if the template shows no sign of a family. */
export const findFamilyText = (template: string): string | undefined =>
  FAMILIES.find(([sign]) => sign.test(template))?.[1];

/**
 * Joins messages to turns of user and assistant that follow each other, as the strictest templates want them. The words of the system
 * stand before the first of the user.
 */
export const toPlainTurns = (messages: readonly ChatMessage[]): readonly ChatMessage[] =>
  joinRuns(
    messages.map(({ role, content, parts, reasoning }) => ({
      ...{ role: role === 'assistant' ? role : 'user', content },
      ...(parts && { parts }),
      ...(reasoning !== undefined && { reasoning }),
    })),
    (last, next) => last.role === next.role,
  );

/**
 * Joins messages as `toPlainTurns` does, but for calls and the answers of tools. These stay as they are, since replies are read in the
 * form in which a prompt shows calls.
 */
export const toCallTurns = (messages: readonly ChatMessage[]): readonly ChatMessage[] =>
  joinRuns(
    messages.map((message) => (message.role === 'system' ? { ...message, role: 'user' } : message)),
    (last, next) => last.role === next.role && next.role !== 'tool' && last.calls === undefined,
  );

/** Joins the messages of each run at once: joining them in pairs would copy a long one again for each of the others. */
function joinRuns(
  messages: readonly ChatMessage[],
  isJoined: (last: ChatMessage, next: ChatMessage) => boolean,
): readonly ChatMessage[] {
  const runs: [ChatMessage, ...ChatMessage[]][] = [];
  for (const message of messages) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    if (run !== undefined && last !== undefined && isJoined(last, message)) run.push(message);
    else runs.push([message]);
  }
  const turns = runs.map(joinTurns);
  return turns[0]?.role === 'assistant' ? [{ role: 'user', content: '' }, ...turns] : turns;
}

function joinTurns(run: readonly [ChatMessage, ...ChatMessage[]]): ChatMessage {
  const [first] = run;
  if (run.length === 1) return first;
  const thoughts = run.flatMap(({ reasoning }) => (reasoning === undefined ? [] : [reasoning]));
  const calls = run.at(-1)?.calls;
  return {
    ...{ role: first.role, content: joinTexts(run.map(({ content }) => content)) },
    ...(thoughts.length > 0 && { reasoning: joinTexts(thoughts) }),
    ...(calls && { calls }),
    ...(run.some(({ parts }) => parts !== undefined) && {
      parts: run.flatMap(({ content, parts }) => [{ text: '\n\n' }, ...(parts ?? [{ text: content }])]).slice(1),
    }),
  };
}

const joinTexts = (texts: readonly string[]): string => texts.filter((text) => text !== '').join('\n\n');
