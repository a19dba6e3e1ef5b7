import { describe, expect, it } from 'vitest';
import { isRight, readExpectation } from './expectation.ts';

describe('an expectation', () => {
  it.each<[expected: object, answer: string, right: boolean]>([
    [{ exact: 'Paris' }, ' Paris\n', true],
    [{ exact: 'Paris' }, 'paris', false],
    [{ exact: 'Paris' }, 'Paris.', false],
    [{ contains: '43' }, 'The sum is 43.', true],
    [{ contains: '43' }, '143 or 430', false],
    [{ contains: 'Mice' }, '**mice**', true],
    [{ contains: 'ice' }, 'mice', false],
    [{ contains: 'ice' }, 'éice', false],
    [{ contains: 'ice' }, '\u{1d54f}ice', false],
    [{ choice: 'B', of: ['A', 'B'] }, 'B) Mercury, not A', true],
    [{ choice: 'B', of: ['A', 'B'] }, 'It is A or B', false],
    [{ choice: 'B', of: ['A', 'B'] }, 'Because', false],
  ])('%j of %j is %s', (expected, answer, right) => {
    expect(isRight(answer, readExpectation(expected, 'question 1'))).toBe(right);
  });

  it.each([
    ['no rule', {}],
    ['two rules', { exact: 'a', contains: 'a' }],
    ['a pattern', { regex: '(a+)+$' }],
    ['a blank text', { contains: ' \n' }],
    ['a choice that is no label', { choice: 'C', of: ['A', 'B'] }],
    ['one label twice', { choice: 'A', of: ['A', 'A'] }],
    ['a label with a space', { choice: 'A', of: ['A', 'B '] }],
    ['labels without a choice', { exact: 'A', of: ['A', 'B'] }],
  ])('with %s is refused', (_what, expected) => {
    expect(() => readExpectation(expected, 'question 1')).toThrow(expect.objectContaining({ code: 'malformed' }));
  });
});
