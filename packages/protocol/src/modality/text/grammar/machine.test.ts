import { describe, expect, it } from 'vitest';
import { utf8Encode } from '../../../base/bytes.ts';
import { MAX_GRAMMAR_BYTES, MAX_REPEATS } from './gbnf.ts';
import { GrammarError } from './grammar-error.ts';
import { compileGrammar, createGrammarMachine, type GrammarState, MAX_PLACES, matchText } from './machine.ts';

const match = (grammar: string, text: string | Uint8Array) =>
  matchText(compileGrammar(grammar), typeof text === 'string' ? utf8Encode(text) : text);
function refusal(grammar: string): string {
  try {
    compileGrammar(grammar);
  } catch (error) {
    expect(error).toBeInstanceOf(GrammarError);
    return (error as GrammarError).message;
  }
  throw new Error('not refused');
}

/** A chain of rules in which each needs the rule that is checked last. */
const CIRCLES = `root ::= r0\n${Array.from({ length: 200 }, (_, i) =>
  i === 0 ? 'r0 ::= "a" | "b" r1\n' : `r${i} ::= r${i - 1} | "b" r${i - 1} r${(i + 1) % 200}\n`,
).join('')}`;

describe('a grammar over bytes', () => {
  it.each([
    ['root ::= "ab" | "ac"', ['ab', 'ac'], ['', 'a'], ['b', 'abc', 'ad']],
    ['root ::= [a-c]+ "."?', ['a', 'cab.'], [''], ['.', 'd', 'a..']],
    ['root ::= "x"{2,3}', ['xx', 'xxx'], ['', 'x'], ['xxxx']],
    ['root ::= "x"{2,}', ['xx', 'xxxxx'], ['x'], ['y']],
    ['root ::= "x"{,2} "y"', ['y', 'xxy'], ['xx'], ['xxx']],
    ['root ::= ("a" "b"?){3} "c"{0}', ['aaa', 'abaab'], ['ab'], ['abb', 'aaac']],
    ['root ::= "(" root ")" | ""', ['', '(())'], ['(', '(()'], [')', '())']],
    ['root ::= item ("," item)* # a list\nitem ::= [0-9]\n', ['1', '1,2'], ['', '1,'], [',']],
    ['root ::= [^"\\\\] "\\x41" "\\u00e9"', ['xAé'], ['x', 'xA'], ['"', 'xB']],
    ['root ::= .', ['é', '🙂', '\n'], [''], ['ab']],
    ['root ::= [à-é🙂]', ['é', '🙂'], [''], ['e', 'ê', '🙃']],
    ['root ::=\n  ("a" |\n   "b")\n  ', ['a', 'b'], [''], ['c']],
  ])('%s', (grammar, whole, beginnings, forbidden) => {
    expect(whole.map((text) => match(grammar, text))).toEqual(whole.map(() => 'whole'));
    expect(beginnings.map((text) => match(grammar, text))).toEqual(beginnings.map(() => 'beginning'));
    expect(forbidden.map((text) => match(grammar, text))).toEqual(forbidden.map(() => 'forbidden'));
  });

  it('accepts only UTF-8: no half characters, no long forms, no surrogates', () => {
    expect(match('root ::= .*', Uint8Array.of(0xc3))).toBe('beginning');
    for (const bytes of [[0x80], [0xc0, 0x80], [0xe0, 0x80], [0xed, 0xa0], [0xf4, 0x90], [0xf5]])
      expect(match('root ::= .*', Uint8Array.from(bytes))).toBe('forbidden');
  });

  it('repeats parts that may be empty, and parts that repeat', () => {
    for (const grammar of ['root ::= ("a"?)*', 'root ::= (("a"*)*)*', 'root ::= ("a"?){2,9}'])
      expect([match(grammar, ''), match(grammar, 'aa'), match(grammar, 'b')]).toEqual(['whole', 'whole', 'forbidden']);
  });

  it('keeps the same state for the same continuation, for any length of the text', () => {
    const machine = createGrammarMachine(compileGrammar('root ::= [a-z] root | "."'));
    const states = new Set<GrammarState>();
    let state = machine.start;
    for (let i = 0; i < 1000; i++) {
      state = machine.step(state, 0x61) as GrammarState;
      states.add(state);
    }
    expect(states.size).toBe(1);
  });

  it('continues from a state that it has forgotten', () => {
    const grammar = compileGrammar('root ::= "a"{0,70000} "b"'.replace('70000', String(MAX_REPEATS)));
    const machine = createGrammarMachine(grammar);
    let state = machine.start;
    // Each of these is a separate state. They are more than a machine remembers.
    for (let i = 0; i < MAX_REPEATS; i++) state = machine.step(machine.renew(state, 100), 0x61) as GrammarState;
    expect(machine.step(state, 0x61)).toBeUndefined();
    expect(machine.step(state, 0x62)?.isComplete).toBe(true);
  });

  it('forbids a byte with too many continuations, and stops when the work limit is reached', () => {
    // Every "a" doubles the possible ends of the text.
    const wild = 'root ::= "a" root "b" | "a" root "c" | "."';
    expect(match(wild, 'a'.repeat(8))).toBe('beginning');
    expect(match(wild, 'a'.repeat(Math.ceil(Math.log2(MAX_PLACES)) + 1))).toBe('forbidden');
    const machine = createGrammarMachine(compileGrammar(wild));
    const start = machine.renew(machine.start, 3);
    expect(() => machine.step(machine.step(start, 0x61) as GrammarState, 0x61)).toThrow(/too many ways/);
  });

  it.each([
    ['', 'no rule called root'],
    ['toot ::= "a"', 'no rule called root'],
    ['root ::= other', 'names other, which is not defined'],
    ['root ::= "a\n', 'line 2'],
    ['root ::= ("a"', 'expected )'],
    ['root ::= "a")', 'not expected here'],
    ['root ::= [b-a]', 'ends before it begins'],
    ['root ::= "a"{3,2}', 'the smaller number first'],
    ['root ::= "a"{}', 'the smaller number first'],
    [`root ::= "a"{${MAX_REPEATS + 1}}`, 'repeats at most'],
    ['root ::= "a"\nroot ::= "b"', 'line 2 of the grammar: the rule root stands here twice'],
    ['root ::= "\\q"', 'no escape \\q'],
    ['root ::= "\\ud800"', 'is no character'],
    ['root ::= <think>', 'tokens cannot be named'],
    ['root ::= !"a"', 'tokens cannot be named'],
    ['root ::= root "a" | "b"', 'root begins with itself'],
    ['root ::= "x"? list\nlist ::= root | "b"', 'begins with itself'],
    ['root ::= ("x"* root)* "a"', 'begins with itself'],
    ['root ::= "a" root', 'a part that no text matches'],
    ['root ::= "a" | [] "b"', 'a part that no text matches'],
    [`root ::= ${'('.repeat(80)}"a"${')'.repeat(80)}`, 'deeper than 64'],
    [`root ::= "a"${'*'.repeat(80)}`, 'deeper than 64'],
    [CIRCLES, 'too many circles'],
    [`root ::= "${'a'.repeat(MAX_GRAMMAR_BYTES)}"`, `at most ${MAX_GRAMMAR_BYTES} bytes`],
    [`root ::= ${Array.from({ length: MAX_PLACES + 1 }, (_, i) => `"${i}"`).join(' | ')}`, 'more than'],
    ['root ::= "\ud800"', 'half a character'],
  ])('refuses %#: %.40s', (grammar, message) => expect(refusal(grammar)).toContain(message));
});
