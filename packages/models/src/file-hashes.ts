import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type FileStamp, formatStamp, isSameStamp, stampOf } from './file-stamp.ts';
import { ModelError } from './model-error.ts';

/**
 * SHA-256 of files. A file that was read before is not read again. docs/adr/models.md says what that protects against and
 * what it does not.
 */
export interface FileHashes {
  /** @throws ModelError('wrong-hash') where a full reading contradicts what was stored for the same size and times. */
  hash(path: string, signal?: AbortSignal): Promise<Uint8Array>;
  /** After this process itself renamed or linked a file that it had hashed: the change time alone may differ. */
  restamp(path: string): Promise<void>;
}

/** How far a file has been read that is hashed. */
export interface ReadingProgress {
  readonly path: string;
  readonly readBytes: number;
  readonly totalBytes: number;
}

export interface FileHashesOptions {
  /** Every file is read in full, once for each set of stamps that the hashes see. */
  readonly verify?: boolean;
  /** Called for every piece of a file that is read. */
  readonly onReading?: (progress: ReadingProgress) => void;
}

interface StoredHash extends FileStamp {
  readonly sha256: string;
}

/** The file system's clock may tick this seldom: two writes within one tick leave the same times. */
const TICK_MS = 50;

/** @param directory where hashes are kept, one small file each. */
export function createFileHashes(directory: string, options: FileHashesOptions = {}): FileHashes {
  const { verify = false, onReading } = options;
  const verified = new Set<string>();
  const entryPath = (id: string) => join(directory, `${id}.json`);

  const load = async (stamp: FileStamp): Promise<StoredHash | undefined> => {
    const text = await readFile(entryPath(stamp.id), 'utf8').catch(() => undefined);
    return text === undefined ? undefined : parseStoredHash(text);
  };

  const save = async (entry: StoredHash): Promise<void> => {
    const path = entryPath(entry.id);
    const draft = `${path}.${process.pid}`;
    try {
      await mkdir(directory, { recursive: true });
      await writeFile(draft, JSON.stringify(entry));
      await rename(draft, path);
    } catch (error) {
      // If the folder cannot be written, the file is read again at the next start. That is all.
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    }
  };

  return {
    hash: (path, signal) =>
      withFile(path, async (file) => {
        const before = await readStamp(file);
        const stored = await load(before);
        const isKnown = stored !== undefined && isSameStamp(stored, before);
        if (isKnown && (!verify || verified.has(formatStamp(before)))) return fromHex(stored.sha256);
        // Before the file is read: a write in the tick of `before` leaves no trace in the stamp, and has to be read, too.
        await waitOutTick(before);
        const totalBytes = Number(before.sizeBytes);
        const onRead = onReading && ((readBytes: number) => onReading({ path, readBytes, totalBytes }));
        const hash = await hashHandle(file, { signal, onRead });
        const sha256 = Buffer.from(hash).toString('hex');
        if (isKnown && stored.sha256 !== sha256) {
          await rm(entryPath(before.id), { force: true });
          throw new ModelError(
            'wrong-hash',
            `${path} was changed behind its size and times: it has sha256 ${sha256}, and had ${stored.sha256}; fetch it again`,
          );
        }
        const after = await readStamp(file);
        if (!isSameStamp(before, after)) return hash;
        verified.add(formatStamp(after));
        await save({ ...after, sha256 });
        return hash;
      }),

    restamp: (path) =>
      withFile(path, async (file) => {
        const stamp = await readStamp(file);
        await waitOutTick(stamp);
        const now = await readStamp(file);
        const stored = await load(now);
        if (stored === undefined || !isSameStamp({ ...stored, ctimeNs: now.ctimeNs }, now)) return;
        verified.add(formatStamp(now));
        await save({ ...stored, ...now });
      }),
  };
}

/** SHA-256 of a file's contents, read in full. */
export const hashFile = (path: string, signal?: AbortSignal): Promise<Uint8Array> =>
  withFile(path, (file) => hashHandle(file, { signal }));

async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, 'r');
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

async function hashHandle(
  file: FileHandle,
  {
    signal,
    onRead,
  }: { readonly signal?: AbortSignal | undefined; readonly onRead?: ((readBytes: number) => void) | undefined },
): Promise<Uint8Array> {
  const hash = createHash('sha256');
  const options = { start: 0, autoClose: false, highWaterMark: 1 << 20 };
  let readBytes = 0;
  for await (const chunk of file.createReadStream({ ...options, ...(signal && { signal }) })) {
    hash.update(chunk as Buffer);
    readBytes += (chunk as Buffer).length;
    onRead?.(readBytes);
  }
  return new Uint8Array(hash.digest());
}

const readStamp = async (file: FileHandle): Promise<FileStamp> => stampOf(await file.stat({ bigint: true }));

export async function waitOutTick({ ctimeNs }: FileStamp): Promise<void> {
  if (Date.now() - Number(BigInt(ctimeNs) / 1_000_000n) < TICK_MS) await delay(TICK_MS);
}

function parseStoredHash(text: string): StoredHash | undefined {
  try {
    const { id, sizeBytes, mtimeNs, ctimeNs, sha256 } = JSON.parse(text) as StoredHash;
    const isWhole = [id, sizeBytes, mtimeNs, ctimeNs].every((value) => typeof value === 'string');
    return isWhole && /^[0-9a-f]{64}$/.test(sha256) ? { id, sizeBytes, mtimeNs, ctimeNs, sha256 } : undefined;
  } catch {
    // A half-written or foreign file counts as if nothing were stored.
    return undefined;
  }
}

const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
