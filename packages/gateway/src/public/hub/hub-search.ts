import type { Clock } from '@ogong/host/time/clock';
import type { HubName } from '@ogong/hub/named/registry-entry';
import { createSearchIndex, type SearchCard, type SearchIndex } from '@ogong/hub/search/search-index';
import { createMemo } from '../../front/memo.ts';
import type { ManifestSummary } from './manifest-summary.ts';

const MAX_KEPT_CARDS = 4_096;
const FRESH_MS = 10_000;

/** Search by words of names, and of licences and notes that this gateway has read. */
export interface HubSearch {
  /** Adds the facts of a model's version to the next index. */
  learn(name: HubName, summary: ManifestSummary): void;
  /** @param query the newest models come first if it is empty. */
  find(names: readonly HubName[], query: string): Promise<readonly HubName[]>;
}

export function createHubSearch(clock: Clock): HubSearch {
  const cards = new Map<string, SearchCard>();
  const indexes = createMemo<SearchIndex>({ capacity: 1, lifetimeMs: () => FRESH_MS }, clock);
  return {
    learn({ maker, model }, { version, licence, notes }) {
      const name = `${maker}/${model}`;
      cards.delete(name);
      cards.set(name, { version, licence, text: notes });
      if (cards.size > MAX_KEPT_CARDS) cards.delete(cards.keys().next().value as string);
    },
    async find(names, query) {
      if (query.trim() === '') return names.toReversed();
      const index = await indexes('', async () =>
        createSearchIndex(names.map(({ maker, model }) => ({ maker, model, card: cards.get(`${maker}/${model}`) }))),
      );
      return index.search(query, names.length);
    },
  };
}
