/** A bad request in OpenAI's terms. The gateway answers it with status 400. */
export class RequestError extends Error {
  readonly param: string | null;
  readonly code: string | null;
  readonly retryable = false;
  constructor(message: string, param: string | null = null, code: string | null = null, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'RequestError';
    this.param = param;
    this.code = code;
  }
}
