import type { Work } from '@ogong/host/store/work';
import { addRow, findRow, patchRow } from '@ogong/host/store/work-rows';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import type { IndexChange } from '../index/index-cache.ts';
import type { EmbeddedMemory, StoredEvidence } from '../memory.ts';
import { hashUnder } from '../seal/master-key.ts';
import type { MemoryLimits } from './limits.ts';
import { entryTable, rowKeyTable } from './memory-schema.ts';
import type { MemoryChange } from './memory-store.ts';
import { MemoryStoreError } from './memory-store-error.ts';
import { encodeEvidence, encodeMemory } from './row-contents.ts';
import { dropSealed, putSealed, type RowKind, type RowOwner } from './sealed-rows.ts';
import { countChange, type OpenUser } from './users.ts';
import { markErasure } from './vault.ts';

function* hasSealed({ userId }: RowOwner, kind: RowKind, id: string): Work<boolean> {
  return (yield* findRow(rowKeyTable, userId, kind, id)) !== undefined;
}

const refuseFull = (what: string, limit: number): never => {
  throw new MemoryStoreError('full', `the user has ${limit} ${what}, and more are not stored`);
};

/** Adds calls and memories, and ends those that the memories replace. @throws MemoryStoreError `conflict`, `full` */
export function* applyChange(
  user: OpenUser,
  { evidence, added }: MemoryChange,
  limits: MemoryLimits,
): Work<IndexChange> {
  const memories = user.memories + added.length;
  if (memories > limits.memories) refuseFull('memories', limits.memories);
  let { evidenceBytes } = user;
  for (const one of evidence) evidenceBytes += yield* addEvidence(user, one);
  if (evidenceBytes > limits.evidenceBytes) refuseFull('bytes of calls', limits.evidenceBytes);
  for (const one of added) yield* addMemory(user, one);
  const revision = yield* countChange(user, { ...user, memories, evidenceBytes });
  return {
    ...{ userId: user.userId, revision },
    apply(index) {
      for (const { memory } of added)
        if (memory.supersedes !== undefined) index.end(memory.supersedes, memory.createdAtMs);
      index.put(added);
    },
  };
}

/** @returns bytes that it takes; 0 if the call is stored already. */
function* addEvidence(user: OpenUser, evidence: StoredEvidence): Work<number> {
  if (yield* hasSealed(user, 'evidence', evidence.id)) return 0;
  return yield* putSealed(user, 'evidence', evidence.id, encodeEvidence(evidence));
}

function* addMemory(user: OpenUser, added: EmbeddedMemory): Work<void> {
  const { userId } = user;
  const revision = user.revision + 1;
  const { id, supersedes, createdAtMs: createdMs } = added.memory;
  if ((yield* findRow(entryTable, userId, id)) !== undefined)
    throw new MemoryStoreError('conflict', `there is a memory ${id} already`);
  if (supersedes !== undefined) {
    const old = yield* findRow(entryTable, userId, supersedes);
    if (old === undefined || old.supersededMs !== undefined)
      throw new MemoryStoreError(
        'conflict',
        `the memory ${supersedes} is no head any more, so ${id} cannot replace it`,
      );
    yield* patchRow(entryTable, [userId, supersedes], { superseded_ms: createdMs, revision });
  }
  yield* addRow(entryTable, { userId, id, createdMs, supersedes, supersededMs: undefined, revision });
  yield* putSealed(user, 'memory', id, encodeMemory(added));
}

/** Replaces the content of a memory. Its place in the history stays. @returns undefined if there is no such memory. */
export function* applyEdit(user: OpenUser, { memory, ...embedding }: EmbeddedMemory): Work<IndexChange | undefined> {
  const entry = yield* findRow(entryTable, user.userId, memory.id);
  if (entry === undefined) return undefined;
  const { createdMs: createdAtMs, supersedes, supersededMs: supersededAtMs } = entry;
  const edited = { memory: { ...memory, createdAtMs, supersedes, supersededAtMs }, ...embedding };
  yield* putSealed(user, 'memory', memory.id, encodeMemory(edited));
  yield* patchRow(entryTable, [user.userId, memory.id], { revision: user.revision + 1 });
  yield* markErasure();
  const revision = yield* countChange(user, user);
  return { userId: user.userId, revision, apply: (index) => index.put([edited]) };
}

/** The id of a note says nothing about its name. */
export const hashNoteName = ({ key }: RowOwner, name: string): string => hashUnder(key, `ogong-memory-v1 note ${name}`);

/** @param text undefined removes the note. @throws MemoryStoreError `full` */
export function* applyNote(
  user: OpenUser,
  { name, text }: { readonly name: string; readonly text: string | undefined },
  limits: MemoryLimits,
): Work<IndexChange> {
  const id = hashNoteName(user, name);
  const known = (yield* hasSealed(user, 'note', id)) ? 1 : 0;
  const notes = user.notes - known + (text === undefined ? 0 : 1);
  if (notes > limits.notes) refuseFull('notes', limits.notes);
  if (text !== undefined) yield* putSealed(user, 'note', id, utf8Encode(text));
  else {
    yield* dropSealed(user.userId, 'note', id);
    yield* markErasure();
  }
  const revision = yield* countChange(user, { ...user, notes });
  return { userId: user.userId, revision, apply: () => undefined };
}
