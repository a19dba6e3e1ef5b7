import type { Listing } from './listing.ts';

/** A reply of the endpoint under test. */
export interface ShownReply {
  /** A user's message, or else a text that is continued. A chat shows its first token alone: no server can continue from its middle. */
  readonly isChat: boolean;
  readonly prompt: string;
  /** Bytes of each token, in hexadecimal. */
  readonly tokens: readonly string[];
  /** The likely tokens at each position. */
  readonly listings: readonly Listing[];
}

/** A model that can say what it would have shown at another's position. */
export interface Reference {
  readonly name: string;
  /** By position; undefined if it cannot tell. @throws CompareError, EngineError */
  list(reply: ShownReply): Promise<readonly (Listing | undefined)[]>;
  close(): Promise<void>;
}

export type CompareErrorCode = 'no-logprobs' | 'unreachable' | 'refused' | 'malformed' | 'no-model';

export class CompareError extends Error {
  override readonly name = 'CompareError';
  readonly code: CompareErrorCode;
  readonly retryable: boolean;

  constructor(code: CompareErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'unreachable';
  }
}
