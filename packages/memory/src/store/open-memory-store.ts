import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Secret } from '@ogong/host/crypto/secret';
import type { Work } from '@ogong/host/store/work';
import { findRow } from '@ogong/host/store/work-rows';
import type { WorkOptions, WorkStore } from '@ogong/host/store/work-store';
import { utf8Decode } from '@ogong/protocol/base/bytes';
import { createIndexCache, type IndexChange } from '../index/index-cache.ts';
import { fuseRanks } from '../index/rank-fusion.ts';
import type { Memory } from '../memory.ts';
import { deriveMasterKey, type MasterKey } from '../seal/master-key.ts';
import { bindMasterKey } from './bound-key.ts';
import { buildIndex, type IndexSource, OPENED_AT_ONCE, updateIndex } from './build-index.ts';
import { applyChange, applyEdit, applyNote, hashNoteName } from './changes.ts';
import { assertChange, assertEmbedded, assertLimit, assertNote, assertQuery, assertUser } from './check-input.ts';
import { MEMORY_LIMITS, type MemoryLimits } from './limits.ts';
import { findMemories, findMemory, listChain, listEntries, openEntry } from './memory-rows.ts';
import { entryTable } from './memory-schema.ts';
import type { FoundMemory, MemoryFilter, MemoryStore } from './memory-store.ts';
import { MemoryStoreError } from './memory-store-error.ts';
import { removeMemory } from './removal.ts';
import { readEvidence } from './row-contents.ts';
import { findSealed } from './sealed-rows.ts';
import { dropUser, findNamed, findOrAddUser, findUser, type OpenUser } from './users.ts';
import { eraseMarked, eraseNow, markErasure } from './vault.ts';

export interface MemoryStoreOptions {
  /** 32 bytes, see createOrLoadMemoryKey and openPassphraseKey. */
  readonly masterKey: Secret<Uint8Array>;
  readonly limits?: Partial<MemoryLimits>;
}

/**
 * Opens the memories of a database with the tables of MEMORY_SCHEMA. Erasures that a crash cut off are done first. The caller closes the
 * database after the store.
 * @throws MemoryStoreError `wrong-key`; then nothing was written.
 */
export async function openMemoryStore(works: WorkStore, options: MemoryStoreOptions): Promise<MemoryStore> {
  const master = deriveMasterKey(options.masterKey);
  await bindMasterKey(works, master);
  await eraseMarked(works);
  return createMemoryStore(works, master, { ...MEMORY_LIMITS, ...options.limits });
}

function createMemoryStore(works: WorkStore, master: MasterKey, limits: MemoryLimits): MemoryStore {
  const { indexBytes } = limits;
  const sourceOf = (nameHash: string): IndexSource => ({
    ...{ works, find: () => findNamed(master, nameHash), maxBytes: indexBytes },
  });
  const indexes = createIndexCache(
    {
      build: (nameHash) => buildIndex(sourceOf(nameHash)),
      update: (nameHash, index, state) => updateIndex(sourceOf(nameHash), index, state),
    },
    indexBytes,
  );
  const nameRows = (user: string): string => `memories of ${master.hashName(user)}`;
  const touching = (user: string): WorkOptions => ({ touches: [nameRows(user)] });
  const find = (user: string) => findUser(master, user);

  /** Runs work for a known user. @returns undefined without one. */
  async function readFor<T>(user: string, work: (user: OpenUser) => Work<T>): Promise<T | undefined> {
    assertUser(user);
    return works.read(function* () {
      const found = yield* find(user);
      return found && (yield* work(found));
    });
  }

  /** Writes, and keeps the user's index in step. */
  async function write<T extends IndexChange>(user: string, work: () => Work<T | undefined>): Promise<T | undefined> {
    const written = works.write(work, touching(user));
    indexes.follow(master.hashName(user), written);
    return written;
  }

  return {
    async change(user, change) {
      assertUser(user);
      assertChange(change);
      await write(user, function* () {
        return yield* applyChange(yield* findOrAddUser(master, user), change, limits);
      });
    },
    get: (user, id) => readFor(user, (owner) => findMemory(owner, id)),
    async readHistory(user, id) {
      const history = await readFor(user, function* (owner) {
        const found: Memory[] = [];
        for (const one of yield* listChain(owner.userId, id)) {
          const memory = (yield* findMemory(owner, one))?.memory;
          if (memory !== undefined) found.push(memory);
        }
        return found;
      });
      return history ?? [];
    },
    async list(user, filter, page) {
      assertUser(user);
      assertLimit(page.limit);
      return listMemories(works, () => find(user), { filter, ...page });
    },
    async search(user, query) {
      assertUser(user);
      assertQuery(query);
      const found = await works.read(() => find(user));
      if (found === undefined) return [];
      const { nearest, worded } = await indexes.search(found.nameHash, found, query);
      const distances = new Map(nearest.map(({ id, distance }) => [id, distance]));
      const best = fuseRanks([[...distances.keys()], worded]).slice(0, query.limit);
      return works.read(() => readFound(found, best, distances));
    },
    async edit(user, edited) {
      assertUser(user);
      assertEmbedded(edited);
      const written = await write(user, function* () {
        const owner = yield* find(user);
        return owner && (yield* applyEdit(owner, edited));
      });
      if (written !== undefined) await eraseMarked(works);
      return written !== undefined;
    },
    async readEvidence(user, id) {
      const content = await readFor(user, (owner) => findSealed(owner, 'evidence', id));
      return content && readEvidence(content, id);
    },
    async remove(user, id) {
      assertUser(user);
      const place = { works, touching: touching(user), find: () => find(user) };
      const isRemoved = await removeMemory(place, id, (written) => indexes.follow(master.hashName(user), written));
      // An earlier removal may have been cut off before this step.
      await eraseNow(works);
      return isRemoved;
    },
    async removeUser(user) {
      assertUser(user);
      const isRemoved = await works.write(function* () {
        const owner = yield* find(user);
        if (owner === undefined) return false;
        yield* dropUser(owner.userId);
        yield* markErasure(owner.userId);
        return true;
      }, touching(user));
      indexes.forget(master.hashName(user));
      await eraseNow(works);
      return isRemoved;
    },
    async writeNote(user, name, text) {
      assertUser(user);
      assertNote(name, text);
      const written = await write(user, function* () {
        const owner = yield* text === undefined ? find(user) : findOrAddUser(master, user);
        return owner && (yield* applyNote(owner, { name, text }, limits));
      });
      if (written !== undefined && text === undefined) await eraseNow(works);
    },
    async readNote(user, name) {
      const content = await readFor(user, (owner) => findSealed(owner, 'note', hashNoteName(owner, name)));
      return content && utf8Decode(content);
    },
    alone: (user, job) => works.alone(nameRows(user), job),
    close: () => indexes.close(),
  };
}

interface Page {
  readonly filter: MemoryFilter;
  readonly limit: number;
  readonly before?: string;
}

async function listMemories(
  works: WorkStore,
  find: () => Work<OpenUser | undefined>,
  { filter, limit, before: beforeId }: Page,
): Promise<Memory[]> {
  const found: Memory[] = [];
  const begun = await works.read(function* () {
    const user = yield* find();
    return {
      user,
      before: user && beforeId !== undefined ? yield* findRow(entryTable, user.userId, beforeId) : undefined,
    };
  });
  if (begun.user === undefined) return [];
  const { user } = begun;
  if (beforeId !== undefined && begun.before === undefined)
    throw new MemoryStoreError('invalid', `there is no memory ${beforeId} to continue from`);
  for (let { before } = begun; ; await nextTurn()) {
    const entries = await works.read(() => listEntries(user.userId, filter, { limit: OPENED_AT_ONCE, before }));
    for (const entry of entries) {
      const { memory } = openEntry(user, entry);
      if (matchesFilter(memory, filter)) found.push(memory);
      if (found.length === limit) return found;
    }
    before = entries.at(-1);
    if (entries.length < OPENED_AT_ONCE) return found;
  }
}

/** Times are filtered by the query. */
function matchesFilter(memory: Memory, { categories, type, agentId, threadId }: MemoryFilter): boolean {
  if (type !== undefined && memory.type !== type) return false;
  if (agentId !== undefined && memory.agentId !== agentId) return false;
  if (threadId !== undefined && memory.threadId !== threadId) return false;
  return categories === undefined || memory.categories.some((category) => categories.includes(category));
}

/** A memory that was removed meanwhile is left out. */
function* readFound(
  user: OpenUser,
  best: readonly { readonly id: string; readonly score: number }[],
  distances: ReadonlyMap<string, number>,
): Work<FoundMemory[]> {
  const rows = yield* findMemories(
    user,
    best.map(({ id }) => id),
  );
  const memories = new Map(rows.map(({ memory }) => [memory.id, memory]));
  return best.flatMap(({ id, score }) => {
    const memory = memories.get(id);
    return memory === undefined ? [] : [{ memory, score, vectorDistance: distances.get(id) }];
  });
}
