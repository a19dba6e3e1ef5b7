import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HubBlobError } from '@ogong/hub/store/blob-store';
import type { FolderStore } from '@ogong/hub/store/folder-store';
import type { Pacer } from './pacer.ts';

const TARGET = /^\/(manifests|evaluations|lists|blobs)\/([0-9a-f]{64})$/;
const RANGE = /^bytes=(\d{1,15})-(\d{0,15})$/;

/** The folders of a place of the hub. */
export type PlaceFolder = 'manifests' | 'evaluations' | 'lists' | 'blobs';

export interface PlaceAppParts {
  readonly store: FolderStore;
  readonly pacer: Pacer;
  readonly onSent: (folder: PlaceFolder, bytes: number) => void;
}

interface Content {
  readonly sizeBytes: number;
  read(from: number, to: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/**
 * Serves a store as a place of the hub (docs/spec/pins.md#place-over-http): files by their hashes, whole or as one range. Nothing is listed. A name
 * is a hash, so no request reaches another file.
 */
export function createPlaceApp({ store, pacer, onSent }: PlaceAppParts) {
  const checked = new Map<string, Promise<void>>();

  /** Opens the list of a blob. It is checked once for each file of the blob, since the check of a long one takes a second. */
  async function openList(id: string): Promise<Content> {
    const { size, mtimeMs } = await stat(await store.pathOf(id));
    const key = `${id} ${size} ${mtimeMs}`;
    const check = checked.get(key) ?? store.listBlocks(id).then(() => undefined);
    checked.set(key, check);
    await check;
    return openFile(join(store.directory, 'lists', id));
  }

  async function find(folder: PlaceFolder, name: string): Promise<Content | undefined> {
    try {
      if (folder === 'lists') return await openList(name);
      return await openFile(folder === 'blobs' ? await store.pathOf(name) : join(store.directory, folder, name));
    } catch (error) {
      const { code } = error as { readonly code?: unknown };
      if (code === 'ENOENT' || (error instanceof HubBlobError && code !== 'cancelled')) return undefined;
      throw error;
    }
  }

  async function* send(folder: PlaceFolder, stream: AsyncIterable<Uint8Array>, signal: AbortSignal) {
    for await (const piece of stream) {
      await pacer.pass(piece.length, signal);
      onSent(folder, piece.length);
      yield piece;
    }
  }

  return {
    async fetch(request: Request): Promise<Response> {
      const { method, headers, signal } = request;
      if (method !== 'GET' && method !== 'HEAD')
        return new Response(undefined, { status: 405, headers: { allow: 'GET, HEAD' } });
      const [, folder, name = ''] = TARGET.exec(new URL(request.url).pathname) ?? [];
      const content = folder === undefined ? undefined : await find(folder as PlaceFolder, name);
      if (content === undefined) return new Response(undefined, { status: 404 });
      const { sizeBytes } = content;
      const range = parseRange(headers.get('range'), sizeBytes);
      if (range === undefined)
        return new Response(undefined, { status: 416, headers: { 'content-range': `bytes */${sizeBytes}` } });
      const { from, to, isPart } = range;
      const body =
        method === 'HEAD'
          ? undefined
          : ReadableStream.from(send(folder as PlaceFolder, content.read(from, to, signal), signal));
      return new Response(body, {
        status: isPart ? 206 : 200,
        headers: {
          'content-type': 'application/octet-stream',
          'content-length': String(to - from),
          'accept-ranges': 'bytes',
          'cache-control': 'public, max-age=31536000, immutable',
          'x-content-type-options': 'nosniff',
          ...(isPart && { 'content-range': `bytes ${from}-${to - 1}/${sizeBytes}` }),
        },
      });
    },
  };
}

async function openFile(path: string): Promise<Content> {
  const { size: sizeBytes } = await stat(path);
  return { sizeBytes, read: (from, to, signal) => createReadStream(path, { start: from, end: to - 1, signal }) };
}

/** Parses one range. A header of another form counts as absent. @returns undefined for a range beyond the file. */
function parseRange(header: string | null, sizeBytes: number) {
  const [, first, last] = RANGE.exec(header ?? '') ?? [];
  if (first === undefined) return { from: 0, to: sizeBytes, isPart: false };
  const from = Number(first);
  const to = last ? Math.min(Number(last) + 1, sizeBytes) : sizeBytes;
  return from < to ? { from, to, isPart: true } : undefined;
}
