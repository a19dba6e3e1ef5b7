import { toBase64 } from '@ogong/protocol/base/bytes';
import { encodeValues } from '@ogong/protocol/modality/shared/values';
import type { Memory, StoredEvidence } from '../memory.ts';
import { markRecalled } from '../pipeline/recalled.ts';
import type { MemoryAnswer } from '../service/answer-question.ts';
import type { MemoryProof } from '../service/import-memory.ts';
import type { ProfileText } from '../service/profiles.ts';
import type { RankedMemory } from '../service/search-memories.ts';

const toTime = (ms: number): string => new Date(ms).toISOString();

function toCommonJson(memory: Memory) {
  const { id, categories, type, source, subject, quote, evidence, agentId, threadId } = memory;
  return {
    ...{ id, categories, type, source, subject },
    created_at: toTime(memory.createdAtMs),
    updated_at: toTime(memory.updatedAtMs),
    agent_id: agentId,
    thread_id: threadId,
    quote: quote
      ? {
          ...{ words: quote.words, role: quote.role, message: quote.message },
          message_hash: quote.messageHash,
          day: quote.day ?? null,
        }
      : null,
    /** Hashes of the receipts of the calls that made it. */
    receipts: evidence
      ? { extraction: evidence.extraction, embedding: evidence.embedding, update: evidence.update ?? null }
      : null,
    supersedes: memory.supersedes ?? null,
  };
}

export const toMemoryJson = (memory: Memory) => ({
  ...toCommonJson(memory),
  content: memory.text,
  category: memory.categories[0] ?? null,
  metadata: memory.metadata,
  superseded_at: memory.supersededAtMs === undefined ? null : toTime(memory.supersededAtMs),
});

export const toFoundJson = ({ memory, vectorDistance, rerankScore }: RankedMemory) => ({
  ...toCommonJson(memory),
  memory: memory.text,
  /** For a prompt: it is known again if a conversation repeats it. */
  recalled: markRecalled(memory.text, memory.id),
  vector_distance: vectorDistance ?? null,
  rerank_score: rerankScore ?? null,
});

const toCallJson = (call: StoredEvidence | undefined) =>
  call === undefined
    ? null
    : {
        ...{ endpoint: call.endpoint, model: call.model },
        receipt: toBase64(call.receipt),
        request: toBase64(call.request),
        response: toBase64(call.response),
      };

export const toAnswerJson = (answer: MemoryAnswer | undefined) => ({
  answer: answer?.text ?? null,
  memories: (answer?.memories ?? []).map(toFoundJson),
  /** The call that answered, with its receipt. */
  reply: answer ? { id: answer.evidence.id, ...toCallJson(answer.evidence) } : null,
});

/** A memory with its vector and its calls, as `parseProof` reads it. */
export const toProofJson = ({ embedded: { memory, vector, embeddingModel }, calls }: MemoryProof) => ({
  memory: toMemoryJson(memory),
  vector: toBase64(encodeValues(vector)),
  embedding_model: embeddingModel,
  calls: {
    extraction: toCallJson(calls.extraction),
    embedding: toCallJson(calls.embedding),
    update: toCallJson(calls.update),
  },
});

export const joinSentences = ({ sentences }: ProfileText): string => sentences.map(({ text }) => text).join(' ');

/** The bio, and the same for a prompt. */
export function toSearchBio(bio: ProfileText | undefined) {
  const summary = bio && joinSentences(bio);
  return { user_bio: summary ?? null, recalled_bio: summary === undefined ? null : markRecalled(summary) };
}

export function toBioJson(bio: ProfileText) {
  const summary = joinSentences(bio);
  return {
    summary,
    generated_at: toTime(bio.generatedAtMs),
    confidence: bio.confidence,
    word_count: summary.split(/\s+/).filter((word) => word !== '').length,
    is_written: bio.isWritten,
    sources: bio.sentences.map(({ text, from }) => ({ text, memories: from })),
  };
}
