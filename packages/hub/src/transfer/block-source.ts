import { type FetchAddress, fetchFollowing } from '@ogong/models/remote';
import { toHex } from '@ogong/protocol/base/bytes';
import { isLoopbackHost } from '@ogong/protocol/base/loopback';
import type { ManifestFile } from '../manifest.ts';
import type { ByteRange, HubBlobStore } from '../store/blob-store.ts';
import { createRangeReader, NotDirect } from './direct/range-reader.ts';

/** Bounds of a small file that is read whole. */
export interface ReadLimits {
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** A place that has files of a model. Nothing that it sends is believed. */
export interface BlockSource {
  /** Names the place in messages. */
  readonly name: string;
  /** Returns the block list of a file, at most `maxBytes` and one byte of it. @throws if the source has none. */
  listBlocks(file: ManifestFile, limits: ReadLimits): Promise<Uint8Array>;
  /** Streams bytes of a file in pieces. Each is valid until the next one is asked for. @throws RefusedRead if it is in vain to ask again, else any error. */
  read(file: ManifestFile, range: ByteRange, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** The source does not have the bytes, or cannot send a part of a file. */
export class RefusedRead extends Error {}

/** A store as a source. */
export const createStoreSource = (name: string, store: Pick<HubBlobStore, 'listBlocks' | 'get'>): BlockSource => ({
  name,
  listBlocks: ({ blockRoot }) => store.listBlocks(toHex(blockRoot)),
  read: ({ blockRoot }, range, signal) => store.get(toHex(blockRoot), range, signal),
});

export interface HttpSourceOptions {
  /** Default: the host of the address. */
  readonly name?: string;
  /** Address of a file. It is `https`, or on this machine. */
  readonly urlOf: (file: ManifestFile) => string;
  /** Address of its block list. Absent: another source has the lists. */
  readonly listUrlOf?: (file: ManifestFile) => string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Calls an address. Default: any address is called. */
  readonly fetch?: FetchAddress | undefined;
}

/** A server that answers ranges of HTTP, such as a mirror or a gateway of another store. */
export function createHttpSource(options: HttpSourceOptions): BlockSource {
  const { urlOf, listUrlOf, headers = {}, name = 'http', fetch } = options;
  const direct = createRangeReader(fetch?.guard);
  /** Some servers redirect, or are behind a proxy. A caller's own way to call addresses needs a guard for this one. */
  let isDirect = fetch === undefined || fetch.guard !== undefined;
  return {
    name,
    async *read(file, range, signal) {
      const address = assertAddress(urlOf(file));
      try {
        if (isDirect) return yield* direct.read(address, range, { headers, signal });
      } catch (error) {
        if (!(error instanceof NotDirect)) throw error;
        isDirect = false;
      }
      yield* readHttpRange(address, range, { name, headers, signal, fetch });
    },
    async listBlocks(file, { maxBytes, signal }) {
      if (listUrlOf === undefined) throw new RefusedRead(`${name} has no lists of blocks`);
      return fetchBytes(listUrlOf(file), { headers, maxBytes, signal, fetch });
    },
  };
}

/** Fetches a small file, at most `maxBytes` and a piece of it. @throws RefusedRead for an address that is not `https` nor on this machine. */
export async function fetchBytes(
  address: string,
  { headers = {}, maxBytes, signal, fetch }: ReadLimits & Pick<HttpSourceOptions, 'headers' | 'fetch'>,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of streamBytes(address, { headers, signal, fetch })) {
    pieces.push(piece);
    size += piece.length;
    if (size > maxBytes) break;
  }
  return new Uint8Array(Buffer.concat(pieces));
}

/** Streams a file of a server, without a bound. @throws RefusedRead for an address that is not `https` nor on this machine. */
export async function* streamBytes(
  address: string,
  { headers, signal, fetch }: Omit<RangeReading, 'name'>,
): AsyncGenerator<Uint8Array> {
  const response = await fetchFollowing(assertAddress(address), headers, { signal, fetch });
  yield* response.body ?? [];
}

export interface RangeReading {
  /** Names the server in messages. */
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
  readonly fetch?: FetchAddress | undefined;
}

/**
 * Streams a part of a file on a server.
 * @param address it is `https`, or on this machine.
 * @throws RefusedRead if the server answers anything but these bytes, and an error of fetchFollowing.
 */
export async function* readHttpRange(
  address: string,
  { from, to }: ByteRange,
  { name, headers, signal, fetch }: RangeReading,
): AsyncGenerator<Uint8Array> {
  const asked = { ...headers, range: `bytes=${from}-${to - 1}` };
  const response = await fetchFollowing(assertAddress(address), asked, { signal, fetch });
  const [, first, last] = /^bytes (\d+)-(\d+)\//.exec(response.headers.get('content-range') ?? '') ?? [];
  if (response.status !== 206 || Number(first) !== from || Number(last) !== to - 1) {
    await response.body?.cancel();
    throw new RefusedRead(`${name} answered bytes ${from} to ${to - 1} with status ${response.status}`);
  }
  if (response.body !== null) yield* response.body;
}

function assertAddress(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && !isLoopbackHost(url.hostname)))
    throw new RefusedRead(`${address} is no https address`);
  return url.href;
}
