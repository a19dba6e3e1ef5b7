import { expect, it } from 'vitest';
import { createChatTemplate } from './chat-template.ts';

const tokens = { bosToken: '<s>', eosToken: '</s>' };
const messages = [{ role: 'user' as const, content: 'hello' }];

it('gives a template no clock, so that machines in two time zones make the same prompt', () => {
  const guarded =
    "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y') }}{% else %}26 Jul 2024{% endif %} {{ messages[0].content }}";
  expect(createChatTemplate(guarded, tokens).render(messages)).toBe('26 Jul 2024 hello');
  const unguarded = createChatTemplate("{{ strftime_now('%Y') }}", tokens);
  expect(() => unguarded.render(messages)).toThrow(expect.objectContaining({ code: 'invalid-request' }));
});
