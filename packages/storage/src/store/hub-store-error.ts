export type HubStoreErrorCode =
  /** The address names no store. */
  | 'bad-address'
  /** A variable of the environment is missing or wrong. */
  | 'missing-setting'
  /** Another program has the folder of the store. */
  | 'in-use';

/** A store that cannot be opened as it is named. The message says what to write. */
export class HubStoreError extends Error {
  readonly code: HubStoreErrorCode;
  readonly retryable: boolean;
  constructor(code: HubStoreErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'HubStoreError';
    this.code = code;
    this.retryable = code === 'in-use';
  }
}
