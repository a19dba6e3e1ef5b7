import { Code, ConnectError } from '@connectrpc/connect';
import { fromBase64, ProtocolError, toBase64 } from '@ogong/protocol/base/bytes';
import { toPrintable } from '@ogong/protocol/base/printable';
import { StoreError } from '../store/store-error.ts';

export type LinkErrorCode =
  | 'unreachable'
  | 'wrong-certificate'
  | 'unauthorized'
  | 'timeout'
  | 'canceled'
  | 'too-large'
  | 'rate-limited'
  | 'remote';

const RETRYABLE: ReadonlySet<LinkErrorCode> = new Set(['unreachable', 'timeout', 'rate-limited']);

const WITHOUT_ANSWER: ReadonlySet<LinkErrorCode> = new Set(['unreachable', 'wrong-certificate', 'timeout', 'canceled']);

export interface LinkErrorOptions extends ErrorOptions {
  /** Why the peer refused; only with code 'remote'. */
  readonly refusal?: RefusalCode;
  /** Nothing of the call has left. Default: unknown. */
  readonly isUnsent?: boolean;
  /** The peer's sealed words beside its refusal, encoded and unchecked. Default: none. */
  readonly sealedWords?: Uint8Array | undefined;
}

/** Reason of a call without an answer. `retryable` does not tell whether the call took effect. */
export class LinkError extends Error {
  override readonly name = 'LinkError';
  readonly code: LinkErrorCode;
  readonly retryable: boolean;
  readonly refusal: RefusalCode | undefined;
  readonly isUnsent: boolean;
  readonly sealedWords: Uint8Array | undefined;

  constructor(code: LinkErrorCode, message: string, options: LinkErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.refusal = options.refusal;
    this.isUnsent = options.isUnsent ?? false;
    this.sealedWords = options.sealedWords;
    this.retryable = RETRYABLE.has(code) || options.refusal === 'unavailable';
  }

  /** Whether the peer itself answered, if only to refuse. Its certificate was checked before. */
  get isAnswer(): boolean {
    return !WITHOUT_ANSWER.has(this.code);
  }
}

const REFUSALS = {
  invalid: Code.InvalidArgument,
  'not-found': Code.NotFound,
  conflict: Code.AlreadyExists,
  precondition: Code.FailedPrecondition,
  // No provider can take so long a request. A shorter one may be served.
  oversized: Code.OutOfRange,
  unsupported: Code.Unimplemented,
  unavailable: Code.Unavailable,
  'not-admitted': Code.FailedPrecondition,
} as const;

export type RefusalCode = keyof typeof REFUSALS;

/**
 * Distinguishes a rate limit from a size limit, and a refusal from a lost connection. Connect has only one code for each pair.
 */
const REASON_HEADER = 'ogong-reason';
/** Holds words for the sender of a sealed request, base64. */
const WORDS_HEADER = 'ogong-sealed-words';
/** Characters of the header. Longer ones are dropped. */
const MAX_WORDS_HEADER = 8_192;

/** Error of a handler whose reason the peer may know. Any other error reaches the peer as "internal". */
export class Refusal extends ConnectError {
  readonly reason: RefusalCode;
  /** @param sealedWords sealed to the peer, encoded. Default: none. */
  constructor(reason: RefusalCode, message: string, sealedWords?: Uint8Array) {
    const words = sealedWords && { [WORDS_HEADER]: toBase64(sealedWords) };
    super(message, REFUSALS[reason], { [REASON_HEADER]: reason, ...words });
    this.reason = reason;
  }
}

/** A limit's answer, of the gate before a message is read, or of a handler. The peer may know why. */
export class RateLimited extends ConnectError {
  constructor(message: string) {
    super(message, Code.ResourceExhausted, { [REASON_HEADER]: 'rate-limited' });
  }
}

const CODES: Partial<Record<Code, LinkErrorCode>> = {
  [Code.Unavailable]: 'unreachable',
  [Code.Aborted]: 'unreachable',
  [Code.Canceled]: 'unreachable',
  [Code.DeadlineExceeded]: 'timeout',
  [Code.PermissionDenied]: 'unauthorized',
  [Code.Unauthenticated]: 'unauthorized',
  [Code.ResourceExhausted]: 'too-large',
};

/** Characters. Longer messages of a peer are cut. */
const MAX_MESSAGE = 2_000;

/** Returns the peer's message in printable characters: it reaches logs, other peers and terminals. */
const readMessage = ({ rawMessage }: ConnectError): string => {
  const text = toPrintable(rawMessage);
  return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}...` : text;
};

/** @returns undefined if there are none, or they are too long or no base64. */
function readSealedWords({ metadata }: ConnectError): Uint8Array | undefined {
  const given = metadata.get(WORDS_HEADER);
  if (given === null || given.length > MAX_WORDS_HEADER) return undefined;
  try {
    return fromBase64(given);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** Reads any failure of a call. A cancellation counts as the caller's only if the caller's own signal says so. */
export function toLinkError(reason: unknown, canceledByCaller = false): LinkError {
  for (let cause = reason; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof LinkError) return cause;
  }
  if (canceledByCaller) return new LinkError('canceled', 'the call was canceled', { cause: reason });
  const error = ConnectError.from(reason);
  const message = readMessage(error);
  const stated = error.metadata.get(REASON_HEADER);
  if (stated === 'rate-limited') return new LinkError('rate-limited', message, { cause: error });
  if (stated !== null && Object.hasOwn(REFUSALS, stated)) {
    const sealedWords = readSealedWords(error);
    return new LinkError('remote', message, { cause: error, refusal: stated as RefusalCode, sealedWords });
  }
  // A peer of a version that has no such call.
  if (error.code === Code.Unimplemented) {
    return new LinkError('remote', message, { cause: error, refusal: 'unsupported' });
  }
  if (isConnectionFailure(error)) return new LinkError('unreachable', 'the connection was lost', { cause: error });
  return new LinkError(CODES[error.code] ?? 'remote', message, { cause: error });
}

/** The failure of a call before anything was sent. Calls that wait for one connection share the error of that connection. */
export const toUnsentError = ({ code, message, cause }: LinkError): LinkError =>
  new LinkError(code, message, { cause, isUnsent: true });

/** Whether the peer's HTTP/2 layer says that it turned the call away before any handler saw it. */
export function isRefusedStream(reason: unknown): boolean {
  for (let cause = reason; cause instanceof Error; cause = cause.cause) {
    if (cause.message.includes('NGHTTP2_REFUSED_STREAM')) return true;
  }
  return false;
}

/** When a connection is lost during a call, Node reports its own codes, which Connect turns into "internal". */
function isConnectionFailure(error: ConnectError): boolean {
  for (let cause: unknown = error.cause; cause instanceof Error; cause = cause.cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (
      typeof code === 'string' &&
      /^(ERR_HTTP2_|ERR_STREAM_|ERR_SSL_|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EHOST|ENET)/.test(code)
    ) {
      return true;
    }
  }
  return false;
}

/** The step at which sealed content was refused, with the only words about it that leave in plain. */
const PLACES = {
  request: 'the sealed request is refused, and its sender has the reason under the seal',
  media: 'the media of the sealed request are refused, and its sender has the reason under the seal',
  reply: 'the sealed request is not served, and its sender has the reason under the seal',
  part: 'the sealed part is refused',
} as const;

export type ClosedPlace = keyof typeof PLACES;

/** Refusals by a role that knows the order alone, such as its validator. */
const ABOUT_ORDER: ReadonlySet<RefusalCode> = new Set(['not-admitted']);

const WITHHELD = 'a failure with sealed content, whose message is withheld';

/** A fault while sealed content was in memory: its class, its code and its place in the code, without a message. */
class ClosedFailure extends Error {
  readonly code: string | undefined;
  constructor({ name, code, stack = '', message }: Error & { readonly code?: unknown }) {
    super(WITHHELD);
    this.name = name;
    this.code = typeof code === 'string' ? code : undefined;
    // The frames follow the message, which could imitate some.
    const at = stack.indexOf(message);
    const frames = at < 0 ? [] : (stack.slice(at + message.length).match(/\n {4}at .*/g) ?? []);
    this.stack = `${name}: ${WITHHELD}${frames.join('')}`;
  }
}

export interface ClosedErrorOptions {
  readonly place: ClosedPlace;
  /** Seals words to the sender of the content. @returns undefined if that is not possible any more. Default: the words are left out. */
  readonly seal?: ((words: string) => Uint8Array | undefined) | undefined;
}

/**
 * Decides alone what of an error may leave in plain once sealed content was opened: links, logs, metrics, traces and disks get the
 * result. A refusal keeps its code, the words of a place from a closed list, and its own words under the seal. A fault keeps its class,
 * its code and its stack frames.
 */
export function closeError(error: unknown, { place, seal }: ClosedErrorOptions): Error {
  if (error instanceof Refusal) {
    if (ABOUT_ORDER.has(error.reason)) return error;
    return new Refusal(error.reason, PLACES[place], seal?.(error.rawMessage));
  }
  if (error instanceof StoreError) return new StoreError(error.code, WITHHELD);
  return new ClosedFailure(error instanceof Error ? error : new Error());
}
