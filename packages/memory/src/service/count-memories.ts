import { CATEGORIES, type Category, MEMORY_TYPES, type Memory, type MemoryType } from '../memory.ts';
import type { MemoryStore } from '../store/memory-store.ts';

/** Counts of a user's heads. */
export interface MemoryCounts {
  readonly total: number;
  readonly byCategory: Readonly<Record<Category, number>>;
  readonly byType: Readonly<Record<MemoryType, number>>;
  /** Unix time, ms. */
  readonly oldestMs: number | undefined;
  readonly newestMs: number | undefined;
}

const PAGE = 100;

export async function countMemories(store: Pick<MemoryStore, 'list'>, user: string): Promise<MemoryCounts> {
  const heads: Pick<Memory, 'categories' | 'type' | 'createdAtMs'>[] = [];
  let page: readonly Memory[];
  let before: string | undefined;
  do {
    page = await store.list(user, {}, { limit: PAGE, ...(before !== undefined && { before }) });
    for (const { categories, type, createdAtMs } of page) heads.push({ categories, type, createdAtMs });
    before = page.at(-1)?.id;
  } while (page.length === PAGE);
  const count = (is: (head: (typeof heads)[number]) => boolean): number => heads.filter(is).length;
  return {
    total: heads.length,
    byCategory: toRecord(CATEGORIES, (name) => count(({ categories }) => categories.includes(name))),
    byType: toRecord(MEMORY_TYPES, (name) => count(({ type }) => type === name)),
    oldestMs: heads.at(-1)?.createdAtMs,
    newestMs: heads[0]?.createdAtMs,
  };
}

const toRecord = <K extends string>(names: readonly K[], read: (name: K) => number): Record<K, number> =>
  Object.fromEntries(names.map((name) => [name, read(name)])) as Record<K, number>;
