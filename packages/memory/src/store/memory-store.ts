import type { Category, EmbeddedMemory, Memory, MemoryType, StoredEvidence } from '../memory.ts';

export interface MemoryFilter {
  readonly categories?: readonly Category[];
  readonly type?: MemoryType;
  readonly agentId?: string;
  readonly threadId?: string;
  /** Unix time, ms. Heads of that time instead of the present ones. */
  readonly asOfMs?: number;
}

export interface MemoryPage {
  /** 1 to 100. */
  readonly limit: number;
  /** Id of the last memory of the page before. */
  readonly before?: string;
}

export interface MemoryQuery extends MemoryFilter {
  readonly text: string;
  /** Unit length, of the embedding model of the memories. */
  readonly vector: Float32Array;
  readonly embeddingModel: string;
  /** 1 to 100. */
  readonly limit: number;
}

export interface FoundMemory {
  readonly memory: Memory;
  /** 1 - cosine, 0 to 2; undefined if words alone found it or its vector is of another model. */
  readonly vectorDistance: number | undefined;
  /** Reciprocal rank fusion of both orders, 1 / (60 + rank) each, from rank 1. */
  readonly score: number;
}

/** One commit: all of it is stored, or nothing. */
export interface MemoryChange {
  readonly evidence: readonly StoredEvidence[];
  /** A memory whose `supersedes` is set ends that one in the same commit. It is refused if that one is no head any more. */
  readonly added: readonly EmbeddedMemory[];
}

/**
 * The memories of all users, sealed under a key of each user. The database, its log and its backups hold ciphertext, sizes, times and ids.
 * Texts and vectors are opened in this process alone, for the user that asks. Each call may throw a MemoryStoreError. A compliance suite
 * tests each kind of database: packages/testing/src/memory/memory-store-compliance.ts.
 */
export interface MemoryStore {
  /** @throws MemoryStoreError `conflict` if a superseded memory is no head any more, `full` above a limit of the user. */
  change(user: string, change: MemoryChange): Promise<void>;
  get(user: string, id: string): Promise<EmbeddedMemory | undefined>;
  /** A head and the memories that it replaced, newest first. */
  readHistory(user: string, id: string): Promise<readonly Memory[]>;
  /** Newest first. @param page after the memory `before`. @throws MemoryStoreError `invalid` if that one is gone. */
  list(user: string, filter: MemoryFilter, page: MemoryPage): Promise<readonly Memory[]>;
  search(user: string, query: MemoryQuery): Promise<readonly FoundMemory[]>;
  /** Changes fields that a person edits, and erases the old ones. A new text comes with its new vector. */
  edit(user: string, edited: EmbeddedMemory): Promise<boolean>;
  readEvidence(user: string, id: string): Promise<StoredEvidence | undefined>;
  /**
   * Erases a memory, its history, its vector, its key and the evidence of it, from the database's files too, before it resolves. Each other
   * call or note that repeats the words of the memory or of its quote goes with it.
   * @returns false if there is none. @throws MemoryStoreError `busy` if another process reads the files: they are erased later.
   */
  remove(user: string, id: string): Promise<boolean>;
  /** Erases the user's key and rows. */
  removeUser(user: string): Promise<boolean>;
  /** A text that is kept beside the memories, such as the bio; undefined removes it. */
  writeNote(user: string, name: string, text: string | undefined): Promise<void>;
  readNote(user: string, name: string): Promise<string | undefined>;
  /** Runs a job while no other process that shares the database runs one for this user. @throws StoreError `busy` after a minute. */
  alone<T>(user: string, job: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}
