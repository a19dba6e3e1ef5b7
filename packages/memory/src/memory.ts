/** `semantic`: a lasting fact. `episodic`: a fact that is bound to a time. */
export const MEMORY_TYPES = ['semantic', 'episodic'] as const;
export type MemoryType = (typeof MEMORY_TYPES)[number];

export const CATEGORIES = [
  ...['identity', 'career', 'interests', 'relationships', 'health', 'finance', 'learning', 'travel', 'productivity'],
  'private',
] as const;
export type Category = (typeof CATEGORIES)[number];

/** The words that a memory rests on. */
export interface MemoryQuote {
  /** Exactly as they stand in the message. */
  readonly words: string;
  readonly role: 'user' | 'assistant';
  /** Index of the message in its call, from 0, system messages and others included. */
  readonly message: number;
  /** Hex SHA-256 of the whole message in UTF-8. */
  readonly messageHash: string;
  /** Day of the message in UTC, as `2026-05-08`. */
  readonly day?: string;
}

/** Ids of stored evidence (see StoredEvidence); undefined where code alone decided. */
export interface MemoryEvidence {
  readonly extraction: string;
  readonly embedding: string;
  readonly update: string | undefined;
}

/** Fields that a client may set and change. */
export interface MemoryMetadata {
  readonly location?: string;
  readonly participants?: readonly string[];
  readonly tags?: readonly string[];
  readonly source?: string;
  /** 0 to 1. */
  readonly confidence?: number;
}

export interface Memory {
  /** 32 hex digits, random. */
  readonly id: string;
  readonly text: string;
  readonly type: MemoryType;
  readonly categories: readonly Category[];
  /** `user`, `assistant`, or a name that stands in the quote. */
  readonly subject: string;
  /** Undefined if a person wrote this memory. */
  readonly quote: MemoryQuote | undefined;
  /** Undefined if a person wrote this memory. */
  readonly evidence: MemoryEvidence | undefined;
  readonly agentId: string;
  readonly threadId: string;
  readonly source: string;
  readonly metadata: MemoryMetadata;
  /** Unix time, ms: when this memory was stored. */
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Id of the older memory that this one replaced. */
  readonly supersedes: string | undefined;
  /** Unix time, ms: when a newer memory replaced this one; undefined for a head. Searches show heads alone, or the heads of a past time. */
  readonly supersededAtMs: number | undefined;
}

/** A memory with its vector, as a store keeps both. */
export interface EmbeddedMemory {
  readonly memory: Memory;
  /** Unit length. */
  readonly vector: Float32Array;
  /** Model that made the vector. Vectors of different models are never compared. */
  readonly embeddingModel: string;
}

/**
 * A call to a model with its checked receipt, so that anybody with it checks the call again without the network. Several memories may rest
 * on one call. Deleting one of them erases the call, because its texts hold the deleted words; the others keep their quotes.
 */
export interface StoredEvidence {
  /** Hex SHA-256 of the receipt's bytes. */
  readonly id: string;
  readonly endpoint: string;
  readonly model: string;
  readonly receipt: Uint8Array;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
}
