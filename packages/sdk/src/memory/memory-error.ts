import { readError } from '../errors.ts';

/**
 * `unreachable`: nothing came back. `refused`: the service answered with an error. `form`: its answer is too long, or has another form than
 * the API of memories.
 */
export type MemoryApiErrorCode = 'unreachable' | 'refused' | 'form';

/** A call to a memory service that failed. Its message has no text of a memory. */
export class MemoryApiError extends Error {
  override readonly name = 'MemoryApiError';
  readonly code: MemoryApiErrorCode;
  /** Of an answer; undefined if none came. */
  readonly status: number | undefined;
  readonly retryable: boolean;

  constructor(
    code: MemoryApiErrorCode,
    message: string,
    { status, cause }: { readonly status?: number; readonly cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.code = code;
    this.status = status;
    this.retryable = code === 'unreachable' || status === 408 || status === 429 || (status ?? 0) >= 500;
  }
}

/** Makes an error of an answer of the service. @param body JSON, or undefined. */
export function createRefusal(status: number, body: unknown): MemoryApiError {
  const message = readError(body).message ?? `the memory service answered with status ${status}`;
  return new MemoryApiError('refused', message, { status });
}
