import { createSearchIndex, MAX_TEXT_CHARACTERS, type SearchEntry } from '@ogong/hub/search/search-index';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { median, type Row } from '../row.ts';

const MODELS = 10_000;
const MAKERS = 500;
const ROUNDS = 15;
const WORDS = ['small', 'large', 'chat', 'story', 'lighthouse', 'code', 'quantised', 'german', 'vision', 'reader'];
/** A word of a name, words of texts, and a word that no model has. */
const QUERIES = ['model-77', 'lighthouse german apache', 'story q', 'absent'];

/** Measures searches over models whose cards are full. */
export function measureSearch(): Row[] {
  const entries = createEntries();
  const builds = Array.from({ length: ROUNDS }, () => time(() => createSearchIndex(entries)));
  const index = createSearchIndex(entries);
  const slowest = QUERIES.map((query) =>
    median(Array.from({ length: ROUNDS }, () => time(() => index.search(query, 20)))),
  ).reduce((most, ms) => Math.max(most, ms));
  return [
    {
      ...{ id: 'hub-search', what: `a search over ${MODELS} models`, unit: 'ms', value: slowest },
      aim: { at: 'most', value: 50 },
      note: `the slowest of ${QUERIES.length} queries, the median of ${ROUNDS} rounds; each model has ${MAX_TEXT_CHARACTERS} characters of text`,
      why: 'a query looks at each model once',
    },
    { id: 'hub-search-index', what: `an index of ${MODELS} models`, unit: 'ms', value: median(builds) },
  ];
}

function createEntries(): SearchEntry[] {
  const random = createSeededRandom(5);
  const draw = (): string => WORDS[Math.floor(random() * WORDS.length)] as string;
  const text = (): string => {
    let words = '';
    while (words.length < MAX_TEXT_CHARACTERS) words += `${draw()} `;
    return words.slice(0, MAX_TEXT_CHARACTERS);
  };
  return Array.from({ length: MODELS }, (_, i) => ({
    ...{ maker: `maker-${i % MAKERS}`, model: `model-${i}` },
    card: { version: '1.0.0', licence: 'Apache-2.0', text: text() },
  }));
}

function time(work: () => unknown): number {
  const startMs = performance.now();
  work();
  return performance.now() - startMs;
}
