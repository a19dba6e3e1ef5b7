import type { SignerRefusalCode } from '@ogong/protocol/settlement/signer-message';

/** Reasons for a missing signature. `unreachable`: the signer's process does not answer. */
export type SignerErrorCode = SignerRefusalCode | 'unreachable';

export class SignerError extends Error {
  override readonly name = 'SignerError';
  readonly code: SignerErrorCode;
  readonly retryable: boolean;

  constructor(code: SignerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'unreachable' || code === 'unavailable';
  }
}
