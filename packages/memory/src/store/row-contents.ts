import { utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import { bytes32, createFormat, struct, text } from '@ogong/protocol/base/codec';
import { decodeValues, encodeValues, VALUE_BYTES } from '@ogong/protocol/modality/shared/values';
import type { EmbeddedMemory, Memory, MemoryEvidence, StoredEvidence } from '../memory.ts';
import type { EntryRow } from './memory-schema.ts';

/** Limits of one row's content. */
export const MAX_MEMORY_JSON_BYTES = 65_536;
export const MAX_DIMENSIONS = 8_192;
export const MAX_CALL_BYTES = 2 ** 24;
export const MAX_NAME_BYTES = 512;

const memoryFormat = createFormat(
  struct({
    /** JSON in UTF-8. */
    memory: bytes32(MAX_MEMORY_JSON_BYTES),
    embeddingModel: text(MAX_NAME_BYTES),
    /** f32, little endian. */
    vector: bytes32(MAX_DIMENSIONS * VALUE_BYTES),
  }),
  {},
);

const evidenceFormat = createFormat(
  struct({
    endpoint: text(MAX_NAME_BYTES),
    model: text(MAX_NAME_BYTES),
    receipt: bytes32(MAX_CALL_BYTES),
    request: bytes32(MAX_CALL_BYTES),
    response: bytes32(MAX_CALL_BYTES),
  }),
  {},
);

/** Fields of a memory that its sealed row holds. The others have columns. */
type SealedMemory = Omit<Memory, 'id' | 'supersedes' | 'supersededAtMs' | 'evidence' | 'quote'> & {
  readonly quote?: Memory['quote'];
  readonly evidence?: Omit<MemoryEvidence, 'update'> & { readonly update?: string | undefined };
};

export function encodeMemoryJson({ id: _, supersedes: _1, supersededAtMs: _2, ...rest }: Memory): Uint8Array {
  return utf8Encode(JSON.stringify(rest));
}

/** @throws ProtocolError if a field is above its limit. */
export function encodeMemory({ memory, vector, embeddingModel }: EmbeddedMemory): Uint8Array {
  return memoryFormat.encode({ memory: encodeMemoryJson(memory), embeddingModel, vector: encodeValues(vector) });
}

/** @param content of a row that opened under its key, so this program wrote it. */
export function readMemory(content: Uint8Array, entry: Omit<EntryRow, 'userId'>): EmbeddedMemory {
  const { memory: json, embeddingModel, vector } = memoryFormat.decode(content);
  const { quote, evidence, ...rest } = JSON.parse(utf8Decode(json)) as SealedMemory;
  const memory: Memory = {
    ...{ ...rest, id: entry.id, quote },
    evidence: evidence && { ...evidence, update: evidence.update },
    ...{ supersedes: entry.supersedes, supersededAtMs: entry.supersededMs },
  };
  return { memory, vector: decodeValues(vector, vector.length / VALUE_BYTES), embeddingModel };
}

/** @throws ProtocolError if a field is above its limit. */
export const encodeEvidence = (evidence: StoredEvidence): Uint8Array => evidenceFormat.encode(evidence);

/** @param content of a row that opened under its key, so this program wrote it. */
export const readEvidence = (content: Uint8Array, id: string): StoredEvidence => ({
  id,
  ...evidenceFormat.decode(content),
});
