import { join } from 'node:path';
import { parseBlockList } from '@ogong/hub/blocks';
import {
  assertPutOptions,
  assertRange,
  type BlobId,
  type ByteRange,
  HubBlobError,
  type PutOptions,
} from '@ogong/hub/store/blob-store';
import { measureEvaluation } from '@ogong/hub/store/evaluation-folder';
import { openFolderStore } from '@ogong/hub/store/folder-store';
import { fromHex } from '@ogong/protocol/base/bytes';
import { createKeyTurns } from '../key-turns.ts';
import { assertManifestSize } from '../manifest-size.ts';
import type { PlaceStore } from '../place-store.ts';
import { type BlobIndex, type IndexEntry, openBlobIndex } from './blob-index.ts';

/** A whole blob on this machine's disk. */
export interface StagedBlob {
  readonly id: BlobId;
  readonly bytes: number;
  readonly path: string;
  readonly list: Uint8Array;
  readonly signal: AbortSignal | undefined;
}

/** A whole evaluation on this machine's disk. */
export type SentEvaluation = Pick<StagedBlob, 'path' | 'signal'> & {
  /** SHA-256, 64 hex digits. */
  readonly hash: string;
};

/** An engine that takes whole files and names them by ids of its own. */
export interface BlobEngine {
  /** Names the engine in messages. */
  readonly name: string;
  /** Sends a blob. A second call for the same blob is harmless. @returns the engine's ids for it. */
  send(blob: StagedBlob): Promise<IndexEntry['references']>;
  /** Sends the file of an evaluation. @returns the engine's ids for it. */
  sendEvaluation(file: SentEvaluation): Promise<IndexEntry['references']>;
  read(entry: IndexEntry, range: ByteRange, signal: AbortSignal | undefined): AsyncIterable<Uint8Array>;
  drop(entry: IndexEntry): Promise<void>;
  /** Makes the files of the index readable for others. @returns the address of the place. */
  publish(index: BlobIndex): Promise<string>;
  close(): Promise<void>;
}

/** Stores of one process in one folder share their turns. */
const turns = createKeyTurns();

/**
 * Opens a store that receives a blob on this disk, checks it there, and then sends it to its engine. An unfinished put stays on the disk, so
 * it continues at its block. The folder keeps the ids of both sides; others cannot use it at the same time on another machine.
 */
export function openStagedStore(folder: string, engine: BlobEngine): PlaceStore {
  const staging = openFolderStore(join(folder, 'staging'));
  const index = openBlobIndex(folder);
  const expectEntry = async (id: BlobId): Promise<IndexEntry> => {
    const entry = await index.find(id);
    if (entry === undefined) throw new HubBlobError('not-found', `no blob ${id} in ${engine.name}`);
    return entry;
  };
  const has = async (id: BlobId): Promise<boolean> => (await index.find(id)) !== undefined;

  async function send(id: BlobId, { bytes, signal }: PutOptions): Promise<void> {
    const list = await staging.listBlocks(id);
    const path = await staging.pathOf(id);
    await index.add(id, { bytes, references: await engine.send({ id, bytes, path, list, signal }) }, list);
  }

  return {
    has,

    async put(stream, options) {
      assertPutOptions(options);
      if (options.id !== undefined && (await has(options.id))) return options.id;
      const id = await staging.put(stream, options);
      await turns.run(`${folder}#${id}`, async () => {
        try {
          if (!(await has(id))) await send(id, options);
        } catch (error) {
          if (options.signal?.aborted !== true) throw error;
          throw new HubBlobError('cancelled', 'the put was ended; its blocks are kept', { cause: error });
        }
        await staging.remove(id);
      });
      return id;
    },

    begun: (key) => staging.begun(key),

    async *get(id, range, signal) {
      const entry = await expectEntry(id);
      const asked = range ?? { from: 0, to: entry.bytes };
      assertRange(asked, entry.bytes);
      let left = asked.to - asked.from;
      try {
        signal?.throwIfAborted();
        for await (const piece of engine.read(entry, asked, signal)) {
          signal?.throwIfAborted();
          const part = piece.subarray(0, left);
          left -= part.length;
          yield part;
          if (part.length < piece.length) break;
        }
      } catch (error) {
        if (signal?.aborted !== true) throw error;
        throw new HubBlobError('cancelled', 'the reader ended the call', { cause: error });
      }
      if (left > 0) throw new Error(`${engine.name} sent ${id} with ${left} bytes too few`);
    },

    async listBlocks(id) {
      const { bytes: sizeBytes } = await expectEntry(id);
      const list = await index.readList(id);
      try {
        parseBlockList(list, { sizeBytes, blockRoot: fromHex(id) });
      } catch (cause) {
        throw new HubBlobError('wrong-content', `the list of ${id} is damaged; remove the blob and put it again`, {
          cause,
        });
      }
      return list;
    },

    async pin(id) {
      await expectEntry(id);
      await index.setPin(id, true);
    },

    unpin: (id) => index.setPin(id, false),

    async remove(id) {
      const entry = await index.find(id);
      if (await index.isPinned(id)) throw new HubBlobError('pinned', `${id} is pinned; unpin it first`);
      if (entry === undefined) return false;
      await index.remove(id);
      await engine.drop(entry);
      return true;
    },

    freeBytes: () => staging.freeBytes(),

    async putEvaluation(hash, path, signal) {
      const bytes = await measureEvaluation(path, hash);
      if ((await index.findEvaluation(hash)) !== undefined) return;
      await index.addEvaluation(hash, { bytes, references: await engine.sendEvaluation({ hash, path, signal }) });
    },

    async *readEvaluation(hash, signal) {
      const entry = await index.findEvaluation(hash);
      if (entry === undefined) throw new HubBlobError('not-found', `no evaluation ${hash} in ${engine.name}`);
      yield* engine.read(entry, { from: 0, to: entry.bytes }, signal);
    },

    async putManifest(hash, signed) {
      assertManifestSize(signed);
      await index.addManifest(hash, signed);
    },
    publish: () => engine.publish(index),
    close: () => engine.close(),
  };
}
