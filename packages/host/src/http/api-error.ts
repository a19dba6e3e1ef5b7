import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import type { ContextOverflow } from '@ogong/protocol/modality/text/request/context-overflow';
import type { SealedWords } from '@ogong/protocol/sealing/sealed-refusal';
import { StoreError } from '../store/store-error.ts';

/** OpenAI's error types, as its clients know them. */
export type ErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'rate_limit_error'
  | 'insufficient_quota'
  | 'server_error';

interface Kind {
  readonly status: number;
  readonly type: ErrorType;
  readonly retryable: boolean;
}

const INVALID = (status: number): Kind => ({ status, type: 'invalid_request_error', retryable: false });
const SERVER = (status: number, retryable = true): Kind => ({ status, type: 'server_error', retryable });

/** The one mapping from an error code to the client's view, for every server. */
const KINDS = {
  invalid_request: INVALID(400),
  request_refused: INVALID(400),
  request_too_large: INVALID(400),
  invalid_api_key: { status: 401, type: 'authentication_error', retryable: false },
  payment_required: INVALID(402),
  forbidden: INVALID(403),
  forbidden_origin: INVALID(403),
  model_not_allowed: INVALID(403),
  model_not_found: INVALID(404),
  not_found: INVALID(404),
  method_not_allowed: INVALID(405),
  request_timeout: { status: 408, type: 'invalid_request_error', retryable: true },
  body_too_large: INVALID(413),
  unsupported_media_type: INVALID(415),
  too_many_requests: { status: 429, type: 'rate_limit_error', retryable: true },
  credit_exhausted: { status: 429, type: 'insufficient_quota', retryable: false },
  budget_exceeded: { status: 429, type: 'insufficient_quota', retryable: false },
  internal_error: SERVER(500, false),
  ogong_check_failed: SERVER(502),
  provider_failed: SERVER(502),
  order_not_admitted: SERVER(503),
  provider_ended: SERVER(503),
  no_provider: SERVER(503),
  engine_unavailable: SERVER(503),
  provider_busy: SERVER(503),
  provider_unreachable: SERVER(503),
  router_unreachable: SERVER(503),
  validator_unreachable: SERVER(503),
  chain_unreachable: SERVER(503),
  escrow_exhausted: SERVER(503),
  storage_failed: SERVER(503),
  shutting_down: SERVER(503),
  provider_timeout: SERVER(504),
} as const satisfies Record<string, Kind>;

export type ApiErrorCode = keyof typeof KINDS;

export interface ApiErrorOptions extends ErrorOptions {
  readonly param?: string | null;
  /** The `code` that the client reads, if it differs from ours. */
  readonly publicCode?: string | null;
  readonly retryAfterS?: number;
  /** The sizes of a prompt that leaves no room for a reply. */
  readonly overflow?: ContextOverflow | undefined;
  /** The sealed reason of a provider, for a client that sealed its request. Default: none. */
  readonly sealedWords?: SealedWords | undefined;
}

/** A failure that the client may know about, in OpenAI's terms. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ApiErrorCode;
  readonly status: number;
  readonly retryable: boolean;
  readonly param: string | null;
  readonly publicCode: string | null;
  readonly retryAfterS: number | undefined;
  readonly overflow: ContextOverflow | undefined;
  readonly sealedWords: SealedWords | undefined;

  constructor(code: ApiErrorCode, message: string, options: ApiErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.status = KINDS[code].status;
    this.retryable = KINDS[code].retryable;
    this.param = options.param ?? null;
    this.publicCode = options.publicCode === undefined ? code : options.publicCode;
    this.retryAfterS = options.retryAfterS;
    this.overflow = options.overflow;
    this.sealedWords = options.sealedWords;
  }
}

/** Turns any thrown value into an error for the client. An unexpected error reveals nothing about the server. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof RequestError) {
    return new ApiError(error.isMissing ? 'not_found' : 'invalid_request', error.message, {
      cause: error,
      param: error.param,
      publicCode: error.code,
    });
  }
  // An order that is not on the disk must not be promised, so nothing can be served.
  if (error instanceof StoreError) {
    return new ApiError('storage_failed', `Nothing can be stored now (${error.code}); try again later.`, {
      cause: error,
      retryAfterS: 30,
    });
  }
  return new ApiError('internal_error', 'The server failed; the request id names it in the log.', { cause: error });
}

export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: ErrorType;
    readonly param: string | null;
    readonly code: string | null;
    readonly sealed?: SealedWords;
  };
}

export function toErrorBody({ message, code, param, publicCode, sealedWords }: ApiError): ErrorBody {
  const sealed = sealedWords && { sealed: sealedWords };
  return { error: { message, type: KINDS[code].type, param, code: publicCode, ...sealed } };
}
