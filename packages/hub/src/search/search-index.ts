/** Facts of a model's newest manifest that this machine has seen. */
export interface SearchCard {
  /** Such as `1.2.0`. */
  readonly version: string;
  /** SPDX expression. */
  readonly licence: string;
  /** Notes and the beginning of the README, at most MAX_TEXT_CHARACTERS. */
  readonly text: string;
}

/** A model as the search knows it. */
export interface SearchEntry {
  readonly maker: string;
  readonly model: string;
  readonly card?: SearchCard | undefined;
}

export interface SearchIndex {
  /**
   * Finds models that have each word of the query in their name, licence or text. The best come first, equal ones by name.
   * @param limit most results.
   */
  search(query: string, limit: number): readonly SearchEntry[];
}

export const MAX_TEXT_CHARACTERS = 600;
const MAX_QUERY_CHARACTERS = 256;
const MAX_WORDS = 16;

/** Points for a word by the place where it is found. */
const POINTS = { whole: 16, prefix: 8, name: 4, card: 1 } as const;

interface Prepared {
  readonly entry: SearchEntry;
  readonly name: string;
  /** Parts of the name between its signs. */
  readonly parts: readonly string[];
  readonly text: string;
}

const fold = (text: string): string => text.normalize('NFKC').toLowerCase();

/** Creates an index in memory. A query looks at each entry once. */
export function createSearchIndex(entries: readonly SearchEntry[]): SearchIndex {
  const prepared = entries.map((entry): Prepared => {
    const name = `${entry.maker}/${entry.model}`;
    const { licence = '', text = '' } = entry.card ?? {};
    return {
      entry,
      name,
      parts: name.split(/[/._-]+/),
      text: fold(`${licence}\n${text.slice(0, MAX_TEXT_CHARACTERS)}`),
    };
  });
  return {
    search(query, limit) {
      const words = fold(query.slice(0, MAX_QUERY_CHARACTERS))
        .split(/\s+/)
        .filter((word) => word !== '')
        .slice(0, MAX_WORDS);
      const hits: { readonly one: Prepared; readonly points: number }[] = [];
      for (const one of prepared) {
        const points = scoreEntry(one, words);
        if (points > 0) hits.push({ one, points });
      }
      hits.sort((a, b) => b.points - a.points || (a.one.name < b.one.name ? -1 : 1));
      return hits.slice(0, limit).map(({ one }) => one.entry);
    },
  };
}

/** @returns 0 if a word is missing, or if there is none. */
function scoreEntry({ name, parts, text }: Prepared, words: readonly string[]): number {
  let points = 0;
  for (const word of words) {
    const found =
      name === word || parts.includes(word)
        ? POINTS.whole
        : parts.some((part) => part.startsWith(word))
          ? POINTS.prefix
          : name.includes(word)
            ? POINTS.name
            : text.includes(word)
              ? POINTS.card
              : 0;
    if (found === 0) return 0;
    points += found;
  }
  return points;
}
