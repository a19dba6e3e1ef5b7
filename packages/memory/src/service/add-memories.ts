import { toHex } from '@ogong/protocol/base/bytes';
import type { EmbeddedMemory, StoredEvidence } from '../memory.ts';
import { MemoryError } from '../memory-error.ts';
import type { MemoryModels, ModelValue } from '../models/memory-models.ts';
import { checkCandidate, type SupportedCandidate } from '../pipeline/check-candidate.ts';
import { type Extraction, type ExtractionOptions, extractCandidates } from '../pipeline/extract.ts';
import { hashMessage, readTurns } from '../pipeline/turns.ts';
import type { MemoryStore } from '../store/memory-store.ts';
import { MemoryStoreError } from '../store/memory-store-error.ts';
import { type AddRequest, type AddResult, hashCall, openKnownCalls, type RefusedCandidate } from './add-request.ts';
import { type ChangePlan, type EmbeddedCandidate, type PlannedMemory, planChange } from './plan-change.ts';

export interface ServiceMeans {
  readonly store: MemoryStore;
  readonly models: MemoryModels;
  readonly clock: { readonly nowMs: () => number };
  /** Unpredictable bytes. */
  readonly random: (length: number) => Uint8Array;
  readonly limits: ExtractionOptions;
}

/** Memories that one call adds, and texts of one call to the embedding model. */
const MAX_ADDED = 128;
/** Tries against other writers of the same memories. */
const MAX_TRIES = 3;
const ID_BYTES = 16;

interface Proposal {
  readonly candidate: SupportedCandidate;
  readonly extraction: StoredEvidence;
}

/**
 * Adds the memories of a conversation.
 * @throws MemoryError; errors of store and models.
 */
export async function addMemories(
  means: ServiceMeans,
  { user, signal, ...request }: AddRequest & { readonly user: string; readonly signal: AbortSignal },
): Promise<AddResult> {
  const { store, models, clock, limits } = means;
  const turns = readTurns(request.messages, clock.nowMs());
  const known = await openKnownCalls(store, user);
  const hash = hashCall(request.messages);
  if (known.has(hash)) return { memories: [], refused: [], duplicates: [], isRepeated: true };
  const { proposals, refused } = checkAll(await extractCandidates(models, turns, { ...limits, signal }));
  const texts = proposals.map(({ candidate }) => candidate.text);
  const vectors = texts.length === 0 ? undefined : await models.embed(texts, signal);
  const embedded = proposals.map((one, index) => ({ ...one, vector: vectors?.value[index] as Float32Array }));
  const { plan, added } = await storePlan(means, { user, signal, request, embedded, vectors });
  await known.add(hash);
  return {
    memories: added.map(({ memory }) => memory),
    refused: [...refused, ...plan.served.map((text): RefusedCandidate => ({ code: 'served', text }))],
    duplicates: plan.duplicates,
    isRepeated: false,
  };
}

function checkAll(extractions: readonly Extraction[]) {
  const proposals: Proposal[] = [];
  const refused: RefusedCandidate[] = [];
  for (const { candidates, turns, evidence, isCut } of extractions) {
    for (const candidate of candidates) {
      const checked = candidate === undefined ? ({ refusal: 'form' } as const) : checkCandidate(candidate, turns);
      if ('refusal' in checked) refused.push({ code: checked.refusal, text: candidate?.text });
      else if (proposals.length === MAX_ADDED) refused.push({ code: 'too-many', text: candidate?.text });
      else proposals.push({ candidate: checked.supported, extraction: evidence });
    }
    if (isCut) refused.push({ code: 'cut', text: undefined });
  }
  return { proposals, refused };
}

interface PlannedCall {
  readonly user: string;
  readonly signal: AbortSignal;
  readonly request: AddRequest;
  readonly embedded: readonly EmbeddedCandidate[];
  readonly vectors: ModelValue<unknown> | undefined;
}

/** Plans again if another writer replaced a head in between. */
async function storePlan(
  means: ServiceMeans,
  call: PlannedCall,
): Promise<{ readonly plan: ChangePlan; readonly added: readonly EmbeddedMemory[] }> {
  const { store, models } = means;
  const { user, signal, vectors, embedded } = call;
  for (let attempt = 1; ; attempt++) {
    const plan = await planChange({ store, models, user, signal }, embedded);
    const added = plan.added.map((planned) => toMemory(means, call, planned));
    if (vectors === undefined || added.length === 0) return { plan, added };
    const calls = plan.added.flatMap(({ extraction, update }) => [extraction, ...(update ? [update] : [])]);
    try {
      await store.change(user, { evidence: [...new Set([...calls, vectors.evidence])], added });
      return { plan, added };
    } catch (error) {
      if (!(error instanceof MemoryStoreError && error.code === 'conflict')) throw error;
      if (attempt === MAX_TRIES)
        throw new MemoryError('conflict', 'other calls keep changing the same memories', { cause: error });
    }
  }
}

function toMemory(
  { models, clock, random }: ServiceMeans,
  { request: { messages, agentId, threadId, source, metadata = {} }, vectors }: PlannedCall,
  { candidate, vector, extraction, update, supersedes }: PlannedMemory,
): EmbeddedMemory {
  const { text, type, categories, subject, words, turn } = candidate;
  const { message, role, day } = turn;
  const nowMs = clock.nowMs();
  const content = messages[message]?.content ?? '';
  const embedding = vectors?.evidence.id ?? '';
  return {
    vector,
    embeddingModel: models.names.embedding,
    memory: {
      id: toHex(random(ID_BYTES)),
      ...{ text, type, categories, subject, agentId, threadId, source, metadata, supersedes },
      quote: { words, role, message, messageHash: hashMessage(content), day },
      evidence: { extraction: extraction.id, embedding, update: update?.id },
      ...{ createdAtMs: nowMs, updatedAtMs: nowMs, supersededAtMs: undefined },
    },
  };
}
