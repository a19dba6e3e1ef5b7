export interface RequestErrorOptions extends ErrorOptions {
  /** Whether the request names something that is not kept here: status 404. */
  readonly isMissing?: boolean;
}

/** A bad request in OpenAI's terms. The gateway answers it with status 400. */
export class RequestError extends Error {
  readonly param: string | null;
  readonly code: string | null;
  readonly isMissing: boolean;
  readonly retryable = false;
  constructor(
    message: string,
    param: string | null = null,
    code: string | null = null,
    { isMissing = false, ...options }: RequestErrorOptions = {},
  ) {
    super(message, options);
    this.name = 'RequestError';
    this.param = param;
    this.code = code;
    this.isMissing = isMissing;
  }
}
