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
  const prepared = entries.map(prepare).sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    search(query, limit) {
      const words = fold(query.slice(0, MAX_QUERY_CHARACTERS))
        .split(/\s+/)
        .filter((word) => word !== '')
        .slice(0, MAX_WORDS);
      // Entries are in the order of their names, so those of equal points stay in it.
      const byPoints = new Map<number, SearchEntry[]>();
      for (const one of prepared) {
        const points = scoreEntry(one, words);
        if (points === 0) continue;
        const equal = byPoints.get(points);
        if (equal === undefined) byPoints.set(points, [one.entry]);
        else if (equal.length < limit) equal.push(one.entry);
      }
      const best = [...byPoints].sort(([a], [b]) => b - a);
      return best.flatMap(([, found]) => found).slice(0, limit);
    },
  };
}

function prepare(entry: SearchEntry): Prepared {
  const name = `${entry.maker}/${entry.model}`;
  const { licence = '', text = '' } = entry.card ?? {};
  const parts = name.split(/[/._-]+/);
  return { entry, name, parts, text: fold(`${licence}\n${text.slice(0, MAX_TEXT_CHARACTERS)}`) };
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
