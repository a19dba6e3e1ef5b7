export type GrammarErrorCode = 'invalid-grammar' | 'unsupported-schema' | 'too-costly';

/** The error of a refused grammar or schema. The message names the problem and its place. */
export class GrammarError extends Error {
  override readonly name = 'GrammarError';
  readonly code: GrammarErrorCode;
  readonly retryable = false;
  constructor(code: GrammarErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
