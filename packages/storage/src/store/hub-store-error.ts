export type HubStoreErrorCode =
  /** The address names no store. */
  | 'bad-address'
  /** A variable of the environment is missing or wrong. */
  | 'missing-setting';

/** A store that cannot be opened as it is named. The message says what to write. */
export class HubStoreError extends Error {
  readonly code: HubStoreErrorCode;
  readonly retryable = false;
  constructor(code: HubStoreErrorCode, message: string) {
    super(message);
    this.name = 'HubStoreError';
    this.code = code;
  }
}
