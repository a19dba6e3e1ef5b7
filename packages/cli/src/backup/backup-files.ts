import { createHash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import {
  DataDirectoryError,
  enterDataDirectory,
  HANDED_OVER_FILE,
  markHandedOver,
  markRestored,
  RESTORED_FILE,
  type RestoredMark,
  unmarkHandedOver,
} from '@ogong/host/files/data-directory';
import { closeToOthers, makePrivateDirectory, writePrivateFile } from '@ogong/host/files/private-files';
import { VERSION } from '@ogong/host/version';
import { z } from 'zod';

const MANIFEST_FILE = 'backup.json';
const SQLITE_HEADER = 'SQLite format 3\0';
/** Files that can be made again, or that belong to one process alone. */
const LEFT_OUT = /(^|\/)(models|logs|cache|blobs|hub)(\/|$)|\.(tmp|sock|lock)$|-(wal|shm|journal)$/;
const OWN = new Set([HANDED_OVER_FILE, RESTORED_FILE, MANIFEST_FILE]);
const [MOST_FILES, MOST_DEPTH] = [10_000, 4];

const manifestSchema = z.object({
  format: z.literal('ogong-backup-1'),
  version: z.string(),
  copiedAtMs: z.number().int().positive(),
  /** The directory that it was made of starts no daemon any more. */
  isFinal: z.boolean(),
  files: z
    .array(
      z.object({
        path: z.string().regex(/^(?!\/)(?!.*(?:^|\/)\.\.(?:\/|$))[^\\\0]{1,300}$/),
        kind: z.enum(['database', 'file']),
        sizeBytes: z.number().int().nonnegative(),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
      }),
    )
    .max(MOST_FILES),
});

export type BackupManifest = z.infer<typeof manifestSchema>;
type BackedUpFile = BackupManifest['files'][number];

export type BackupErrorCode = 'in-use' | 'not-empty' | 'not-a-backup' | 'damaged-backup' | 'too-many-files';

export class BackupError extends Error {
  override readonly name = 'BackupError';
  readonly code: BackupErrorCode;
  readonly retryable = false;

  constructor(code: BackupErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface BackupOptions {
  readonly dataDir: string;
  /** A directory that does not exist yet, or is empty. */
  readonly to: string;
  /** Hands the data directory over: nothing starts from it any more. No daemon may have it open. */
  readonly isFinal: boolean;
  readonly nowMs: number;
}

/**
 * Copies keys and databases of a data directory, while its daemon runs. Each database is one state of it: SQLite's own online copy.
 * @throws BackupError
 */
export async function createBackup({ dataDir, to, isFinal, nowMs }: BackupOptions): Promise<BackupManifest> {
  if (!existsSync(dataDir)) throw new BackupError('not-a-backup', `there is no directory ${dataDir}`);
  if (existsSync(to) && readdirSync(to).length > 0) throw new BackupError('not-empty', `${to} is not empty`);
  const restored = isFinal ? enter(dataDir) : undefined;
  makePrivateDirectory(to);
  // Before the copy: the copy would lack signatures of a daemon that starts meanwhile.
  if (isFinal) markHandedOver(dataDir, nowMs);
  try {
    const paths = listFiles(dataDir);
    if (isFinal) for (const path of paths) assertUnused(join(dataDir, path));
    const files: BackedUpFile[] = [];
    for (const path of paths) files.push(await copyInto(dataDir, to, path));
    // The last state of an older copy is no last state: it lacks signatures made after that copy.
    const isLatest = isFinal && restored?.isFinal !== false;
    const copiedAtMs = restored?.isFinal === false ? restored.copiedAtMs : nowMs;
    const manifest: BackupManifest = {
      format: 'ogong-backup-1',
      version: VERSION,
      copiedAtMs,
      isFinal: isLatest,
      files,
    };
    // Last: a directory without it is no backup.
    writePrivateFile(join(to, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`);
    return manifest;
  } catch (error) {
    if (isFinal) unmarkHandedOver(dataDir);
    throw error;
  }
}

/** @throws BackupError if the directory was handed over before: its last state is elsewhere. */
function enter(dataDir: string): RestoredMark | undefined {
  try {
    return enterDataDirectory(dataDir);
  } catch (cause) {
    if (!(cause instanceof DataDirectoryError)) throw cause;
    throw new BackupError('in-use', cause.message, { cause });
  }
}

/** Every file has its hash, and every database is sound. @throws BackupError */
export function checkBackup(directory: string): BackupManifest {
  const manifest = readManifest(directory);
  for (const { path, kind, sha256 } of manifest.files) {
    const file = join(directory, path);
    if (!existsSync(file)) throw new BackupError('damaged-backup', `${file} is missing`);
    if (hashFile(file) !== sha256) throw new BackupError('damaged-backup', `${file} is not what was backed up`);
    if (kind === 'database') assertSound(file);
  }
  return manifest;
}

/**
 * Puts a backup into a new data directory.
 * @throws BackupError if the directory has something already, or the backup is not whole.
 */
export function restoreBackup(directory: string, dataDir: string, nowMs: number): BackupManifest {
  const manifest = checkBackup(directory);
  if (existsSync(dataDir) && readdirSync(dataDir).length > 0) {
    throw new BackupError('not-empty', `${dataDir} is not empty: move it away first, and keep it until all is well`);
  }
  makePrivateDirectory(dataDir);
  const { copiedAtMs, isFinal } = manifest;
  // First: a directory that was restored in part must not start a daemon that takes it for its own last state.
  markRestored(dataDir, { copiedAtMs, restoredAtMs: nowMs, isFinal });
  for (const { path, sha256 } of manifest.files) {
    const target = join(dataDir, path);
    makePrivateDirectory(dirname(target));
    copySynced(join(directory, path), target);
    if (hashFile(target) !== sha256)
      throw new BackupError('damaged-backup', `${target} was not written as it is in the backup`);
  }
  return manifest;
}

function readManifest(directory: string): BackupManifest {
  const file = join(directory, MANIFEST_FILE);
  if (!existsSync(file))
    throw new BackupError('not-a-backup', `${directory} holds no whole backup: ${MANIFEST_FILE} is missing`);
  try {
    return manifestSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new BackupError('not-a-backup', `${file} does not say what the backup holds`, { cause });
  }
}

function listFiles(root: string): string[] {
  const found: string[] = [];
  const walk = (folder: string, depth: number): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (LEFT_OUT.test(path) || OWN.has(path)) continue;
      if (entry.isDirectory() && depth < MOST_DEPTH) walk(path, depth + 1);
      else if (entry.isFile()) found.push(path);
      if (found.length > MOST_FILES)
        throw new BackupError('too-many-files', `${root} has more than ${MOST_FILES} files`);
    }
  };
  walk('', 0);
  return found.sort();
}

async function copyInto(from: string, to: string, path: string): Promise<BackedUpFile> {
  const [source, target] = [join(from, path), join(to, path)];
  mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
  const kind = isDatabase(source) ? 'database' : 'file';
  if (kind === 'database') await copyDatabase(source, target);
  else copySynced(source, target);
  return { path, kind, sizeBytes: lstatSync(target).size, sha256: hashFile(target) };
}

/** Pages that SQLite copies before others get their turn. */
const PAGES_AT_ONCE = 4_096;

async function copyDatabase(source: string, target: string): Promise<void> {
  const database = new DatabaseSync(source, { readOnly: true });
  try {
    // One state, however much is written meanwhile: without a reader SQLite would begin anew after each commit.
    database.exec('BEGIN');
    database.prepare('SELECT count(*) FROM sqlite_schema').get();
    await backup(database, target, { rate: PAGES_AT_ONCE });
  } finally {
    database.close();
  }
  closeToOthers(target);
  standAlone(target);
  assertSound(target);
  syncFile(target);
}

/** A copy in WAL mode would need further files to be read. */
function standAlone(file: string): void {
  const database = new DatabaseSync(file);
  try {
    database.exec('PRAGMA journal_mode = DELETE');
  } finally {
    database.close();
  }
}

/** @throws BackupError if a database is damaged. */
function assertSound(file: string): void {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const [row] = database.prepare('PRAGMA integrity_check').all();
    if (row?.integrity_check !== 'ok') throw new BackupError('damaged-backup', `${file} is damaged`);
  } finally {
    database.close();
  }
}

/** @throws BackupError if a process has the database open. */
function assertUnused(file: string): void {
  if (!isDatabase(file)) return;
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    // In this mode SQLite needs the file for itself alone.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT');
  } catch (cause) {
    throw new BackupError(
      'in-use',
      `${file} is open: stop the daemon first, since it would sign what the copy does not have`,
      {
        cause,
      },
    );
  } finally {
    database.close();
  }
}

function isDatabase(file: string): boolean {
  const handle = openSync(file, 'r');
  try {
    const head = Buffer.alloc(SQLITE_HEADER.length);
    readSync(handle, head, 0, head.length, 0);
    return head.toString('latin1') === SQLITE_HEADER;
  } finally {
    closeSync(handle);
  }
}

function copySynced(source: string, target: string): void {
  const temporary = `${target}.tmp`;
  rmSync(temporary, { force: true });
  copyFileSync(source, temporary);
  closeToOthers(temporary);
  syncFile(temporary);
  renameSync(temporary, target);
}

function syncFile(file: string): void {
  const handle = openSync(file, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function hashFile(file: string): string {
  const hash = createHash('sha256');
  const handle = openSync(file, 'r');
  const chunk = Buffer.alloc(1024 * 1024);
  try {
    for (let read = readSync(handle, chunk); read > 0; read = readSync(handle, chunk))
      hash.update(chunk.subarray(0, read));
  } finally {
    closeSync(handle);
  }
  return hash.digest('hex');
}
