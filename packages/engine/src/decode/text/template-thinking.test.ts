import { NO_WISH, type ThinkingWish } from '@ogong/protocol/modality/text/commitment/thinking-wish';
import { describe, expect, it } from 'vitest';
import { createChatTemplate } from './chat-template.ts';
import { createLiteralText } from './literal-text.ts';

const open = (source: string | undefined) =>
  createChatTemplate(source, { bosToken: '', eosToken: '', literal: createLiteralText([]) });
const ask = (source: string | undefined, wish: Partial<ThinkingWish> = {}) =>
  open(source).render({ messages: [{ role: 'user', content: 'Hi' }], thinking: { ...NO_WISH, ...wish } });

const QUESTION = '{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]';

/** A switch that closes the reasoning before it begins; without it the model thinks. */
const CLOSING = `${QUESTION}{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}<tool_call>`;
/** A switch by another name, and off by itself: the prompt ends inside the reasoning, or behind it. */
const OPENING = `${QUESTION}{% if thinking is defined and thinking %}<think>{% else %}</think>{% endif %}`;
/** The switch of CohereLabs/command-a-reasoning-08-2025, which is on by itself. */
const REASONING = `${QUESTION}{% if reasoning is undefined or reasoning %}<|START_THINKING|>{% else %}<|START_THINKING|><|END_THINKING|>{% endif %}`;
/** Levels alone, written into the system message, with a level of its own if none is said. */
const LEVELS = `{% if reasoning_effort is not defined %}{% set reasoning_effort = 'medium' %}{% endif %}<|channel|>Reasoning: {{ reasoning_effort }}\n${QUESTION}`;

describe('a wish about thinking', () => {
  it('reaches the template by the names that templates have for it', () => {
    expect(ask(CLOSING, { wanted: 'no' })).toContain('</think>');
    expect(ask(CLOSING, { wanted: 'yes' })).toBe(ask(CLOSING));
    expect(ask(OPENING, { wanted: 'yes' })).toMatch(/<think>$/);
    expect(ask(REASONING, { wanted: 'no' })).toMatch(/<\|END_THINKING\|>$/);
    expect(ask(OPENING, { wanted: 'no' })).toBe(ask(OPENING));
    expect(ask(LEVELS)).toContain('Reasoning: medium');
    expect(ask(LEVELS, { wanted: 'yes', effort: 'high' })).toContain('Reasoning: high');
    expect(ask(undefined, { wanted: 'no' })).toBe(ask(undefined));
  });

  it('decides how the reply is read', () => {
    const closing = open(CLOSING.replace('<tool_call>', '')).thinking?.formats;
    expect([closing?.yes.reasoning, closing?.no.reasoning]).toEqual(['marked', 'marked']);
    const opening = open(OPENING);
    expect(opening.answerFormat.reasoning).toBe('marked');
    expect(open(REASONING).thinking?.formats).toMatchObject({
      yes: { reasoning: 'opened', marks: 'thinking' },
      no: { reasoning: 'marked', marks: 'thinking' },
    });
    expect(opening.thinking?.formats).toMatchObject({ yes: { reasoning: 'opened' }, no: { reasoning: 'marked' } });
  });

  it('is known to be read, or not, by what it does', () => {
    const read = (source: string) => [open(source).thinking?.readsWanted, open(source).thinking?.readsEffort];
    expect(read(CLOSING)).toEqual([true, false]);
    expect(read(OPENING)).toEqual([true, false]);
    expect(read(LEVELS)).toEqual([false, true]);
    expect(read(QUESTION)).toEqual([false, false]);
    expect(read(`${QUESTION}{# enable_thinking reasoning_effort #}`)).toEqual([false, false]);
    expect(open(undefined).thinking).toBeUndefined();
  });
});
