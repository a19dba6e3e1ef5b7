import { readFileSync } from 'node:fs';
import { parseExactJson } from '@ogong/protocol/base/exact-json';
import { expect, it } from 'vitest';
import { formatDay } from '../format-day.ts';
import { createTemplate, RENDER_STEPS } from './template.ts';
import { TemplateError } from './values.ts';

interface Case {
  readonly template: string;
  /** The text that jinja2 writes. */
  readonly output?: string;
  readonly refused?: true;
}
const path = new URL('../../../../../protocol/vectors/chat-template.json', import.meta.url);
const { day, fields, cases } = JSON.parse(readFileSync(path, 'utf8')) as {
  readonly day: number;
  readonly fields: string;
  readonly cases: readonly Case[];
};
const given = {
  ...Object.fromEntries(parseExactJson(fields) as ReadonlyMap<string, unknown>),
  strftime_now: (format: unknown) => formatDay(day, String(format)),
};

it.each(cases)('renders as jinja2 does: $template', ({ template, output }) => {
  const render = () => createTemplate(template).render(given, RENDER_STEPS);
  if (output === undefined) expect(render).toThrow(TemplateError);
  else expect(render()).toBe(output);
});
