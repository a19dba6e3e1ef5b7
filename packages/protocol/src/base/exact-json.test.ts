import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ProtocolError } from './bytes.ts';
import { type ExactJson, formatExactJson, parseExactJson, parseExactMember } from './exact-json.ts';

const toPlain = (value: ExactJson): unknown => JSON.parse(formatExactJson(value)) as unknown;

it('keeps whole numbers of any size, floats, and the order of keys', () => {
  const text = '{"b":12345678901234567890,"10":-9007199254740993,"2":[2.5,1e400,-0]}';
  const value = parseExactJson(text) as ReadonlyMap<string, ExactJson>;
  expect([...value.keys()]).toEqual(['b', '10', '2']);
  expect(value.get('b')).toBe(12345678901234567890n);
  expect(value.get('2')).toEqual([2.5, Number.POSITIVE_INFINITY, 0n]);
  expect(formatExactJson(parseExactJson('{"b":12345678901234567890,"10":[1.5],"2":null}'))).toBe(
    '{"b":12345678901234567890,"10":[1.5],"2":null}',
  );
});

it('reads what JSON.parse reads', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(undefined, 1, '\t'), (plain, indent) => {
      const text = JSON.stringify(plain, null, indent);
      expect(toPlain(parseExactJson(` ${text}\n`))).toEqual(JSON.parse(text));
    }),
  );
});

it.each([
  '',
  '{',
  '[1,]',
  '{"a":1,}',
  '01',
  '1.',
  '.5',
  '+1',
  '"\n"',
  '"\\x"',
  'nul',
  '{a:1}',
  '1 2',
  '"a',
  '\ufeff1',
  '- 1',
])('refuses %j, as JSON.parse does', (text) => {
  expect(() => JSON.parse(text)).toThrow();
  expect(() => parseExactJson(text)).toThrow(ProtocolError);
});

it('refuses a deep nest and an endless number', () => {
  for (const text of ['['.repeat(100_000), '{"a":'.repeat(70), '9'.repeat(5_000)])
    expect(() => parseExactJson(text)).toThrow(ProtocolError);
});

it('reads a text of any length, and escapes before its end', () => {
  for (const text of ['x'.repeat(20_000_000), '\\'.repeat(1_000_001), 'a\\"b\\\\'])
    expect(parseExactJson(JSON.stringify(text))).toBe(text);
});

it('reads one member of an object as the whole reading does', () => {
  const member = fc.constantFrom('tools', 'a', 't"ools', '\\');
  fc.assert(
    fc.property(
      fc.array(fc.tuple(member, fc.jsonValue({ maxDepth: 3 }))),
      fc.constantFrom('', ' ', '\n'),
      (pairs, space) => {
        const members = pairs.map(
          ([key, value]) => `${space}${JSON.stringify(key)}${space}:${space}${JSON.stringify(value)}${space}`,
        );
        const text = `${space}{${members.join(',')}}`;
        expect(parseExactMember(text, 'tools')).toEqual(
          (parseExactJson(text) as ReadonlyMap<string, ExactJson>).get('tools'),
        );
      },
    ),
  );
});
