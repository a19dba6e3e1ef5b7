import { BLOCK_BYTES, MAX_FILE_BYTES } from '../block-size.ts';

/** Root of the tree over the blocks of a blob (docs/spec/hub.md#blocks), 64 lower-case hex digits. */
export type BlobId = string;

/** Bytes from `from` up to but not with `to`. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

export interface PutOptions {
  /** Size of the blob, 1 to 2^40. A stream with another number of bytes is refused. */
  readonly bytes: number;
  /** Refuses content with another id. */
  readonly id?: BlobId | undefined;
  /** Keeps the blocks of a put that fails. Absent: a put that fails leaves nothing. */
  readonly resume?: PutResume | undefined;
  /**
   * Hashes of blocks by their index. The caller has checked each block against its hash, or computed that, before it yields the block. So a
   * store need not hash it again.
   */
  readonly knownHashes?: readonly Uint8Array[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PutResume {
  /** Names the unfinished put, 64 lower-case hex digits. */
  readonly key: string;
  /** The byte with which the stream begins: 0, or the answer of `begun(key)`. Some stores take each block before it too. */
  readonly from: number;
}

/**
 * Keeps blobs by their content. A blob is visible when all of its bytes are there and have its id. A compliance suite tests each kind of
 * store: packages/testing/src/hub/blob-store-compliance.ts.
 */
export interface HubBlobStore {
  /**
   * Stores a blob in memory of a few blocks. A store that has the blob of `options.id` does not read the stream. Puts with one key run one
   * after another.
   * @throws HubBlobError, or the error of the stream.
   */
  put(stream: AsyncIterable<Uint8Array>, options: PutOptions): Promise<BlobId>;
  /** Returns the bytes that an unfinished put has kept, 0 if there is none. */
  begun(key: string): Promise<number>;
  /**
   * Reads a blob, or a part of it. The bytes are not checked: a reader that trusts no disk checks them against the list of blocks.
   * @throws HubBlobError `not-found`, `bad-range`, `cancelled`; when the first bytes are asked for.
   */
  get(id: BlobId, range?: ByteRange, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** Returns the block list of a blob, 32 bytes for each block. @throws HubBlobError `not-found`. */
  listBlocks(id: BlobId): Promise<Uint8Array>;
  has(id: BlobId): Promise<boolean>;
  /** Protects a blob from `remove`. @throws HubBlobError `not-found`. */
  pin(id: BlobId): Promise<void>;
  /** Ends a pin; without one it does nothing. */
  unpin(id: BlobId): Promise<void>;
  /** @returns whether there was one. @throws HubBlobError `pinned`. */
  remove(id: BlobId): Promise<boolean>;
  /**
   * Keeps a copy of an evaluation.
   * @param hash SHA-256 of the file, 64 lower-case hex digits. @param path of the file on this machine.
   * @throws HubBlobError `bad-name`, `too-long`, `wrong-content`.
   */
  putEvaluation(hash: string, path: string, signal?: AbortSignal): Promise<void>;
  /** Reads an evaluation. The bytes are not checked. @throws HubBlobError `not-found`; when the first bytes are asked for. */
  readEvaluation(hash: string, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** Returns the bytes that the store can still take; infinite if it does not know. */
  freeBytes(): Promise<number>;
}

export type HubBlobErrorCode =
  | 'not-found'
  | 'bad-range'
  | 'bad-name'
  | 'bad-size'
  | 'too-long'
  | 'too-short'
  | 'wrong-content'
  | 'wrong-offset'
  | 'pinned'
  | 'no-room'
  | 'cancelled';

/** The same call may succeed later. */
const RETRYABLE: ReadonlySet<HubBlobErrorCode> = new Set(['too-short', 'wrong-offset', 'no-room', 'cancelled']);

export class HubBlobError extends Error {
  readonly code: HubBlobErrorCode;
  readonly retryable: boolean;
  constructor(code: HubBlobErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'HubBlobError';
    this.code = code;
    this.retryable = RETRYABLE.has(code);
  }
}

const HEX_32 = /^[0-9a-f]{64}$/;

/** Refuses names that are no hash, so none is a path. @throws HubBlobError `bad-name`. */
export function assertBlobName(name: string): void {
  if (!HEX_32.test(name))
    throw new HubBlobError('bad-name', `"${name.slice(0, 80)}" is no id of a blob, 64 hex digits`);
}

/** @throws HubBlobError `bad-range` unless 0 <= from < to <= size. */
export function assertRange({ from, to }: ByteRange, sizeBytes: number): void {
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || from >= to || to > sizeBytes)
    throw new HubBlobError('bad-range', `bytes ${from} to ${to} of a blob of ${sizeBytes}`);
}

/** Checks the options of a put before anything is read. @throws HubBlobError `bad-size`, `bad-name`, `wrong-offset`. */
export function assertPutOptions({ bytes, id, resume }: PutOptions): void {
  if (!Number.isSafeInteger(bytes) || bytes < 1 || bytes > MAX_FILE_BYTES)
    throw new HubBlobError('bad-size', `a blob of ${bytes} bytes; it has 1 to ${MAX_FILE_BYTES}`);
  if (id !== undefined) assertBlobName(id);
  if (resume === undefined) return;
  assertBlobName(resume.key);
  if (!(resume.from >= 0 && resume.from <= bytes && resume.from % BLOCK_BYTES === 0))
    throw new HubBlobError('wrong-offset', `a put cannot begin at byte ${resume.from}`);
}
