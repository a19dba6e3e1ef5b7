/** A message of a conversation. The service reads roles `user` and `assistant` alone. */
export interface MemoryMessage {
  readonly role: string;
  readonly content: string;
  /** ISO 8601 with a time zone, or Unix time, s. Default: the time of the call. */
  readonly created_at?: string | number;
}

export interface MemoryDetails {
  readonly location?: string;
  readonly participants?: readonly string[];
  readonly tags?: readonly string[];
  readonly source?: string;
  /** 0 to 1. */
  readonly confidence?: number;
}

/** Names of an assistant and of a conversation, 1 to 256 characters each. */
interface MemoryNames {
  readonly agent_id?: string | undefined;
  readonly thread_id?: string | undefined;
}

export interface MemoryAddParams extends MemoryNames {
  /** At most 256 messages. */
  readonly messages: readonly MemoryMessage[];
  /** Default: `chat`. */
  readonly source?: string | undefined;
  readonly metadata?: MemoryDetails | undefined;
}

export interface MemorySearchParams extends MemoryNames {
  /** 1 to 2,000 characters. */
  readonly query: string;
  /** 1 to 100. Default: 10. */
  readonly limit?: number | undefined;
  readonly categories?: readonly string[] | undefined;
  readonly type?: 'semantic' | 'episodic' | undefined;
  readonly rerank?: boolean | undefined;
  /** Default: true. */
  readonly include_bio?: boolean | undefined;
  /** Searches the memories of this time: ISO 8601 with a time zone, or Unix time, s. */
  readonly as_of?: string | number | undefined;
}

export interface MemoryEditParams {
  readonly content?: string;
  readonly metadata?: MemoryDetails;
  readonly categories?: readonly string[];
  readonly type?: 'semantic' | 'episodic';
}

export interface MemoryProfileParams {
  /** Default: `bio` and `stats`. */
  readonly include?: readonly ('bio' | 'categories' | 'insights' | 'traits' | 'stats')[];
  /** One category of `categories`. Default: all. */
  readonly category?: string;
  /** Makes the texts again. Default: false. */
  readonly refresh?: boolean;
}

/** The fields that both forms of a memory share. Further fields of the service pass through. */
interface CommonMemory {
  /** 32 lower-case hexadecimal digits. */
  readonly id: string;
  readonly type?: 'semantic' | 'episodic';
  readonly categories?: readonly string[];
  readonly subject?: string;
  readonly agent_id?: string;
  readonly thread_id?: string;
  readonly created_at?: string;
  readonly updated_at?: string;
  /** The words of the message that it rests on; null if a person wrote it. */
  readonly quote?: { readonly words: string; readonly role: string; readonly day: string | null } | null;
  /** Hashes of the receipts of the calls that made it; null if a person wrote it. */
  readonly receipts?: {
    readonly extraction: string;
    readonly embedding: string;
    readonly update: string | null;
  } | null;
  /** Id of the memory that this one replaced. */
  readonly supersedes?: string | null;
  readonly [field: string]: unknown;
}

export interface StoredMemory extends CommonMemory {
  readonly content: string;
}

export interface MatchedMemory extends CommonMemory {
  readonly memory: string;
  /** The text for a prompt, in a mark that the service knows again (docs/spec/memory.md#recalled-text). */
  readonly recalled: string;
  /** 1 - cosine; null if it was found by words alone. */
  readonly vector_distance?: number | null;
  readonly rerank_score?: number | null;
}

export interface MemoryAddition {
  readonly memories_created: number;
  readonly memories: readonly StoredMemory[];
  readonly [field: string]: unknown;
}

export interface MemoryFindings {
  readonly user_bio: string | null;
  /** The best first. */
  readonly memories: readonly MatchedMemory[];
}

/** A text of sentences, each with the ids of the memories that it rests on. */
export interface MemoryText {
  readonly summary: string;
  readonly sources: readonly { readonly text: string; readonly memories: readonly string[] }[];
  readonly [field: string]: unknown;
}

export interface MemoryProfile {
  readonly bio?: MemoryText | null;
  readonly categories?: Readonly<Record<string, MemoryText | null>>;
  readonly insights?: MemoryText['sources'];
  readonly traits?: MemoryText['sources'];
  readonly stats?: { readonly total_memories: number; readonly [field: string]: unknown };
}
