import type { EmbeddedMemory, StoredEvidence } from '../memory.ts';
import { MemoryError } from '../memory-error.ts';
import { type MemoryCalls, verifyMemory } from '../verify/verify-memory.ts';
import type { ServiceMeans } from './add-memories.ts';
import { assertWritten } from './written-text.ts';

/** All that a reader needs to verify a memory. */
export interface MemoryProof {
  readonly embedded: EmbeddedMemory;
  readonly calls: MemoryCalls;
}

/** `known`: there is a memory with this id. */
export type ImportOutcome = 'imported' | 'known';

/**
 * Stores a memory that this or another service exported. Its proof is checked as far as it goes without the network. A memory that a person
 * wrote has none, and gets a vector of this service's model.
 * @throws MemoryError `malformed` if a check fails; errors of store and models.
 */
export async function importMemory(
  { store, models, clock }: Pick<ServiceMeans, 'store' | 'models' | 'clock'>,
  { embedded, calls }: MemoryProof,
  { user, signal }: { readonly user: string; readonly signal: AbortSignal },
): Promise<ImportOutcome> {
  if ((await store.get(user, embedded.memory.id)) !== undefined) return 'known';
  const { checks } = await verifyMemory(embedded, { calls, nowMs: clock.nowMs() });
  const failed = checks.find(({ status }) => status === 'fail');
  if (failed !== undefined)
    throw new MemoryError('malformed', `the proof of the memory fails: ${failed.id}: ${failed.detail}`);
  const { memory } = embedded;
  const isWritten = memory.quote === undefined || memory.evidence === undefined;
  if (isWritten) assertWritten(memory.text);
  const embedding = isWritten
    ? {
        vector: (await models.embed([memory.text], signal)).value[0] as Float32Array,
        embeddingModel: models.names.embedding,
      }
    : { vector: embedded.vector, embeddingModel: embedded.embeddingModel };
  const head = { ...memory, supersedes: undefined, supersededAtMs: undefined };
  const kept = isWritten ? { ...head, quote: undefined, evidence: undefined } : head;
  const evidence = isWritten ? [] : Object.values(calls).filter((call): call is StoredEvidence => call !== undefined);
  await store.change(user, { evidence, added: [{ ...embedding, memory: kept }] });
  return 'imported';
}
