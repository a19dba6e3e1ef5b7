import type { MachineEvidence } from '@ogong/attestation/evidence';

/** An attester that produces evidence about this machine (RFC 9334). */
export interface Attester {
  readonly kind: 'software' | 'dstack' | 'configfs-tsm';
  /** @param reportData 64 bytes that the report has to hold. @throws AttesterError */
  attest(reportData: Uint8Array): Promise<MachineEvidence>;
}

export type AttesterErrorCode = 'unreachable' | 'malformed' | 'disturbed';

export class AttesterError extends Error {
  override readonly name = 'AttesterError';
  readonly code: AttesterErrorCode;
  readonly retryable: boolean;
  constructor(code: AttesterErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = code !== 'malformed';
  }
}
