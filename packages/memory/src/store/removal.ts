import { setImmediate as nextTurn } from 'node:timers/promises';
import { columns, integer } from '@ogong/host/store/columns';
import { findOne, type Work } from '@ogong/host/store/work';
import type { WorkOptions, WorkStore } from '@ogong/host/store/work-store';
import type { IndexChange } from '../index/index-cache.ts';
import type { EmbeddedMemory } from '../memory.ts';
import { dropMemories, findMemory, listChain, listIds } from './memory-rows.ts';
import { MemoryStoreError } from './memory-store-error.ts';
import { dropSealed, findSealed, type RowKind } from './sealed-rows.ts';
import { countChange, type OpenUser } from './users.ts';
import { markErasure } from './vault.ts';

/** Kinds of rows that may repeat the words of a memory. */
const REPEATING: readonly RowKind[] = ['evidence', 'note'];
/** JSON within JSON within JSON: an answer of a model within the body of a reply. */
const NESTED = 3;
/** A client that adds without a pause cannot hold a removal up for ever. */
const MAX_ATTEMPTS = 20;

export interface RemovalPlace {
  readonly works: WorkStore;
  readonly touching: WorkOptions;
  find(): Work<OpenUser | undefined>;
}

interface Plan {
  readonly user: OpenUser;
  /** The memory first, then those that it replaced. */
  readonly chain: readonly EmbeddedMemory[];
  readonly repeating: readonly { readonly kind: RowKind; readonly id: string }[];
}

/**
 * Deletes a memory, those that it replaced, the calls that they rest on, and each other call or note whose text has their words.
 * @param follow is called with each write. @returns whether there was such a memory. @throws MemoryStoreError `busy`
 */
export async function removeMemory(
  place: RemovalPlace,
  id: string,
  follow: (write: Promise<IndexChange | undefined>) => void,
): Promise<boolean> {
  /** Rows without the words, by kind and id. The rows of a call never change; a note that changed is read again. */
  const clean = new Set<string>();
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const plan = await planRemoval(place, id, clean);
    if (plan === undefined) return false;
    const write = place.works.write(() => applyRemoval(place, plan), place.touching);
    follow(write);
    if ((await write) !== undefined) return true;
  }
  throw new MemoryStoreError('busy', `other changes came while the memory ${id} was removed: remove it again`);
}

async function planRemoval({ works, find }: RemovalPlace, id: string, clean: Set<string>): Promise<Plan | undefined> {
  const begun = await works.snapshot(function* () {
    const user = yield* find();
    if (user === undefined) return undefined;
    const chain: EmbeddedMemory[] = [];
    for (const one of yield* listChain(user.userId, id)) {
      const found = yield* findMemory(user, one);
      if (found !== undefined) chain.push(found);
    }
    const others: { readonly kind: RowKind; readonly id: string }[] = [];
    for (const kind of REPEATING) for (const one of yield* listIds(user.userId, kind)) others.push({ kind, id: one });
    return { user, chain, others };
  });
  if (begun === undefined || begun.chain.length === 0) return undefined;
  const { user, chain, others } = begun;
  const own = new Set(chain.flatMap(({ memory: { evidence } }) => (evidence ? Object.values(evidence) : [])));
  const needles = toNeedles(chain);
  const repeating: Plan['repeating'][number][] = [];
  for (const other of others) {
    const name = `${other.kind} ${other.id}`;
    if (clean.has(name)) continue;
    if (other.kind === 'evidence' && own.has(other.id)) repeating.push(other);
    else {
      await nextTurn();
      const content = await works.read(() => findSealed(user, other.kind, other.id));
      if (content !== undefined && holdsAny(content, needles)) repeating.push(other);
      else if (other.kind === 'evidence') clean.add(name);
    }
  }
  return { user, chain, repeating };
}

const countRow = columns({ count: integer });

/** @returns undefined if the user's rows changed since the plan was made. */
function* applyRemoval(
  { find }: RemovalPlace,
  { user: planned, chain, repeating }: Plan,
): Work<IndexChange | undefined> {
  const user = yield* find();
  if (user?.userId !== planned.userId || user.revision !== planned.revision) return undefined;
  const { userId } = user;
  const ids = chain.map(({ memory }) => memory.id);
  yield* dropMemories(userId, ids);
  for (const { kind, id } of repeating) yield* dropSealed(userId, kind, id);
  yield* markErasure();
  const sum =
    "SELECT COALESCE(SUM(length(content)), 0) AS count FROM memory_rows WHERE user_id = ? AND kind = 'evidence'";
  const evidenceBytes = (yield* findOne(countRow, sum, userId))?.count ?? 0;
  const notes = user.notes - repeating.filter(({ kind }) => kind === 'note').length;
  const revision = yield* countChange(user, { memories: user.memories - ids.length, notes, evidenceBytes });
  return { userId, revision, apply: (index) => ids.forEach(index.drop) };
}

/** The words of memories and their quotes, also as they stand in JSON. */
function toNeedles(chain: readonly EmbeddedMemory[]): readonly Buffer[] {
  const needles = new Set<string>();
  for (const { memory } of chain) {
    for (const words of [memory.text, memory.quote?.words ?? '']) {
      let form = words.trim();
      for (let depth = 0; form !== '' && depth <= NESTED; depth++) {
        needles.add(form);
        form = JSON.stringify(form).slice(1, -1);
      }
    }
  }
  return [...needles].map((needle) => Buffer.from(needle));
}

const holdsAny = (content: Uint8Array, needles: readonly Buffer[]): boolean => {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  return needles.some((needle) => bytes.includes(needle));
};
