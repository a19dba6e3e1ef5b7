export type GrammarErrorCode = 'invalid-grammar' | 'unsupported-schema' | 'too-costly';

/** A grammar or schema that is refused. The message says what, and where. */
export class GrammarError extends Error {
  override readonly name = 'GrammarError';
  readonly code: GrammarErrorCode;
  readonly retryable = false;
  constructor(code: GrammarErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
