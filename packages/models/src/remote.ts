import type { LookupFunction } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { computeBackoff } from '@ogong/protocol/base/backoff';
import { ModelError } from './model-error.ts';

/** A server that does not answer is asked again after a pause. */
export interface RetryNotice {
  readonly file: string;
  readonly reason: string;
  readonly pauseMs: number;
}

/** Options of a caller that waits for a server. */
export interface Waiting {
  readonly signal?: AbortSignal | undefined;
  /** Called before each pause. */
  readonly onRetry?: ((notice: RetryNotice) => void) | undefined;
}

export interface RetryOptions extends Waiting {
  /** Names what is fetched in messages. */
  readonly file: string;
  readonly maxAttempts?: number;
  /** First pause between attempts; doubles. A server's Retry-After counts where it is longer, up to a minute. */
  readonly backoffMs?: number;
  /** Advice to the user after a failure. */
  readonly advice?: string;
}

const MAX_REDIRECTS = 5;
const MAX_ATTEMPTS = 6;
/** Of a machine that cannot be reached at all: most often there is no network, and that should be known within seconds. */
const MAX_UNREACHED = 3;
const MAX_PAUSE_MS = 60_000;
const MAX_JSON_BYTES = 16 << 20;

/** It may work at another time. */
export class RetryableFailure extends Error {
  readonly retryAfterMs: number;
  /** Nobody answered. */
  readonly isUnreached: boolean;
  constructor(
    message: string,
    {
      retryAfterMs = 0,
      isUnreached = false,
      cause,
    }: { retryAfterMs?: number; isUnreached?: boolean; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.retryAfterMs = retryAfterMs;
    this.isUnreached = isUnreached;
  }
}

/**
 * Tries again, with pauses, what failed for a reason that may pass.
 * @param attempt says through its first argument when it came further than before: then its failures are counted anew.
 * @throws ModelError: 'network' (retryable), 'cancelled', or what the attempt throws.
 */
export async function withPatience<T>(
  { file, signal, onRetry, backoffMs: firstMs = 500, maxAttempts = MAX_ATTEMPTS, advice }: RetryOptions,
  attempt: (cameFurther: () => void) => Promise<T>,
): Promise<T> {
  let failures = 0;
  for (;;) {
    try {
      return await attempt(() => {
        failures = 0;
      });
    } catch (error) {
      if (signal?.aborted) throw new ModelError('cancelled', `the download of ${file} was cancelled`, { cause: error });
      if (!(error instanceof RetryableFailure)) throw error;
      failures++;
      if (failures >= Math.min(maxAttempts, error.isUnreached ? MAX_UNREACHED : maxAttempts)) {
        const tries = failures === 1 ? '1 attempt' : `${failures} attempts`;
        const message = `${file} could not be fetched after ${tries}: ${error.message}; ${advice ?? 'check the network and run again'}`;
        throw new ModelError('network', message, { cause: error, retryable: true });
      }
      const ownMs = computeBackoff({ firstMs, longestMs: MAX_PAUSE_MS }, { failures: failures - 1 });
      const pauseMs = Math.min(Math.max(ownMs, error.retryAfterMs), MAX_PAUSE_MS);
      onRetry?.({ file, reason: error.message, pauseMs });
      await delay(pauseMs, undefined, signal && { signal }).catch((cause: unknown) => {
        throw new ModelError('cancelled', `the download of ${file} was cancelled`, { cause });
      });
    }
  }
}

export interface FollowOptions {
  readonly signal?: AbortSignal | undefined;
  /** Refuses a redirect to another host, for answers that are trusted as the first host's own. */
  readonly isSameHost?: boolean | undefined;
  /** Calls each address, that of a redirect too. Default: the global one, which calls any address. */
  readonly fetch?: FetchAddress | undefined;
}

/** Calls one address and follows no redirect. @throws Error with the reason in its cause. */
export interface FetchAddress {
  (
    address: string,
    init: { readonly headers: Readonly<Record<string, string>>; readonly signal?: AbortSignal },
  ): Promise<Response>;
  /** Rules of the addresses that it calls. Default: each address may be called. */
  readonly guard?: AddressGuard;
}

/** Rules for connections to addresses that strangers name. */
export interface AddressGuard {
  /** Tells whether an IP address may be called. */
  readonly isAllowed: (address: string) => boolean;
  /** Looks up a name. It fails if one of the addresses may not be called. */
  readonly lookup: LookupFunction;
}

const fetchAny: FetchAddress = (address, init) => fetch(address, { ...init, redirect: 'manual' });

/** Follows redirects itself, so that only the first origin gets the credentials. @throws RetryableFailure, ModelError */
export async function fetchFollowing(
  url: string,
  headers: Readonly<Record<string, string>>,
  { signal, isSameHost = false, fetch: call = fetchAny }: FollowOptions = {},
): Promise<Response> {
  const origin = new URL(url).origin;
  let current = url;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const { authorization: _dropped, ...anonymous } = headers;
    const sent = new URL(current).origin === origin ? headers : anonymous;
    let response: Response;
    try {
      response = await call(current, { headers: sent, ...(signal && { signal }) });
    } catch (cause) {
      throw new RetryableFailure(`${new URL(current).host} cannot be reached${explainFetch(cause)}`, {
        ...{ cause, isUnreached: true },
      });
    }
    if (response.ok || response.status === 416) return response;
    await response.body?.cancel();
    const location = response.headers.get('location');
    if (response.status >= 300 && response.status < 400 && location !== null) {
      const next = new URL(location, current);
      if (next.protocol !== 'https:' && next.protocol !== new URL(url).protocol)
        throw new ModelError('network', `${url} redirects to ${next.protocol}//, which is not fetched`);
      if (isSameHost && next.origin !== origin)
        throw new ModelError('network', `${url} redirects to another host, ${next.host}, which is not asked`);
      current = next.href;
      continue;
    }
    if (response.status === 429 || response.status >= 500) {
      throw new RetryableFailure(`${new URL(current).host} answered ${response.status}`, {
        retryAfterMs: parseRetryAfter(response.headers.get('retry-after')),
      });
    }
    if (response.status === 401 || response.status === 403)
      throw new ModelError('not-found', `${url} ${explainRefusal(response)}`);
    throw new ModelError('not-found', `${url} answered ${response.status}; check the model's name`);
  }
  throw new ModelError('too-many-redirects', `${url} redirects more than ${MAX_REDIRECTS} times`);
}

/** The hub answers 401 for a repository that is not there, too, so that nobody learns which private ones exist. */
function explainRefusal({ status, headers }: Response): string {
  const isGated = headers.get('x-error-code') === 'GatedRepo';
  if (status === 403 || isGated)
    return `needs permission (${status}): accept the model's terms on its page, and set HF_TOKEN to a token that may read it`;
  return `was not found or is private (${status}): check the name, or set HF_TOKEN to a token that may read it`;
}

const WORDS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'no such host, or no network',
  EAI_AGAIN: 'its name cannot be looked up, there may be no network',
  ECONNREFUSED: 'no program listens there',
  ECONNRESET: 'the connection was cut',
  EACCES: 'it leads into a network that is not called',
  ENETUNREACH: 'there is no network',
  EHOSTUNREACH: 'there is no way to it',
  UND_ERR_CONNECT_TIMEOUT: 'no answer',
};

/** `fetch` says "fetch failed", and the reason in its cause. */
function explainFetch(error: unknown): string {
  const { cause } = error as { cause?: { code?: unknown; errors?: readonly { code?: unknown }[] } };
  const code = String(cause?.code ?? cause?.errors?.[0]?.code ?? '');
  return code === '' ? '' : `: ${WORDS[code] ?? code}`;
}

export interface JsonOptions extends RetryOptions, FollowOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Of the answer. */
  readonly maxBytes?: number;
  /** Of each attempt, until its last byte. */
  readonly timeoutMs?: number;
}

/** One page of a longer answer. */
export interface JsonPage {
  readonly value: unknown;
  /** The address of the next page; undefined for the last one. */
  readonly next: string | undefined;
}

/** Fetches a small JSON document with the same patience. @throws ModelError. */
export const fetchJson = async (url: string, options: JsonOptions): Promise<unknown> =>
  (await fetchJsonPage(url, options)).value;

/** Fetches a JSON document that may go on in a next page. @throws ModelError. */
export async function fetchJsonPage(
  url: string,
  { headers = {}, maxBytes = MAX_JSON_BYTES, timeoutMs, isSameHost, ...options }: JsonOptions,
): Promise<JsonPage> {
  return withPatience(options, async () => {
    const limits = [options.signal, timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs)];
    const signal = AbortSignal.any(limits.filter((limit) => limit !== undefined));
    const response = await fetchFollowing(url, headers, { signal, isSameHost });
    const text = await readText(response, maxBytes);
    try {
      return { value: JSON.parse(text) as unknown, next: readNextPage(response.headers.get('link'), url) };
    } catch (cause) {
      throw new ModelError('network', `${new URL(url).host} answered with no JSON; check the hub's address`, { cause });
    }
  });
}

/**
 * Reads the address of the next page from a `Link` header. It gets the first page's origin, the only one with the credentials. A mirror
 * may pass on the addresses of its source.
 * Source: RFC 8288, section 3.
 */
export function readNextPage(link: string | null, url: string): string | undefined {
  for (const [, address = '', parameters = ''] of (link ?? '').matchAll(/<([^<>]*)>([^<]*)/g)) {
    if (!/;\s*rel="?(?:[^";]*\s)?next(?=[\s";,]|$)/i.test(parameters)) continue;
    const next = URL.parse(address, url);
    return next === null ? undefined : new URL(`${next.pathname}${next.search}`, url).href;
  }
  return undefined;
}

async function readText(response: Response, maxBytes: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of response.body ?? []) {
      size += piece.length;
      if (size > maxBytes) throw new ModelError('network', `${response.url} sent more than ${maxBytes} bytes`);
      pieces.push(piece);
    }
  } catch (cause) {
    if (cause instanceof ModelError) throw cause;
    throw new RetryableFailure('the connection was cut', { cause });
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** Seconds or an HTTP date, as milliseconds from now; 0 where there is none. */
export function parseRetryAfter(value: string | null, now = Date.now()): number {
  if (value === null) return 0;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? 0 : Math.max(0, date - now);
}
