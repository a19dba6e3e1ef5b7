import { describe, expect, it } from 'vitest';
import { ProtocolError, utf8Encode } from './bytes.ts';
import { isLongNumber, MAX_JSON_DEPTH, parseJson } from './json.ts';

const nest = (depth: number, open = '[', close = ']') => utf8Encode(open.repeat(depth) + close.repeat(depth));

function codeOf(bytes: Uint8Array): string {
  try {
    parseJson(bytes);
    return 'parsed';
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    return (error as ProtocolError).code;
  }
}

describe('parseJson', () => {
  it('accepts nesting up to the limit and refuses one level more, without recursion', () => {
    expect(codeOf(nest(MAX_JSON_DEPTH))).toBe('parsed');
    expect(codeOf(nest(MAX_JSON_DEPTH + 1))).toBe('too-large');
    expect(codeOf(utf8Encode(`${'{"a":'.repeat(65)}1${'}'.repeat(65)}`))).toBe('too-large');
    expect(codeOf(utf8Encode('['.repeat(1_000_000)))).toBe('too-large');
  });

  it('counts brackets that are open at once, not all of them', () => {
    expect(codeOf(utf8Encode(`[${Array(500).fill('[{}]').join(',')}]`))).toBe('parsed');
  });

  it('does not count brackets in strings, behind escapes either', () => {
    const brackets = '['.repeat(200);
    expect(parseJson(utf8Encode(JSON.stringify([brackets, `"${brackets}`, `\\${brackets}`, '\\'])))).toHaveLength(4);
    // The string ends at its second quote: the first backslash escapes the second.
    expect(codeOf(utf8Encode(`["\\\\",${brackets}`))).toBe('too-large');
  });

  it('refuses what is not JSON, not UTF-8, or begins with a byte order mark', () => {
    expect(codeOf(utf8Encode('{'))).toBe('malformed');
    expect(codeOf(Uint8Array.of(0x22, 0xff, 0x22))).toBe('malformed');
    expect(codeOf(utf8Encode('\ufeff{}'))).toBe('malformed');
  });
});

it('keeps the digits of whole numbers that a double cannot hold', () => {
  const text = '{"id":12345678901234567890,"near":9007199254740991,"far":[-9007199254740993],"x":1e300}';
  const value = parseJson(utf8Encode(text)) as { readonly id: unknown; readonly near: unknown };
  expect(isLongNumber(value.id)).toBe(true);
  expect(value.near).toBe(Number.MAX_SAFE_INTEGER);
  expect(JSON.stringify(value)).toBe(text.replace('1e300', '1e+300'));
});
