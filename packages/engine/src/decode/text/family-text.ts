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
    /<\|start\|>.*<\|message\|>/s,
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
export function toPlainTurns(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const turns: ChatMessage[] = [];
  for (const { role, content, parts, reasoning } of messages) {
    const turn = {
      ...{ role: role === 'assistant' ? role : 'user', content },
      ...(parts && { parts }),
      ...(reasoning !== undefined && { reasoning }),
    };
    const last = turns.at(-1);
    if (last?.role === turn.role) turns[turns.length - 1] = joinTurns(last, turn);
    else turns.push(turn);
  }
  return turns[0]?.role === 'assistant' ? [{ role: 'user', content: '' }, ...turns] : turns;
}

/**
 * Joins messages as `toPlainTurns` does, but for calls and the answers of tools. These stay as they are, since replies are read in the
 * form in which a prompt shows calls.
 */
export function toCallTurns(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const turns: ChatMessage[] = [];
  for (const message of messages) {
    const turn = message.role === 'system' ? { ...message, role: 'user' } : message;
    const last = turns.at(-1);
    if (last === undefined || last.role !== turn.role || turn.role === 'tool' || last.calls !== undefined)
      turns.push(turn);
    else turns[turns.length - 1] = { ...joinTurns(last, turn), ...(turn.calls && { calls: turn.calls }) };
  }
  return turns[0]?.role === 'assistant' ? [{ role: 'user', content: '' }, ...turns] : turns;
}

function joinTurns(first: ChatMessage, second: ChatMessage): ChatMessage {
  const content = [first.content, second.content].filter((text) => text !== '').join('\n\n');
  const thoughts = [first, second].flatMap(({ reasoning }) => (reasoning === undefined ? [] : [reasoning]));
  const said = { role: first.role, content, ...(thoughts.length > 0 && { reasoning: thoughts.join('\n\n') }) };
  if (first.parts === undefined && second.parts === undefined) return said;
  const [before, after] = [first, second].map(({ content: text, parts }) => parts ?? [{ text }]);
  return { ...said, parts: [...(before ?? []), { text: '\n\n' }, ...(after ?? [])] };
}
