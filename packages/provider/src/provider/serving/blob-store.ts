import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makePrivateDirectory, syncDirectory, writePrivateParts } from '@ogong/host/files/private-files';
import { Refusal } from '@ogong/host/link/link-error';
import { equalBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import { createFormat, list, u8 } from '@ogong/protocol/base/codec';
import { type BlobRef, blobRefCodec } from '@ogong/protocol/commitment/blob';
import { REPLY_ID_BYTES } from '@ogong/protocol/commitment/record';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { MAX_MEDIA_PARTS } from '@ogong/protocol/exchange/limits';
import type { KeptBlob } from '../../modality/order-job.ts';
import { computeFileBytes, openBlobFile, type StoredBlob, writeBlobFile } from './blob-file.ts';

export interface BlobsOfReply {
  readonly blobs: readonly KeptBlob[];
  /** Blind of the answer, 32 bytes. */
  readonly blind: Uint8Array;
  /** The same as that of the reply's opening, Unix time in ms. */
  readonly expiresAtMs: number;
  /** The peer that ordered the reply and may read all of it, 32 bytes. Default: nobody. */
  readonly orderer?: Uint8Array | undefined;
  /** The blobs among them that are the media of the request, in the order of their references. Default: none. */
  readonly media?: readonly BlobRef[] | undefined;
}

/** The blobs of served replies. They are stored as long as the openings that name them. */
export interface BlobStore {
  /**
   * Reserves room for the blobs of a reply, before it is generated.
   * @param sizes of its blobs, bytes. @throws Refusal `unavailable` if the disk budget is used up.
   */
  reserve(replyId: Uint8Array, sizes: readonly number[]): void;
  /** Releases reserved room that no blob has used. */
  release(replyId: Uint8Array): void;
  /** On the disk when it resolves. @throws Refusal `unavailable` if the disk budget is used up. */
  put(replyId: Uint8Array, kept: BlobsOfReply): Promise<void>;
  /** @returns undefined if there is no such blob. */
  open(replyId: Uint8Array, root: Uint8Array): Promise<StoredBlob | undefined>;
  /** Returns whether a peer ordered the reply and may read all of it. */
  isOrderer(replyId: Uint8Array, peer: Uint8Array): boolean;
  /** Lists the blobs that are the media of a reply's request, in the order of their references. */
  listMedia(replyId: Uint8Array): readonly BlobRef[];
  /** Deletes the blobs of replies that expired before. */
  sweep(nowMs: number): Promise<void>;
  usedBytes(): number;
}

export interface BlobStoreOptions {
  readonly folder: string;
  /** The most bytes of all files together. */
  readonly maxBytes: number;
}

export interface BlobStoreDependencies {
  readonly crypto: Crypto;
  /** Returns when the stored opening of a reply expires, Unix time in ms; undefined if there is none. */
  readonly findExpiry: (replyId: Uint8Array) => number | undefined;
}

interface StoredReply {
  readonly bytes: number;
  readonly expiresAtMs: number;
  readonly orderer: Uint8Array | undefined;
  readonly media: readonly BlobRef[];
}

const REPLY_NAME = new RegExp(`^[0-9a-f]{${REPLY_ID_BYTES * 2}}$`);
/** A folder that is being written. It gets its name once all of its files are on the disk. */
const UNFINISHED = '.part';
/** File beside the blobs: the peer that ordered the reply. */
const ORDERER_FILE = 'orderer';
/** File beside the blobs: references to the media of the request. */
const MEDIA_FILE = 'media';
const mediaFormat = createFormat(list(blobRefCodec, { count: u8, max: MAX_MEDIA_PARTS }), {
  tag: 'ogong-stored-media-v1',
});

const sumFiles = (sizes: readonly number[]): number =>
  sizes.reduce((sum, bytes) => sum + computeFileBytes({ bytes }), 0);

/**
 * Opens the folder of blobs: a folder for each reply, a file for each blob. It deletes the blobs of replies without an opening, which
 * a crash has left.
 */
export async function openBlobStore(
  { folder, maxBytes }: BlobStoreOptions,
  { crypto, findExpiry }: BlobStoreDependencies,
): Promise<BlobStore> {
  makePrivateDirectory(folder);
  const stored = new Map<string, StoredReply>();
  const reserved = new Map<string, number>();
  for (const name of await readdir(folder)) {
    const expiresAtMs = REPLY_NAME.test(name) ? findExpiry(fromHex(name)) : undefined;
    if (expiresAtMs !== undefined) stored.set(name, { ...(await readFolder(join(folder, name))), expiresAtMs });
    else if (REPLY_NAME.test(name) || name.endsWith(UNFINISHED)) await rm(join(folder, name), { recursive: true });
  }
  let usedBytes = [...stored.values()].reduce((sum, { bytes }) => sum + bytes, 0);

  function release(replyId: Uint8Array): void {
    const name = toHex(replyId);
    usedBytes -= reserved.get(name) ?? 0;
    reserved.delete(name);
  }

  function reserve(replyId: Uint8Array, sizes: readonly number[]): void {
    release(replyId);
    const bytes = sumFiles(sizes);
    if (usedBytes + bytes > maxBytes) {
      throw new Refusal('unavailable', 'the disk budget for blobs is used up; try another provider');
    }
    usedBytes += bytes;
    reserved.set(toHex(replyId), bytes);
  }

  return {
    reserve,
    release,
    async put(replyId, { blobs, blind, expiresAtMs, orderer, media = [] }) {
      const name = toHex(replyId);
      const roots = new Map(blobs.map((blob) => [toHex(blob.ref.root), blob]));
      reserve(
        replyId,
        [...roots.values()].map(({ ref }) => ref.bytes),
      );
      const path = join(folder, name);
      const unfinished = `${path}${UNFINISHED}`;
      try {
        makePrivateDirectory(unfinished);
        for (const [root, blob] of roots) await writeBlobFile(crypto, join(unfinished, root), { ...blob, blind });
        if (orderer !== undefined) await writePrivateParts(join(unfinished, ORDERER_FILE), [orderer]);
        if (media.length > 0) await writePrivateParts(join(unfinished, MEDIA_FILE), [mediaFormat.encode(media)]);
        await syncDirectory(unfinished);
        await rename(unfinished, path);
        await syncDirectory(folder);
      } catch (error) {
        await rm(unfinished, { recursive: true, force: true });
        release(replyId);
        throw error;
      }
      stored.set(name, { bytes: reserved.get(name) ?? 0, expiresAtMs, orderer, media });
      reserved.delete(name);
    },
    async open(replyId, root) {
      const name = toHex(replyId);
      return stored.has(name) ? openBlobFile(crypto, join(folder, name, toHex(root)), root) : undefined;
    },
    isOrderer(replyId, peer) {
      const orderer = stored.get(toHex(replyId))?.orderer;
      return orderer !== undefined && equalBytes(orderer, peer);
    },
    listMedia: (replyId) => stored.get(toHex(replyId))?.media ?? [],
    async sweep(nowMs) {
      for (const [name, { bytes, expiresAtMs }] of [...stored]) {
        if (expiresAtMs >= nowMs) continue;
        stored.delete(name);
        await rm(join(folder, name), { recursive: true, force: true });
        usedBytes -= bytes;
      }
    },
    usedBytes: () => usedBytes,
  };
}

/** Files that are no blobs. */
const BESIDE: ReadonlySet<string> = new Set([ORDERER_FILE, MEDIA_FILE]);

async function readFolder(path: string): Promise<Omit<StoredReply, 'expiresAtMs'>> {
  const names = await readdir(path);
  const read = (name: string) => (names.includes(name) ? readFile(join(path, name)) : undefined);
  const orderer = await read(ORDERER_FILE);
  const media = await read(MEDIA_FILE);
  let bytes = 0;
  for (const name of names) if (!BESIDE.has(name)) bytes += (await stat(join(path, name))).size;
  return {
    bytes,
    orderer: orderer && Uint8Array.from(orderer),
    media: media ? mediaFormat.decode(Uint8Array.from(media)) : [],
  };
}

/** A store without a folder: every reply with blobs is refused. */
export const NO_BLOBS: BlobStore = {
  reserve: refuse,
  release: () => undefined,
  put: async () => refuse(),
  open: async () => undefined,
  isOrderer: () => false,
  listMedia: () => [],
  sweep: async () => undefined,
  usedBytes: () => 0,
};

function refuse(): never {
  throw new Refusal('unavailable', 'this provider has no room for blobs; try another provider');
}
