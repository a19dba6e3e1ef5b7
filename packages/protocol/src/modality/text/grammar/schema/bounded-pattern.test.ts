import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8Encode } from '../../../../base/bytes.ts';
import { compileGrammar, matchText } from '../machine.ts';
import { schemaToGrammar } from './schema-grammar.ts';

interface Bounded {
  readonly pattern: string;
  readonly minLength?: number;
  readonly maxLength?: number;
}

const compile = (schema: Bounded) => compileGrammar(schemaToGrammar({ type: 'string', ...schema }));
const isWhole = (schema: Bounded, ...texts: readonly string[]): boolean[] => {
  const grammar = compile(schema);
  return texts.map((text) => matchText(grammar, utf8Encode(JSON.stringify(text))) === 'whole');
};

const SLUG = '^[a-z0-9]+(?:-[a-z0-9]+)*$';

describe('a length beside a pattern', () => {
  it.each<[Bounded, yes: readonly string[], no: readonly string[]]>([
    // The pattern says the same already.
    [{ pattern: '^[A-Z]{3}$', minLength: 1, maxLength: 3 }, ['ABC'], ['AB', 'ABCD']],
    // One repeat is tightened.
    [{ pattern: '^[a-z_]+$', minLength: 2, maxLength: 4 }, ['ab', 'a_bc'], ['a', 'abcde', 'A']],
    [{ pattern: '^[a-z_]+$', maxLength: 2000 }, ['a', 'a'.repeat(2000)], ['', 'a'.repeat(2001)]],
    [{ pattern: '^\\S*$', minLength: 1 }, ['x', 'xyz'], ['', 'a b']],
    [{ pattern: '^id-(?:ab)+$', minLength: 6, maxLength: 8 }, ['id-abab'], ['id-ab', 'id-ababab']],
    [{ pattern: '^(?:a+|bb|c{9})$', minLength: 2, maxLength: 3 }, ['aa', 'aaa', 'bb'], ['a', 'aaaa', 'c'.repeat(9)]],
    [{ pattern: '^x', maxLength: 3 }, ['x', 'x"\n'], ['xyzz', 'ax']],
    [{ pattern: '^a*$', maxLength: 0 }, [''], ['a']],
    // Several parts vary, so characters are counted.
    [{ pattern: SLUG, maxLength: 5 }, ['a', 'a-b-c', 'abcde'], ['a-b-c-', 'a-b-cd', 'a--b', '']],
    [{ pattern: SLUG, minLength: 4 }, ['a-bc', 'abcdefgh-i'], ['abc', 'a-b', 'abc-']],
    [{ pattern: SLUG, minLength: 3, maxLength: 63 }, ['a-b', 'a'.repeat(63)], ['ab', 'a'.repeat(64)]],
    [{ pattern: '^.+@.+\\.com$', maxLength: 9 }, ['a@b.com', 'ab@cd.com'], ['abc@de.com', '@b.com']],
    [{ pattern: 'b', minLength: 3, maxLength: 4 }, ['abc', 'bbbb', '\n"b'], ['ab', 'aaa', 'abcde']],
    [{ pattern: '^(?:[a-c]|"){1,3}\\d*$', minLength: 4, maxLength: 4 }, ['a"c1', 'a123'], ['abca', '1234', 'a12']],
    [{ pattern: '^🙂+é*$', minLength: 2, maxLength: 2 }, ['🙂🙂', '🙂é'], ['🙂', '🙂🙂é']],
    [{ pattern: '^a?b?$|^c{2,}d*$', minLength: 1, maxLength: 3 }, ['a', 'ab', 'cc', 'ccd'], ['', 'c', 'ccdd']],
  ])('holds: %j', (schema, yes, no) => {
    expect(isWhole(schema, ...yes)).toEqual(yes.map(() => true));
    expect(isWhole(schema, ...no)).toEqual(no.map(() => false));
  });

  it('is left out of the grammar if the pattern says the same', () => {
    const pattern = '^[A-Z]{3}$';
    expect(schemaToGrammar({ pattern, type: 'string', minLength: 2, maxLength: 4 })).toBe(
      schemaToGrammar({ pattern, type: 'string' }),
    );
  });

  it('makes a small grammar of a repeat', () => {
    expect(schemaToGrammar({ type: 'string', pattern: '^[a-z_]+$', maxLength: 2000 })).toContain('{1,2000}');
    expect(schemaToGrammar({ type: 'string', pattern: SLUG, maxLength: 255 }).length).toBeLessThan(40_000);
  });

  const ALPHABET = ['a', 'b', '"'];
  const LONGEST = 5;
  const texts = [''];
  for (const text of texts) if (text.length < LONGEST) texts.push(...ALPHABET.map((letter) => text + letter));

  const { pattern: anyPattern } = fc.letrec<{ readonly pattern: string; readonly item: string }>((tie) => ({
    item: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom('a', 'b', '"', '[ab]', '[^a]'),
      tie('pattern').map((inside) => `(?:${inside})`),
    ),
    pattern: fc
      .array(
        fc.array(fc.tuple(tie('item'), fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,3}', '{2,}', '{0,2}')), {
          maxLength: 3,
        }),
        { minLength: 1, maxLength: 2 },
      )
      .map((options) => options.map((items) => items.map((item) => item.join('')).join('')).join('|')),
  }));

  /** A pattern may have an automaton that is too large. Otherwise it is refused only if it has no text of such a length. */
  function assertRefusal(error: unknown, allowed: readonly string[]): void {
    if (/steps of work|bytes/.test(String(error))) return;
    expect(String(error)).toContain('leaves no text');
    expect(allowed).toEqual([]);
  }

  it('allows the texts that a regular expression of the same lengths allows, and beginnings of them alone', () => {
    const bounds = fc.record(
      { minLength: fc.nat(LONGEST - 1), maxLength: fc.nat(LONGEST - 1) },
      { requiredKeys: ['maxLength'] },
    );
    fc.assert(
      fc.property(anyPattern, fc.boolean(), bounds, (inside, isAnchored, { minLength = 0, maxLength }) => {
        fc.pre(minLength <= maxLength);
        const pattern = isAnchored ? `^(?:${inside})$` : `(?:${inside})`;
        const regular = new RegExp(pattern, 'u');
        const allowed = texts.filter(
          (text) => text.length >= minLength && text.length <= maxLength && regular.test(text),
        );
        let grammar: ReturnType<typeof compile>;
        try {
          grammar = compile({ pattern, minLength, maxLength });
        } catch (error) {
          assertRefusal(error, allowed);
          return;
        }
        const match = (text: string) => matchText(grammar, utf8Encode(text));
        expect(texts.filter((text) => match(JSON.stringify(text)) === 'whole')).toEqual(allowed);
        // [^a] and an open end allow more letters, which may continue any beginning.
        if (!isAnchored || inside.includes('^')) return;
        const beginnings = new Set(allowed.flatMap((text) => texts.filter((start) => text.startsWith(start))));
        expect(texts.filter((text) => match(JSON.stringify(text).slice(0, -1)) === 'beginning')).toEqual(
          texts.filter((text) => beginnings.has(text)),
        );
      }),
      { numRuns: 100 },
    );
  });

  it('without a limit allows the texts of at least its length', () => {
    fc.assert(
      fc.property(anyPattern, fc.nat(LONGEST), (inside, minLength) => {
        const pattern = `^(?:${inside})$`;
        const regular = new RegExp(pattern, 'u');
        const allowed = texts.filter((text) => text.length >= minLength && regular.test(text));
        let grammar: ReturnType<typeof compile>;
        try {
          grammar = compile({ pattern, minLength });
        } catch (error) {
          assertRefusal(error, allowed);
          return;
        }
        const match = (text: string) => matchText(grammar, utf8Encode(JSON.stringify(text)));
        expect(texts.filter((text) => match(text) === 'whole')).toEqual(allowed);
      }),
      { numRuns: 60 },
    );
  });
});
