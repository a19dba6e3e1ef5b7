import { expect, it } from 'vitest';
import { compareRenderings, renderAll } from './compare.ts';
import { conversations } from './conversations.ts';

it('counts equal renderings and refusals, and names the first difference', () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const found = compareRenderings(names, ['x', 'wanted', null, null, 'y'], ['x', 'want', null, 'z', null]);
  expect(found).toEqual({
    ...{ equal: 1, differs: 1, refusedByBoth: 1, refusedByOne: 2 },
    first: 'b: at 4 jinja2 writes "ed", the project ""',
  });
});

it.each([
  [null, 'x', 'a: jinja2 alone refuses'],
  ['x', null, 'a: the project alone refuses'],
  ['x', 'x', ''],
  [null, null, ''],
])('describes %j beside %j', (expected, found, first) => {
  expect(compareRenderings(['a'], [expected], [found]).first).toBe(first);
});

it('renders each list of fields with its long numbers, and keeps refusals apart', () => {
  const source = "{% if n is undefined %}{{ raise_exception('no') }}{% endif %}{{ n }} {{ strftime_now('%Y') }}";
  expect(renderAll(source, ['{"n": 9007199254740993}', '{}'], 0)).toEqual(['9007199254740993 1970', null]);
  expect(renderAll('{% nope %}', ['{}'], 0)).toEqual([null]);
});

it('has conversations of different names and fields', () => {
  expect(new Set(conversations.map(([, fields]) => fields)).size).toBe(conversations.length);
  expect(conversations.some(([, fields]) => fields.includes('9007199254740993'))).toBe(true);
});
