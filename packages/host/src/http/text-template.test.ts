import { expect, it } from 'vitest';
import { createTextTemplate } from './text-template.ts';

const format = (text: string): string => `data: ${JSON.stringify({ model: '"0"1', delta: { text }, end: null })}\n\n`;

it.each(['', 'a', '"\\', 'line\nend\u2028', '$& $1', '\ud83d', '😀'])('writes %j as its format does', (text) => {
  expect(createTextTemplate(format)(text)).toBe(format(text));
});

it.each([
  ['none', () => '{}'],
  ['two', (text: string) => JSON.stringify([text, text])],
] as const)('refuses a format that holds %s of the string', (_, wrong) => {
  expect(() => createTextTemplate(wrong)).toThrow('once');
});
