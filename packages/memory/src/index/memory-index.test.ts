import { createTestMemory, createTestVector, TEST_MODEL } from '@ogong/testing/memory/memory-fixture';
import { expect, it } from 'vitest';
import { createMemoryIndex } from './memory-index.ts';
import { fuseRanks } from './rank-fusion.ts';
import { openVectorDatabase } from './vector-database.ts';
import { toWordQuery } from './word-query.ts';

const COUNT = 9_000;

it('searches all slices exactly, lets other work run in between, and forgets what is dropped', async () => {
  const index = createMemoryIndex();
  const degrees = (number: number): number => ((number * 7_919) % COUNT) / 50;
  const all = Array.from({ length: COUNT }, (_, number) =>
    createTestMemory({ text: `fact ${number % 100} number${number}` }, { degrees: degrees(number) }),
  );
  index.put(all);
  const search = (text: string) =>
    index.search({ text, vector: createTestVector(0), embeddingModel: TEST_MODEL, limit: 10 });
  let turns = 0;
  const count = (): void => {
    turns++;
    timer = setImmediate(count);
  };
  let timer = setImmediate(count);
  const { nearest, worded } = await search('number8999');
  clearImmediate(timer);
  expect(turns).toBeGreaterThan(1);
  const order = all.map(({ memory }, number) => ({ id: memory.id, degrees: degrees(number) }));
  order.sort((a, b) => a.degrees - b.degrees);
  // Near zero, distances round to equal ones.
  expect(new Set(nearest.map(({ id }) => id))).toEqual(new Set(order.slice(0, 200).map(({ id }) => id)));
  expect(worded).toEqual([all[8_999]?.memory.id]);
  expect((await search('number1 number5000')).worded).toHaveLength(2);
  const [first] = nearest;
  index.drop(first?.id ?? '');
  index.drop(all[8_999]?.memory.id ?? '');
  const after = await search('number8999');
  expect(after.worded).toEqual([]);
  expect(after.nearest.map(({ id }) => id)).not.toContain(first?.id);
  index.retain(new Set([all[7]?.memory.id ?? '', 'unknown']));
  expect([index.count(), (await search('number7')).worded]).toEqual([1, [all[7]?.memory.id]]);
  index.close();
});

it('reads nothing of a text as an operator of FTS5', () => {
  expect(toWordQuery('a" OR text:* NEAR(b) -c ^d café नमस्ते')).toBe(
    '"text" OR "near" OR "b" OR "c" OR "d" OR "café" OR "नमस्ते"',
  );
  expect(toWordQuery('"" * ( )')).toBeUndefined();
  expect(toWordQuery(Array.from({ length: 99 }, (_, index) => `w${index}`).join(' '))?.split(' OR ')).toHaveLength(32);
});

it('fuses ranks: an id in both orders is before the first of one', () => {
  const fused = fuseRanks([
    ['a', 'b'],
    ['c', 'b'],
  ]);
  expect(fused).toEqual([
    { id: 'b', score: 2 / 62 },
    { id: 'a', score: 1 / 61 },
    { id: 'c', score: 1 / 61 },
  ]);
});

it('loads no extension by a statement', () => {
  const database = openVectorDatabase();
  expect(() => database.exec("SELECT load_extension('./other')")).toThrow('not authorized');
  database.close();
});
