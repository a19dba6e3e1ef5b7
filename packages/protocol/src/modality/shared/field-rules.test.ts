import { expect, it } from 'vitest';
import { applyRules, assertKeys, type FieldRules, isFalse, judgeFields, OTHERS } from './field-rules.ts';

const RULES: FieldRules = {
  kept: 'works',
  quiet: 'ignored',
  hint: 'dropped',
  wish: { dropped: 'nothing depends on it', unless: isFalse },
  harm: { refused: 'it would change the answer', unless: isFalse },
};

it('keeps, ignores, drops or refuses a field by its rule', () => {
  expect(judgeFields({ kept: 1, quiet: 1 }, RULES)).toEqual({ dropped: [], problem: undefined });
  expect(judgeFields({ hint: 1, wish: 1 }, RULES, 'options').dropped).toEqual(['options.hint', 'options.wish']);
  expect(judgeFields({ harm: 1 }, RULES, 'options').problem).toEqual({
    message: 'options.harm: it would change the answer',
    param: 'options.harm',
    code: 'unsupported_parameter',
  });
});

it('takes a neutral value and null as nothing', () => {
  const nothing = { wish: false, harm: false, hint: null, unknown: null };
  expect(judgeFields(nothing, RULES)).toEqual({ dropped: [], problem: undefined });
});

it('drops a field that no rule names, with a short name, also one that every object inherits', () => {
  const fields = JSON.parse('{"x":1,"constructor":1,"__proto__":1,"*":1}');
  expect(judgeFields(fields, RULES).dropped).toEqual(['x', 'constructor', '__proto__', '*']);
  expect(judgeFields({ ['y'.repeat(500)]: 1 }, RULES).dropped).toEqual(['y'.repeat(100)]);
});

it('follows the rule of a table for all other fields', () => {
  const strict: FieldRules = { kept: 'works', [OTHERS]: { refused: 'it is not known' } };
  for (const key of ['x', '*', 'constructor'])
    expect(judgeFields({ kept: 1, [key]: 1 }, strict).problem).toMatchObject({ param: key });
});

it('collects dropped fields over several objects, and throws for a refused one', () => {
  const collected = { dropped: ['before'] };
  applyRules(collected, { hint: 1 }, RULES, 'a');
  applyRules(collected, { x: 1 }, RULES, 'b');
  expect(collected.dropped).toEqual(['before', 'a.hint', 'b.x']);
  const refused = expect.objectContaining({ name: 'RequestError', param: 'harm' });
  expect(() => applyRules(collected, { harm: 1 }, RULES)).toThrow(refused);
});

it('refuses each unknown demand', () => {
  expect(() => assertKeys({ a: 1, b: null }, new Set(['a']), 'ogong')).not.toThrow();
  expect(() => assertKeys({ a: 1, b: 1 }, new Set(['a']), 'ogong')).toThrow('ogong.b');
});
