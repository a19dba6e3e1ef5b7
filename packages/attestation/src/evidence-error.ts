/** Evidence that cannot be read. Readable evidence that does not hold is a failed check instead. */
export class EvidenceError extends Error {
  override readonly name = 'EvidenceError';
  readonly code = 'evidence-form';
  readonly retryable = false;
}
