import { createHash } from 'node:crypto';
import { fromBase64 } from '@ogong/protocol/base/bytes';
import { decodeValues, VALUE_BYTES } from '@ogong/protocol/modality/shared/values';
import { z } from 'zod';
import { CATEGORIES, MEMORY_TYPES, type Memory, type StoredEvidence } from '../memory.ts';
import { MemoryError } from '../memory-error.ts';
import type { MemoryProof } from '../service/import-memory.ts';
import { METADATA } from './memory-bodies.ts';

const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const id = z.string().regex(/^[0-9a-f]{32}$/);
const name = z.string().max(512);

const quote = z.object({
  words: z.string().min(1).max(8_192),
  role: z.enum(['user', 'assistant']),
  message: z.int().nonnegative(),
  message_hash: hash,
  day: z.iso.date().nullable(),
});

/** Further fields are those that follow from these. */
const memory = z.object({
  id,
  content: z.string().min(1).max(8_192),
  type: z.enum(MEMORY_TYPES),
  categories: z.array(z.enum(CATEGORIES)).max(CATEGORIES.length),
  subject: z.string().min(1).max(256),
  quote: quote.nullable(),
  receipts: z.object({ extraction: hash, embedding: hash, update: hash.nullable() }).nullable(),
  agent_id: name,
  thread_id: name,
  source: name,
  metadata: METADATA,
  created_at: time,
  updated_at: time,
  supersedes: id.nullable(),
  superseded_at: time.nullable(),
});

const call = z.object({ endpoint: name, model: name, receipt: z.base64(), request: z.base64(), response: z.base64() });

const PROOF = z.object({
  memory,
  vector: z.base64().max(65_536),
  embedding_model: name,
  calls: z.object({ extraction: call.nullable(), embedding: call.nullable(), update: call.nullable() }),
});

/** Parses the answer of the route `proof`, or a line of an export. @throws MemoryError `malformed` */
export function parseProof(given: unknown): MemoryProof {
  const { data, error } = PROOF.safeParse(given);
  if (data === undefined)
    throw new MemoryError('malformed', `this is no proof of a memory: ${error.issues[0]?.path.join('.')}`);
  const vector = fromBase64(data.vector);
  if (vector.length === 0 || vector.length % VALUE_BYTES !== 0)
    throw new MemoryError('malformed', 'the vector of the memory has another form');
  const { extraction, embedding, update } = data.calls;
  return {
    embedded: {
      memory: toMemory(data.memory),
      vector: decodeValues(vector, vector.length / VALUE_BYTES),
      embeddingModel: data.embedding_model,
    },
    calls: { extraction: toCall(extraction), embedding: toCall(embedding), update: toCall(update) },
  };
}

const toMemory = ({ quote: words, receipts, ...given }: z.infer<typeof memory>): Memory => ({
  ...{ id: given.id, text: given.content, type: given.type, categories: given.categories, subject: given.subject },
  quote: words
    ? {
        ...{ words: words.words, role: words.role, message: words.message, messageHash: words.message_hash },
        ...(words.day !== null && { day: words.day }),
      }
    : undefined,
  evidence: receipts ? { ...receipts, update: receipts.update ?? undefined } : undefined,
  ...{ agentId: given.agent_id, threadId: given.thread_id, source: given.source, metadata: given.metadata },
  ...{ createdAtMs: given.created_at, updatedAtMs: given.updated_at },
  ...{ supersedes: given.supersedes ?? undefined, supersededAtMs: given.superseded_at ?? undefined },
});

function toCall(given: z.infer<typeof call> | null): StoredEvidence | undefined {
  if (given === null) return undefined;
  const [receipt, request, response] = [given.receipt, given.request, given.response].map(fromBase64) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const evidenceId = createHash('sha256').update(receipt).digest('hex');
  return { id: evidenceId, endpoint: given.endpoint, model: given.model, receipt, request, response };
}
