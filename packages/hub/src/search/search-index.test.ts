import { expect, it } from 'vitest';
import { createSearchIndex, type SearchEntry } from './search-index.ts';

const FAMILIES = ['llama', 'qwen', 'mistral', 'stories', 'phi'];
const SIZES = ['1b', '7b', '70b', '260k'];

/** Model i of 10,000. Every hundredth one has a card. */
const createEntry = (i: number): SearchEntry => ({
  maker: `maker${i % 100}`,
  model: `${FAMILIES[i % 5]}-${SIZES[Math.floor(i / 5) % 4]}-v${i}`,
  ...(i % 100 === 7 && {
    card: {
      version: '1.0.0',
      licence: 'Apache-2.0',
      text: `Model number ${i} writes Poems.\n${'x'.repeat(700)} hidden`,
    },
  }),
});
const entries = Array.from({ length: 10_000 }, (_, i) => createEntry(i));
const index = createSearchIndex(entries);
const names = (query: string, limit = 10_000) =>
  index.search(query, limit).map(({ maker, model }) => `${maker}/${model}`);

it('finds the models that have all words, in 10,000', () => {
  const wanted = entries.filter(({ maker, model }) => model.startsWith('qwen-7b-') && maker === 'maker31');
  expect(wanted).toHaveLength(0);
  expect(names('qwen 7b maker31')).toEqual([]);
  const some = entries.filter(({ maker, model }) => model.startsWith('qwen-7b-') && maker === 'maker26');
  expect(some.length).toBeGreaterThan(50);
  expect(names('QWEN  7b maker26').sort()).toEqual(some.map(({ maker, model }) => `${maker}/${model}`).sort());
  expect(names('poems apache')).toHaveLength(100);
  expect(names('poems v107')).toEqual(['maker7/mistral-7b-v107']);
});

it('puts whole words of the name before beginnings, parts and texts; equal ones by name', () => {
  const own = createSearchIndex([
    { maker: 'a', model: 'tale', card: { version: '1.0.0', licence: 'MIT', text: 'About a cat.' } },
    { maker: 'b', model: 'concat' },
    { maker: 'c', model: 'catalogue' },
    { maker: 'z', model: 'cat-small' },
    { maker: 'd', model: 'cat' },
  ]);
  expect(own.search('cat', 9).map(({ maker }) => maker)).toEqual(['d', 'z', 'c', 'b', 'a']);
  expect(own.search('cat', 2).map(({ maker }) => maker)).toEqual(['d', 'z']);
});

it('takes no empty query, and reads a bounded part of texts and queries', () => {
  expect(names('   ')).toEqual([]);
  expect(names('hidden')).toEqual([]);
  expect(names(`${'qwen '.repeat(100_000)} nothing`, 1)).toHaveLength(1);
});
