export type SlabErrorCode =
  /** The architecture, or a feature of this model, is not on the allow-list. */
  | 'unsupported-model'
  /** The model can be cut, but not at these edges. */
  | 'bad-edges';

/** A cut that is refused. The message names the reason. */
export class SlabError extends Error {
  readonly code: SlabErrorCode;
  readonly retryable = false;
  constructor(code: SlabErrorCode, message: string) {
    super(message);
    this.name = 'SlabError';
    this.code = code;
  }
}
