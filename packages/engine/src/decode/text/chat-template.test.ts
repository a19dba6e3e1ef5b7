import { expect, it } from 'vitest';
import { createChatTemplate } from './chat-template.ts';
import { createLiteralText } from './literal-text.ts';

const tokens = { bosToken: '<s>', eosToken: '</s>', literal: createLiteralText([]) };
const messages = [{ role: 'user' as const, content: 'hello' }];
/** 2024-02-29, a Thursday. */
const DAY = 19_782;

it('gives a template the day of the order as its clock, and never that of the machine', () => {
  const dated = createChatTemplate("{{ strftime_now('%d %b %Y') }} {{ messages[0].content }}", tokens);
  expect(dated.render({ messages, day: DAY })).toBe('29 Feb 2024 hello');
  expect(dated.render({ messages, day: DAY + 1 })).toBe('01 Mar 2024 hello');
});

it('gives a template no clock where no day is known', () => {
  const guarded =
    "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y') }}{% else %}26 Jul 2024{% endif %} {{ messages[0].content }}";
  expect(createChatTemplate(guarded, tokens).render({ messages })).toBe('26 Jul 2024 hello');
  const unguarded = createChatTemplate("{{ strftime_now('%Y') }}", tokens);
  expect(unguarded.render({ messages })).toBe('user: hello\nassistant:');
  expect([unguarded.accepts({ messages }), unguarded.accepts({ messages, day: DAY })]).toEqual([false, true]);
});

it.each([
  ['%Y-%m-%d', '2024-02-29'],
  ['%A, %d. %B %Y', 'Thursday, 29. February 2024'],
  ['%a %e %b %y', 'Thu 29 Feb 24'],
  ['%H:%M:%S', '00:00:00'],
  ['100%% %Q', '100% %Q'],
])('writes %j as C does, in English and UTC', (format, expected) => {
  const template = createChatTemplate(`{{ strftime_now('${format}') }}`, tokens);
  expect(template.render({ messages, day: DAY })).toBe(expected);
});
