import { createWriteStream } from 'node:fs';
import { readFile, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { computeBackoff } from '@ogong/protocol/base/backoff';
import { ModelError } from './model-error.ts';

export interface DownloadProgress {
  readonly file: string;
  readonly receivedBytes: number;
  readonly totalBytes: number | undefined;
  /** What the file has to hash to, where that is known. */
  readonly sha256?: string | undefined;
}

/** A server that does not answer is asked again after a pause. */
export interface RetryNotice {
  readonly file: string;
  readonly reason: string;
  readonly pauseMs: number;
}

/** What somebody who waits for a server can do, and hears. */
export interface Waiting {
  readonly signal?: AbortSignal | undefined;
  /** Called before each pause. */
  readonly onRetry?: ((notice: RetryNotice) => void) | undefined;
}

export interface DownloadOptions extends Waiting {
  readonly file: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** The size that the file must have. A download that is longer is ended. */
  readonly sizeBytes?: number;
  readonly maxAttempts?: number;
  /** First pause between attempts; doubles. A server's Retry-After counts where it is longer, up to a minute. */
  readonly backoffMs?: number;
}

const MAX_REDIRECTS = 5;
const MAX_ATTEMPTS = 6;
const MAX_PAUSE_MS = 60_000;
const MAX_JSON_BYTES = 16 << 20;
const PROGRESS_EVERY = 1 << 20;

/**
 * Fetches a URL into a file, and continues where an earlier attempt stopped. The caller checks the hash.
 * @throws ModelError: 'not-found', 'network' (retryable), 'too-many-redirects', 'disk-full', 'cancelled'.
 */
export async function downloadFile(url: string, target: string, options: DownloadOptions): Promise<void> {
  const attempts = options.maxAttempts ?? MAX_ATTEMPTS;
  for (let attempt = 1; ; attempt++) {
    try {
      return await attemptDownload(url, target, options);
    } catch (error) {
      if (options.signal?.aborted)
        throw new ModelError('cancelled', `the download of ${options.file} was cancelled`, { cause: error });
      const failure = error instanceof RetryableFailure ? error : undefined;
      if (failure === undefined) throw toModelError(error, options.file);
      if (attempt >= attempts) {
        throw new ModelError(
          'network',
          `${options.file} could not be fetched after ${attempt} attempts: ${failure.message}; what arrived is kept, run again to go on`,
          {
            cause: failure,
            retryable: true,
          },
        );
      }
      const pauseMs = computePause(failure, { attempt, firstMs: options.backoffMs });
      options.onRetry?.({ file: options.file, reason: failure.message, pauseMs });
      await delay(pauseMs, undefined, options.signal && { signal: options.signal }).catch(() => undefined);
    }
  }
}

class RetryableFailure extends Error {
  readonly retryAfterMs: number;
  constructor(message: string, options: { retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.retryAfterMs = options.retryAfterMs ?? 0;
  }
}

function computePause(
  { retryAfterMs }: RetryableFailure,
  { attempt, firstMs = 500 }: { readonly attempt: number; readonly firstMs: number | undefined },
): number {
  const ownMs = computeBackoff({ firstMs, longestMs: MAX_PAUSE_MS }, { failures: attempt - 1 });
  return Math.min(Math.max(ownMs, retryAfterMs), MAX_PAUSE_MS);
}

async function attemptDownload(url: string, target: string, options: DownloadOptions): Promise<void> {
  const etagPath = `${target}.etag`;
  const have = await sizeOf(target);
  const etag = have > 0 ? await readFile(etagPath, 'utf8').catch(() => undefined) : undefined;
  // Without the ETag of the first response a resumed file could mix two versions.
  const resume = have > 0 && etag !== undefined;
  const headers = { ...options.headers, ...(resume && { range: `bytes=${have}-`, 'if-range': etag }) };
  const response = await fetchFollowing(url, headers, options.signal);
  if (response.status === 416) {
    await response.body?.cancel();
    await discard(target);
    throw new RetryableFailure('the server refused to go on where the file ended');
  }
  const isPartial = response.status === 206;
  const newTag = response.headers.get('etag');
  if (!isPartial) await discard(target);
  const start = isPartial ? have : 0;
  if (newTag !== null && !newTag.startsWith('W/')) await writeFile(etagPath, newTag);
  const length = Number(response.headers.get('content-length') ?? Number.NaN);
  const total = Number.isFinite(length) ? start + length : undefined;
  if (total !== undefined) await assertSpace(target, total - start, options.file);
  if (response.body === null) throw new RetryableFailure('the response had no body');
  let received = start;
  let reported = start;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      received += chunk.length;
      if (received > (options.sizeBytes ?? Number.POSITIVE_INFINITY)) return done(tooLong(options));
      if (received - reported >= PROGRESS_EVERY || received === total) {
        reported = received;
        options.onProgress?.({ file: options.file, receivedBytes: received, totalBytes: total });
      }
      done(undefined, chunk);
    },
  });
  try {
    const source = Readable.fromWeb(response.body as never);
    const sink = createWriteStream(target, { flags: isPartial ? 'a' : 'w' });
    await pipeline(source, count, sink, { ...(options.signal && { signal: options.signal }) });
  } catch (cause) {
    if (cause instanceof ModelError) await discard(target);
    if (cause instanceof ModelError || (cause as NodeJS.ErrnoException).code === 'ENOSPC') throw cause;
    throw new RetryableFailure('the connection was cut', { cause });
  }
  if (total !== undefined && received !== total)
    throw new RetryableFailure(`the connection ended after ${received} of ${total} bytes`);
  await rm(etagPath, { force: true });
}

/** Follows redirects itself, so that only the first origin gets the credentials. */
export async function fetchFollowing(
  url: string,
  headers: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<Response> {
  const origin = new URL(url).origin;
  let current = url;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const { authorization: _dropped, ...anonymous } = headers;
    const sent = new URL(current).origin === origin ? headers : anonymous;
    let response: Response;
    try {
      response = await fetch(current, { headers: sent, redirect: 'manual', ...(signal && { signal }) });
    } catch (cause) {
      throw new RetryableFailure(`${new URL(current).host} cannot be reached: ${(cause as Error).message}`, { cause });
    }
    if (response.ok || response.status === 416) return response;
    await response.body?.cancel();
    const location = response.headers.get('location');
    if (response.status >= 300 && response.status < 400 && location !== null) {
      const next = new URL(location, current);
      if (next.protocol !== 'https:' && next.protocol !== new URL(url).protocol)
        throw new ModelError('network', `${url} redirects to ${next.protocol}//, which is not fetched`);
      current = next.href;
      continue;
    }
    if (response.status === 429 || response.status >= 500) {
      throw new RetryableFailure(`${new URL(current).host} answered ${response.status}`, {
        retryAfterMs: parseRetryAfter(response.headers.get('retry-after')),
      });
    }
    if (response.status === 401 || response.status === 403) {
      throw new ModelError(
        'not-found',
        `${url} needs permission (${response.status}): accept the model's terms and set a hub token`,
      );
    }
    throw new ModelError('not-found', `${url} answered ${response.status}; check the model's name`);
  }
  throw new ModelError('too-many-redirects', `${url} redirects more than ${MAX_REDIRECTS} times`);
}

/** Fetches a small JSON document with the same patience. @throws ModelError. */
export async function fetchJson(url: string, options: Omit<DownloadOptions, 'onProgress'>): Promise<unknown> {
  const attempts = options.maxAttempts ?? MAX_ATTEMPTS;
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await fetchFollowing(url, options.headers ?? {}, options.signal);
      return JSON.parse(await readText(response));
    } catch (error) {
      if (!(error instanceof RetryableFailure)) throw toModelError(error, options.file);
      if (attempt >= attempts)
        throw new ModelError('network', `${options.file}: ${error.message}`, { cause: error, retryable: true });
      const pauseMs = computePause(error, { attempt, firstMs: options.backoffMs });
      options.onRetry?.({ file: options.file, reason: error.message, pauseMs });
      await delay(pauseMs, undefined, options.signal && { signal: options.signal }).catch((cause: unknown) => {
        throw new ModelError('cancelled', `${options.file} was cancelled`, { cause });
      });
    }
  }
}

const tooLong = ({ file, sizeBytes }: Pick<DownloadOptions, 'file' | 'sizeBytes'>): ModelError =>
  new ModelError('wrong-hash', `${file} is longer than the ${sizeBytes} bytes that were listed; it was thrown away`);

async function readText(response: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    size += piece.length;
    if (size > MAX_JSON_BYTES)
      throw new ModelError('network', `${response.url} sent more than ${MAX_JSON_BYTES} bytes`);
    pieces.push(piece);
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

async function assertSpace(target: string, needed: number, file: string): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(target));
  if (bavail * bsize < needed) throw diskFull(file, needed, bavail * bsize);
}

function diskFull(file: string, needed?: number, free?: number, cause?: unknown): ModelError {
  const sizes =
    needed === undefined
      ? ''
      : `: ${Math.ceil(needed / 2 ** 20)} MiB are needed and ${Math.floor((free ?? 0) / 2 ** 20)} MiB are free`;
  return new ModelError(
    'disk-full',
    `no room on the disk for ${file}${sizes}; free some space and run again, what arrived is kept`,
    { cause, retryable: true },
  );
}

function toModelError(error: unknown, file: string): ModelError {
  if (error instanceof ModelError) return error;
  if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return diskFull(file, undefined, undefined, error);
  return new ModelError('network', `${file}: ${(error as Error).message}`, { cause: error, retryable: true });
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    (found) => found.size,
    () => 0,
  );
}

async function discard(target: string): Promise<void> {
  await rm(target, { force: true });
  await rm(`${target}.etag`, { force: true });
}
