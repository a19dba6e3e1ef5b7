import type { Category, Memory, MemoryMetadata, MemoryType } from '../memory.ts';
import type { ServiceMeans } from './add-memories.ts';
import { eraseProfiles } from './profiles.ts';
import { assertWritten } from './written-text.ts';

/** Fields that a person changes. */
export interface MemoryEdit {
  readonly text?: string;
  readonly metadata?: MemoryMetadata;
  readonly categories?: readonly Category[];
  readonly type?: MemoryType;
}

/**
 * Changes a memory. A new text is the person's own, so it has neither quote nor receipts.
 * @returns undefined if there is none.
 * @throws MemoryError `malformed`, `too-large`; errors of store and models.
 */
export async function editMemory(
  { store, models, clock }: Pick<ServiceMeans, 'store' | 'models' | 'clock'>,
  {
    user,
    id,
    edit,
    signal,
  }: { readonly user: string; readonly id: string; readonly edit: MemoryEdit; readonly signal: AbortSignal },
): Promise<Memory | undefined> {
  const found = await store.get(user, id);
  if (found === undefined) return undefined;
  const { text, ...fields } = edit;
  const isNew = text !== undefined && text !== found.memory.text;
  if (isNew) assertWritten(text);
  const written = isNew ? { text, quote: undefined, evidence: undefined } : {};
  const memory = { ...found.memory, ...fields, ...written, updatedAtMs: clock.nowMs() };
  const embedding = isNew
    ? { vector: (await models.embed([text], signal)).value[0] as Float32Array, embeddingModel: models.names.embedding }
    : { vector: found.vector, embeddingModel: found.embeddingModel };
  if (!(await store.edit(user, { ...embedding, memory }))) return undefined;
  if (isNew) await eraseProfiles(store, user);
  return memory;
}
