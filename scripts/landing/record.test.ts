import { expect, it } from 'vitest';
import { formatRecord, parseRecord } from './record.ts';

const run = (hash: string, skipped = 0) => ({
  hash,
  seconds: 1.2,
  passed: 3,
  skipped,
  programs: skipped > 0 ? ['gcc', 'spin'] : [],
});
const record = new Map([
  ['packages/b.test.ts', run('bb', 2)],
  [':contracts', run('cc')],
  ['packages/a.test.ts', run('aa')],
]);

it('has a line for each name, sorted, and reads what it writes', () => {
  const text = formatRecord(record);
  expect(text).toBe(
    '{\n":contracts":["cc",1.2,3],\n"packages/a.test.ts":["aa",1.2,3],\n"packages/b.test.ts":["bb",1.2,3,2,"gcc spin"],\n"~end":0}\n',
  );
  expect(parseRecord(text)).toEqual(new Map([...record].sort()));
  expect(formatRecord(parseRecord(text))).toBe(text);
  expect(parseRecord(formatRecord(new Map()))).toEqual(new Map());
});

it('is readable after Git has kept the lines of both sides', () => {
  const text = formatRecord(record).replace(
    '"packages/a.test.ts":["aa",1.2,3],\n',
    '$&"packages/a.test.ts":["zz",1.2,3],\n',
  );
  expect(parseRecord(text).get('packages/a.test.ts')?.hash).toBe('zz');
});

it.each(['', '{"a":', '[]', '{"a":[1,2,3]}', '{"a":["x",-1,0]}', '{"a":["x",null,0]}', '{"a":{"hash":"x"}}', 'null'])(
  'that is damaged (%s) spares nothing',
  (text) => {
    expect(parseRecord(text).size).toBe(0);
  },
);
