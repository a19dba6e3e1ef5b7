import { createHash } from 'node:crypto';
import type { Secret } from '@ogong/host/crypto/secret';
import { columns, integer, text } from '@ogong/host/store/columns';
import { change, findAll, findOne, insertRow, type Work } from '@ogong/host/store/work';
import type { WorkStore } from '@ogong/host/store/work-store';
import type { Clock } from '@ogong/host/time/clock';
import { createRepeating, type Repeating } from '@ogong/host/time/repeat';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import { AwsClient } from 'aws4fetch';
import { IS_PRIVATE, type ReceiptStore } from './receipt-store.ts';

/** A bucket of a store that speaks S3, and its credentials. */
export interface ArchivePlace {
  /** `https://store.example/bucket/folder`, without a slash at its end. */
  readonly url: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret<string>;
}

export interface ArchiveOptions extends ArchivePlace {
  /** Time that archived objects are kept. */
  readonly retentionMs: number;
  /** Age of a receipt at its archiving: by then its validator has signed for the record. */
  readonly afterMs: number;
  readonly intervalMs: number;
}

export interface ArchiveDependencies {
  readonly books: WorkStore;
  readonly receipts: Pick<ReceiptStore, 'get' | 'listHeld'>;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

/** Part of the schema of a gateway's store: the archived objects, by hash of their content. */
export const ARCHIVE_TABLE = `
  CREATE TABLE archived (
    reply_id TEXT PRIMARY KEY,
    entry_hash TEXT NOT NULL,
    opening_hash TEXT NOT NULL,
    archived_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX archived_by_age ON archived (archived_ms);
`;

const archivedRow = columns({ replyId: text, entryHash: text, openingHash: text, archivedMs: integer });
type ArchivedRow = ReturnType<typeof archivedRow.read>;
const dueRow = columns({ replyId: text, createdMs: integer });
const PER_ROUND = 64;
const PATIENCE_MS = 30_000;

export class ArchiveError extends Error {
  override readonly name = 'ArchiveError';
  readonly code: 'refused' | 'damaged' | 'missing';
  readonly retryable: boolean;
  constructor(code: ArchiveError['code'], message: string) {
    super(message);
    this.code = code;
    this.retryable = code === 'refused';
  }
}

export interface ArchiveStore {
  /** Stores bytes under their hash. @returns the hash. */
  put(bytes: Uint8Array): Promise<string>;
  /** @throws ArchiveError if the object is missing, or does not have this hash. */
  get(hash: string): Promise<Uint8Array>;
  remove(hash: string): Promise<void>;
}

export function openArchive({ url, region, accessKeyId, secretAccessKey }: ArchivePlace): ArchiveStore {
  const aws = new AwsClient({
    ...{ accessKeyId, secretAccessKey: secretAccessKey.reveal(), region, service: 's3' },
    // No retry here: the loop comes again.
    retries: 0,
  });

  async function ask(
    method: 'PUT' | 'GET' | 'DELETE',
    hash: string,
    body?: Uint8Array<ArrayBuffer>,
  ): Promise<Response> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    return aws.fetch(`${url}/${hash}`, { method, ...(body && { body }), redirect: 'error', signal });
  }

  return {
    async put(bytes) {
      const hash = hashBytes(bytes);
      const response = await ask('PUT', hash, new Uint8Array(bytes));
      await response.body?.cancel();
      if (!response.ok) throw new ArchiveError('refused', `the archive answered ${response.status} to an object`);
      return hash;
    },
    async get(hash) {
      const response = await ask('GET', hash);
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (response.status === 404) throw new ArchiveError('missing', `the archive has no object ${hash}`);
      if (!response.ok) throw new ArchiveError('refused', `the archive answered ${response.status}`);
      if (hashBytes(bytes) !== hash)
        throw new ArchiveError('damaged', `the archive's object ${hash} is not what its name says`);
      return bytes;
    },
    async remove(hash) {
      const response = await ask('DELETE', hash);
      await response.body?.cancel();
      if (!response.ok && response.status !== 404)
        throw new ArchiveError('refused', `the archive answered ${response.status} to a removal`);
    },
  };
}

const hashBytes = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/**
 * Copies receipts with their openings to the archive, and removes them when their time is over. An object's name is its hash, so
 * a copy that is repeated after a crash is the same object. A receipt counts as archived when its objects are there.
 */
export function createArchiving(options: ArchiveOptions, dependencies: ArchiveDependencies): Repeating {
  const { books, onError } = dependencies;
  const store = openArchive(options);
  return createRepeating(
    { intervalMs: options.intervalMs },
    () =>
      books.alone('archive', async () => {
        await copyReceipts(store, options, dependencies);
        await removeOld(store, options, dependencies);
      }),
    onError,
  );
}

async function copyReceipts(
  store: ArchiveStore,
  { afterMs }: ArchiveOptions,
  { books, receipts, clock }: ArchiveDependencies,
): Promise<void> {
  const sql = `SELECT ${dueRow.list} FROM receipts WHERE created_ms <= ?
    AND NOT EXISTS (SELECT 1 FROM archived WHERE archived.reply_id = receipts.reply_id)
    AND NOT ${IS_PRIVATE} ORDER BY created_ms LIMIT ?`;
  for (;;) {
    const due = await books.read(() => findAll(dueRow, sql, clock.nowMs() - afterMs, PER_ROUND));
    for (const { replyId } of due) {
      const entry = await composeEntry(receipts, replyId);
      if (entry === undefined) continue;
      const openingHash = await store.put(entry.opening);
      const entryHash = await store.put(entry.toBytes(openingHash));
      const row = { replyId, entryHash, openingHash, archivedMs: clock.nowMs() };
      await books.write(() => insertRow(archivedRow, 'archived', row, 'ON CONFLICT DO NOTHING'));
    }
    if (due.length < PER_ROUND) return;
  }
}

/** Composes a receipt as the API shows it, with request and response. The opening is an object of its own. */
async function composeEntry(receipts: ArchiveDependencies['receipts'], replyId: string) {
  const stored = await receipts.get(replyId);
  if (stored === undefined || 'url' in stored.receipt.opening) return undefined;
  const { receipt, request, response, checks } = stored;
  const opening = stored.receipt.opening.bytes;
  const held = (await receipts.listHeld(replyId)).map((word) => ({
    validator: `0x${word.validator}`,
    delivery: toBase64(word.delivery),
    payer_signature: toBase64(word.payerSignature),
    signature: toBase64(word.signature),
  }));
  return {
    opening,
    toBytes: (openingHash: string): Uint8Array =>
      Buffer.from(
        JSON.stringify({
          ...toReceiptJson({ ...receipt, opening: { url: openingHash } }),
          ...{ reply_id: replyId, checks, held, request: toBase64(request), response: toBase64(response) },
        }),
      ),
  };
}

const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

async function removeOld(
  store: ArchiveStore,
  { retentionMs }: ArchiveOptions,
  { books, clock }: ArchiveDependencies,
): Promise<void> {
  const sql = `SELECT ${archivedRow.list} FROM archived WHERE archived_ms <= ?
    AND NOT EXISTS (SELECT 1 FROM receipts WHERE receipts.reply_id = archived.reply_id) ORDER BY archived_ms LIMIT ?`;
  const old = await books.read(() => findAll(archivedRow, sql, clock.nowMs() - retentionMs, PER_ROUND));
  for (const { replyId, entryHash, openingHash } of old) {
    await store.remove(entryHash);
    await store.remove(openingHash);
    await books.write(() => change('DELETE FROM archived WHERE reply_id = ?', replyId));
  }
}

/** Finds the place of a reply in the archive. */
const findArchived = (replyId: string): Work<ArchivedRow | undefined> =>
  findOne(archivedRow, `SELECT ${archivedRow.list} FROM archived WHERE reply_id = ?`, replyId);

/** Reads a receipt with its opening, as the API shows it. @throws ArchiveError */
export async function readArchived(books: WorkStore, place: ArchivePlace, replyId: string): Promise<object> {
  const found = await books.read(() => findArchived(replyId));
  if (found === undefined) throw new ArchiveError('missing', `there is no reply ${replyId} in the archive`);
  const store = openArchive(place);
  const entry = JSON.parse(Buffer.from(await store.get(found.entryHash)).toString('utf8')) as object;
  const opening = await store.get(found.openingHash);
  return { ...entry, opening: { bytes: toBase64(opening) } };
}
