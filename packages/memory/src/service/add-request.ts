import { createHash } from 'node:crypto';
import type { Memory, MemoryMetadata } from '../memory.ts';
import type { CandidateRefusal } from '../pipeline/check-candidate.ts';
import type { ConversationMessage } from '../pipeline/turns.ts';
import type { MemoryStore } from '../store/memory-store.ts';

export interface AddRequest {
  readonly messages: readonly ConversationMessage[];
  readonly agentId: string;
  readonly threadId: string;
  readonly source: string;
  readonly metadata?: MemoryMetadata;
}

/**
 * `cut`: the answer of the model ended before its list did. `served`: the quote repeats a memory that this service gave out.
 * `too-many`: the call has more memories than a call may add.
 */
export type AddRefusal = CandidateRefusal | 'cut' | 'served' | 'too-many';

/** A candidate that was not stored. */
export interface RefusedCandidate {
  readonly code: AddRefusal;
  /** Undefined if the candidate could not be read. */
  readonly text: string | undefined;
}

export interface AddResult {
  readonly memories: readonly Memory[];
  readonly refused: readonly RefusedCandidate[];
  /** Texts that a memory says already. */
  readonly duplicates: readonly string[];
  /** These messages were added before, so no model was asked. */
  readonly isRepeated: boolean;
}

const NOTE = 'added-calls';
/** Calls that are known again. */
const MAX_KNOWN = 1_024;

/** The calls of a user that were added before, as hashes of their messages. */
export async function openKnownCalls(store: Pick<MemoryStore, 'readNote' | 'writeNote'>, user: string) {
  const known = ((await store.readNote(user, NOTE)) ?? '').split('\n');
  return {
    has: (hash: string): boolean => known.includes(hash),
    add: (hash: string): Promise<void> => store.writeNote(user, NOTE, [hash, ...known].slice(0, MAX_KNOWN).join('\n')),
  };
}

/** Hex, 128 bits of SHA-256 over roles, texts and given times. */
export const hashCall = (messages: readonly ConversationMessage[]): string =>
  createHash('sha256')
    .update(JSON.stringify(messages.map(({ role, content, timeMs }) => [role, content, timeMs ?? null])))
    .digest('hex')
    .slice(0, 32);
