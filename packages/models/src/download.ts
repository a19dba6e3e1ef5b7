import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ModelError } from './model-error.ts';
import { discardPartialFile, openPartialFile, type PartialFile, type Segment } from './partial-file.ts';
import { fetchFollowing, RetryableFailure, type RetryOptions, withPatience } from './remote.ts';

export interface DownloadProgress {
  readonly file: string;
  readonly receivedBytes: number;
  readonly totalBytes: number | undefined;
  /** Expected hash of the file, if it is known. */
  readonly sha256?: string | undefined;
}

export interface DownloadOptions extends RetryOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** The size that the file must have. A download that is longer is ended. */
  readonly sizeBytes?: number;
  /** Called once with the first bytes of the file. An error that it throws ends the download, and nothing of it is kept. */
  readonly inspectHead?: (head: Uint8Array) => void;
  /** Connections at a time, where the server knows ranges; 1 asks for none. */
  readonly connections?: number;
  /** Of each connection at least. */
  readonly segmentBytes?: number;
  /** A connection that brings nothing for so long is cut. */
  readonly idleMs?: number;
}

const CONNECTIONS = 4;
const SEGMENT_BYTES = 16 << 20;
const IDLE_MS = 60_000;
const PROGRESS_EVERY = 1 << 20;
const SAVE_EVERY = 64 << 20;

/** The server answered a range with something else. */
class RangeRefused extends Error {}

/**
 * Fetches a URL into a file, over several connections, and goes on where an earlier attempt stopped. The caller checks the hash.
 * @returns whether it was put together from ranges: a server may answer them with wrong bytes.
 * @throws ModelError: 'not-found', 'network' (retryable), 'too-many-redirects', 'disk-full', 'cancelled'.
 */
export async function downloadFile(
  url: string,
  target: string,
  options: DownloadOptions,
): Promise<{ inRanges: boolean }> {
  let connections = options.connections ?? CONNECTIONS;
  let best = 0;
  const advice = 'received bytes are kept, run again to go on';
  return withPatience({ advice, ...options }, async (cameFurther) => {
    for (;;) {
      try {
        return await attemptDownload(url, target, {
          ...{ ...options, connections },
          onReceived(bytes) {
            if (bytes < best + PROGRESS_EVERY) return;
            best = bytes;
            cameFurther();
          },
        });
      } catch (error) {
        if (!(error instanceof RangeRefused)) throw options.signal?.aborted ? error : toModelError(error, options.file);
        // The file changed at the server, or the server does not know ranges: it is fetched anew, as a whole.
        await discardPartialFile(target);
        connections = 1;
      }
    }
  });
}

interface AttemptOptions extends DownloadOptions {
  readonly connections: number;
  readonly onReceived: (bytes: number) => void;
}

async function attemptDownload(url: string, target: string, options: AttemptOptions): Promise<{ inRanges: boolean }> {
  const failed = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal;
  const partial = await openPartialFile(target);
  let isKept = true;
  try {
    const first = partial.state === undefined ? await beginDownload(url, partial, { ...options, signal }) : undefined;
    const { segments = [] } = partial.state ?? {};
    const receive = await createReceiver(target, partial, options);
    const open = segments.filter(({ end, start, received }) => start + received < end);
    const inRanges = first === undefined || segments.length > 1;
    const work = open.map((segment) =>
      fetchSegment(url, segment, {
        ...options,
        ...{ signal, receive, etag: partial.state?.etag },
        response: segment === segments[0] ? first : undefined,
      }).catch((error: unknown) => {
        // The others need not go on. The first failure is the reason; theirs only follow from it.
        failed.abort(error);
        throw error;
      }),
    );
    await Promise.allSettled(work);
    failed.signal.throwIfAborted();
    await Promise.all(work);
    return { inRanges };
  } catch (error) {
    // An answer that nobody reads would keep the process.
    failed.abort(error);
    // A file that proved to be another one is not kept.
    isKept = !(error instanceof ModelError && (error.code === 'wrong-hash' || error.code === 'corrupt'));
    throw error;
  } finally {
    // A full disk has no room for the note, either.
    if (isKept) await partial.save().catch(() => undefined);
    await partial.close();
    if (!isKept) await discardPartialFile(target);
  }
}

/** Asks for the whole file, which says how long it is and whether the rest may be asked for in ranges. */
async function beginDownload(
  url: string,
  partial: PartialFile,
  { headers, connections, signal, file, sizeBytes, segmentBytes = SEGMENT_BYTES }: AttemptOptions,
): Promise<Response> {
  const response = await fetchFollowing(url, { ...headers, ...IDENTITY }, { signal });
  const length = Number(response.headers.get('content-length') ?? Number.POSITIVE_INFINITY);
  const end = Number.isSafeInteger(length) ? length : Number.POSITIVE_INFINITY;
  const etag = response.headers.get('etag');
  const strong = etag === null || etag.startsWith('W/') || end === Number.POSITIVE_INFINITY ? undefined : etag;
  if (end !== Number.POSITIVE_INFINITY && end > (sizeBytes ?? end)) {
    await response.body?.cancel();
    throw tooLong({ file, sizeBytes });
  }
  const knowsRanges = strong !== undefined && response.headers.get('accept-ranges') === 'bytes';
  const count = knowsRanges ? Math.max(1, Math.min(connections, Math.floor(end / segmentBytes))) : 1;
  await partial.begin({ file, etag: connections > 1 ? strong : undefined, segments: cut(end, count) });
  return response;
}

/** Otherwise a server may compress what it sends, and its length would be another one. `fetch` asks for ranges so by itself. */
const IDENTITY = { 'accept-encoding': 'identity' } as const;

function cut(end: number, count: number): Segment[] {
  const size = Math.ceil(end / count);
  return Array.from({ length: count }, (_, i) => ({
    start: count === 1 ? 0 : i * size,
    end: count === 1 ? end : Math.min(end, (i + 1) * size),
    received: 0,
  }));
}

type Receive = (segment: Segment, bytes: Uint8Array) => Promise<void>;

/** Writes what comes, and says how far the file is. @throws ModelError where there is no room for the rest. */
async function createReceiver(target: string, partial: PartialFile, options: AttemptOptions): Promise<Receive> {
  const { segments = [] } = partial.state ?? {};
  const { file, onProgress, onReceived, inspectHead, sizeBytes = Number.POSITIVE_INFINITY } = options;
  const end = segments.at(-1)?.end ?? Number.POSITIVE_INFINITY;
  const totalBytes = end === Number.POSITIVE_INFINITY ? undefined : end;
  let received = segments.reduce((sum, each) => sum + each.received, 0);
  let reported = received;
  let saved = received;
  if (totalBytes !== undefined) await assertSpace(target, totalBytes - received, file);
  let head = received === 0 ? Buffer.alloc(0) : undefined;
  return async (segment, bytes) => {
    if (head !== undefined && segment.start === 0) {
      head = Buffer.concat([head, bytes.subarray(0, HEAD_BYTES)]);
      if (head.length >= HEAD_BYTES) {
        inspectHead?.(head.subarray(0, HEAD_BYTES));
        head = undefined;
      }
    }
    if (received + bytes.length > sizeBytes) throw tooLong({ file, sizeBytes });
    await partial.write(bytes, segment.start + segment.received);
    segment.received += bytes.length;
    received += bytes.length;
    onReceived(received);
    if (received - reported >= PROGRESS_EVERY || received === totalBytes) {
      reported = received;
      onProgress?.({ file, receivedBytes: received, totalBytes });
    }
    if (received - saved >= SAVE_EVERY) {
      saved = received;
      await partial.save();
    }
  };
}

const HEAD_BYTES = 4;

interface SegmentOptions extends AttemptOptions {
  readonly signal: AbortSignal;
  readonly etag: string | undefined;
  readonly receive: Receive;
  /** Of the whole file, where this is its beginning. */
  readonly response: Response | undefined;
}

async function fetchSegment(url: string, segment: Segment, options: SegmentOptions): Promise<void> {
  const { receive, response: whole, idleMs = IDLE_MS } = options;
  const idle = new AbortController();
  const timer = setTimeout(() => idle.abort(), idleMs);
  const isStopped = AbortSignal.any([options.signal, idle.signal]);
  let stop: (() => void) | undefined;
  try {
    const response = whole ?? (await fetchRange(url, segment, { ...options, signal: isStopped }));
    if (response.body === null) throw new RetryableFailure('the response had no body');
    const reader = response.body.getReader();
    stop = () => void reader.cancel().catch(() => undefined);
    isStopped.addEventListener('abort', stop, { once: true });
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw new RetryableFailure('the connection was cut', { cause });
      });
      if (idle.signal.aborted) throw new RetryableFailure(`nothing came for ${Math.round(idleMs / 1000)} s`);
      options.signal.throwIfAborted();
      if (done) break;
      timer.refresh();
      const room = segment.end - segment.start - segment.received;
      if (value.length > room && whole === undefined) throw new RangeRefused('more came than was asked for');
      await receive(segment, value.subarray(0, room));
      if (value.length >= room) return;
    }
  } finally {
    clearTimeout(timer);
    if (stop !== undefined) isStopped.removeEventListener('abort', stop);
    stop?.();
  }
  if (segment.end === Number.POSITIVE_INFINITY) return;
  const { start, end, received } = segment;
  if (start + received < end)
    throw new RetryableFailure(`the connection ended after ${received} of ${end - start} bytes`);
}

/** Fetches the missing bytes of a segment. @throws RangeRefused if the server sends something else. */
async function fetchRange(
  url: string,
  { start, end, received }: Segment,
  { headers, etag, signal }: Pick<SegmentOptions, 'headers' | 'etag' | 'signal'>,
): Promise<Response> {
  const from = start + received;
  const asked = { ...headers, range: `bytes=${from}-${end - 1}`, ...(etag && { 'if-range': etag }) };
  const response = await fetchFollowing(url, asked, { signal });
  const [, first, last] = /^bytes (\d+)-(\d+)\//.exec(response.headers.get('content-range') ?? '') ?? [];
  if (response.status === 206 && Number(first) === from && Number(last) === end - 1) return response;
  await response.body?.cancel();
  throw new RangeRefused(`the server answered bytes ${from} to ${end - 1} with status ${response.status}`);
}

const tooLong = ({ file, sizeBytes }: { readonly file: string; readonly sizeBytes: number | undefined }): ModelError =>
  new ModelError('wrong-hash', `${file} is longer than the ${sizeBytes} bytes that were listed; it was thrown away`);

async function assertSpace(target: string, needed: number, file: string): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(target));
  if (bavail * bsize < needed) throw new NoSpace(describeSpace(file, needed, bavail * bsize));
}

/** Known before anything is written, so what is here stays. */
class NoSpace extends Error {}

const describeSpace = (file: string, needed: number, free: number): string =>
  `${file}: ${Math.ceil(needed / 2 ** 20)} MiB are needed and ${Math.floor(free / 2 ** 20)} MiB are free`;

function toModelError(error: unknown, file: string): unknown {
  if (error instanceof ModelError || error instanceof RetryableFailure) return error;
  const isFull = error instanceof NoSpace || (error as NodeJS.ErrnoException).code === 'ENOSPC';
  if (!isFull) return error;
  const where = error instanceof NoSpace ? error.message : file;
  const message = `no room on the disk for ${where}; free some space and run again, received bytes are kept`;
  return new ModelError('disk-full', message, { cause: error, retryable: true });
}
