import type { EmbeddedMemory, Memory, StoredEvidence } from '@ogong/memory/memory';
import type { FoundMemory, MemoryFilter, MemoryQuery, MemoryStore } from '@ogong/memory/store/memory-store';
import { MemoryStoreError } from '@ogong/memory/store/memory-store-error';

interface UserRows {
  /** By id, oldest first. */
  readonly memories: Map<string, EmbeddedMemory>;
  readonly evidence: Map<string, StoredEvidence>;
  readonly notes: Map<string, string>;
}

/** Rank of reciprocal rank fusion that counts half of the first one. */
const FUSION = 60;

/** A store in memory with exact search: the plain model of the others. */
export function createPlainMemoryStore({ nowMs }: { readonly nowMs: () => number }): MemoryStore {
  const users = new Map<string, UserRows>();
  const rowsOf = (user: string): UserRows => {
    const rows = users.get(user) ?? { memories: new Map(), evidence: new Map(), notes: new Map() };
    users.set(user, rows);
    return rows;
  };
  return {
    async change(user, { evidence, added }) {
      const rows = rowsOf(user);
      const ended = added.flatMap(({ memory }) => memory.supersedes ?? []);
      const heads = ended.map((id) => rows.memories.get(id)).filter((one) => one !== undefined && isHead(one.memory));
      if (heads.length < new Set(ended).size || new Set(ended).size < ended.length)
        throw new MemoryStoreError('conflict', 'a superseded memory is no head any more');
      for (const id of ended) setMemory(rows, id, { supersededAtMs: nowMs() });
      for (const one of added) rows.memories.set(one.memory.id, one);
      for (const one of evidence) rows.evidence.set(one.id, one);
    },
    get: async (user, id) => rowsOf(user).memories.get(id),
    readHistory: async (user, id) => listChain(rowsOf(user), id),
    async list(user, filter, { limit, before }) {
      const newest = [...rowsOf(user).memories.values()].map(({ memory }) => memory).toReversed();
      const from = before === undefined ? 0 : newest.findIndex(({ id }) => id === before) + 1;
      return newest
        .slice(from)
        .filter((memory) => fits(memory, filter))
        .slice(0, limit);
    },
    search: async (user, query) => searchExactly([...rowsOf(user).memories.values()], query),
    async edit(user, edited) {
      const rows = rowsOf(user);
      if (!rows.memories.has(edited.memory.id)) return false;
      rows.memories.set(edited.memory.id, edited);
      return true;
    },
    readEvidence: async (user, id) => rowsOf(user).evidence.get(id),
    async remove(user, id) {
      const rows = rowsOf(user);
      const chain = listChain(rows, id);
      for (const memory of chain) {
        rows.memories.delete(memory.id);
        for (const one of Object.values(memory.evidence ?? {})) if (one !== undefined) rows.evidence.delete(one);
      }
      return chain.length > 0;
    },
    removeUser: async (user) => users.delete(user),
    async writeNote(user, name, text) {
      if (text === undefined) rowsOf(user).notes.delete(name);
      else rowsOf(user).notes.set(name, text);
    },
    readNote: async (user, name) => rowsOf(user).notes.get(name),
    alone: (_, job) => job(),
    close: async () => undefined,
  };
}

const isHead = ({ supersededAtMs }: Memory): boolean => supersededAtMs === undefined;

function setMemory({ memories }: UserRows, id: string, changes: Partial<Memory>): void {
  const { memory, ...rest } = memories.get(id) as EmbeddedMemory;
  memories.set(id, { ...rest, memory: { ...memory, ...changes } });
}

function listChain({ memories }: UserRows, id: string): readonly Memory[] {
  const chain: Memory[] = [];
  let next = memories.get(id)?.memory;
  while (next !== undefined) {
    chain.push(next);
    next = next.supersedes === undefined ? undefined : memories.get(next.supersedes)?.memory;
  }
  return chain;
}

function fits(memory: Memory, { categories, type, agentId, threadId, asOfMs }: MemoryFilter): boolean {
  const isThere =
    asOfMs === undefined
      ? isHead(memory)
      : memory.createdAtMs <= asOfMs && (memory.supersededAtMs ?? Number.POSITIVE_INFINITY) > asOfMs;
  return (
    isThere &&
    (categories === undefined || memory.categories.some((category) => categories.includes(category))) &&
    (type === undefined || memory.type === type) &&
    (agentId === undefined || memory.agentId === agentId) &&
    (threadId === undefined || memory.threadId === threadId)
  );
}

function searchExactly(all: readonly EmbeddedMemory[], query: MemoryQuery): readonly FoundMemory[] {
  const asked = readPlainWords(query.text);
  const rows = all
    .filter(({ memory }) => fits(memory, query))
    .map(({ memory, vector, embeddingModel }) => ({
      memory,
      vectorDistance: embeddingModel === query.embeddingModel ? measureDistance(vector, query.vector) : undefined,
      words: readPlainWords(memory.text).filter((word) => asked.includes(word)).length,
    }));
  const byVector = rows
    .filter(({ vectorDistance }) => vectorDistance !== undefined)
    .sort((a, b) => (a.vectorDistance as number) - (b.vectorDistance as number));
  const byWords = rows.filter(({ words }) => words > 0).sort((a, b) => b.words - a.words);
  const score = (list: readonly object[], row: object): number =>
    list.includes(row) ? 1 / (FUSION + list.indexOf(row) + 1) : 0;
  return rows
    .map((row) => ({
      ...{ memory: row.memory, vectorDistance: row.vectorDistance },
      score: score(byVector, row) + score(byWords, row),
    }))
    .sort((a, b) => b.score - a.score)
    .slice(0, query.limit);
}

const readPlainWords = (text: string): readonly string[] => text.toLowerCase().match(/[\p{L}\d]+/gu) ?? [];

const measureDistance = (a: Float32Array, b: Float32Array): number =>
  1 - a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
