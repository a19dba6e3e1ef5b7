import type { Check } from '@ogong/protocol/base/checks';
import { toPrintable } from '@ogong/protocol/base/printable';
import type { SealedWords } from '@ogong/protocol/sealing/sealed-refusal';
import type { Receipt } from '@ogong/protocol/stage1/receipt';

/** The answer failed its checks: no provider of the network is liable for the received text. */
export class ReceiptError extends Error {
  override readonly name = 'ReceiptError';
  /**
   * Id of the first check that failed. It is `missing` if there is no receipt to check, and `unchecked` if checks were skipped for lack of
   * trust.
   */
  readonly code: string;
  readonly retryable: boolean;
  readonly checks: readonly Check[];
  readonly receipt: Receipt | undefined;
  /** The gateway's answer, unchecked. */
  readonly response: unknown;

  constructor(
    code: string,
    message: string,
    details: { checks?: readonly Check[]; receipt?: Receipt; response?: unknown; cause?: unknown } = {},
  ) {
    super(message, { cause: details.cause });
    this.code = code;
    this.retryable = code !== 'unchecked';
    this.checks = details.checks ?? [];
    this.receipt = details.receipt;
    this.response = details.response;
  }
}

/** A request could not be sealed, or its reply not be opened. Nothing went out in plain. */
export class SealedCallError extends Error {
  override readonly name = 'SealedCallError';
  /**
   * Reason of the failure. It is `unsupported` if the gateway or the kind of request cannot be sealed. It is the id of a failed check of
   * the offer, or `unchecked` if checks were skipped for lack of trust. Otherwise it names the fault of the reply.
   */
  readonly code: string;
  readonly retryable = false;
  readonly checks: readonly Check[];

  constructor(code: string, message: string, details: { checks?: readonly Check[]; cause?: unknown } = {}) {
    super(message, { cause: details.cause });
    this.code = code;
    this.checks = details.checks ?? [];
  }
}

/** The gateway refused or failed, with its message. */
export class GatewayApiError extends Error {
  override readonly name = 'GatewayApiError';
  readonly status: number;
  readonly code: string | null;
  readonly param: string | null;
  readonly retryable: boolean;
  /** The sealed reason of the provider, base64 and unchecked. Default: none. */
  readonly sealed: SealedWords | undefined;

  constructor(status: number, body: unknown) {
    const { message, code, param, sealed } = readError(body);
    super(message ?? `the gateway answered with status ${status}`);
    this.status = status;
    this.code = code;
    this.param = param;
    this.retryable = status === 408 || status === 429 || status >= 500;
    this.sealed = sealed;
  }
}

/** Nothing came back: the gateway is not there, or the way to it is closed. */
export class GatewayUnreachableError extends Error {
  override readonly name = 'GatewayUnreachableError';
  readonly code = 'unreachable';
  readonly retryable = true;

  constructor(origin: string, cause: unknown) {
    super(`the gateway ${origin} cannot be reached: ${describeCause(cause)}; see baseUrl`, { cause });
  }
}

/** Describes the cause of an error of `fetch`: a name with several addresses has one cause for each. A browser names none. */
function describeCause(error: unknown): string {
  const { message, cause } = error as Error;
  const causes: readonly unknown[] = cause instanceof AggregateError ? cause.errors : [cause];
  const reasons = causes.flatMap((one) => (one instanceof Error && one.message !== '' ? [one.message] : []));
  return reasons.length > 0 ? reasons.join(', ') : message;
}

/** Reads the error of an answer in OpenAI's form. */
export function readError(body: unknown): {
  message: string | undefined;
  code: string | null;
  param: string | null;
  sealed: SealedWords | undefined;
} {
  const error = (body as { error?: Record<string, unknown> } | null)?.error ?? {};
  const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
  // Applications print it, and the gateway may quote a provider.
  const message = text(error.message);
  const { head, unit } = (error.sealed ?? {}) as Record<string, unknown>;
  return {
    message: message === null ? undefined : toPrintable(message),
    code: text(error.code),
    param: text(error.param),
    sealed: typeof head === 'string' && typeof unit === 'string' ? { head, unit } : undefined,
  };
}
