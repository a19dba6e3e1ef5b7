import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  close,
  closeSync,
  fsync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
  write,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { platform } from 'node:os';
import { promisify } from 'node:util';

/**
 * Files of a daemon are for its own user alone: files 0600, directories 0700, regardless of the umask and of existing files. Every file and
 * directory of a daemon is made here; `scripts/imports.ts` refuses other ways.
 */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
const OTHERS = 0o077;
const STICKY = 0o1000;

export type PrivateFileErrorCode = 'permissions' | 'unwritable';

export class PrivateFileError extends Error {
  override readonly name = 'PrivateFileError';
  readonly code: PrivateFileErrorCode;
  readonly retryable = false;

  constructor(code: PrivateFileErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Makes a directory for this user alone. An existing directory is closed to others. A directory that is shared, or another user's, is
 * refused: closing it would harm others, and leaving it open would harm this user.
 * @throws PrivateFileError
 */
export function makePrivateDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: DIRECTORY_MODE });
  } catch (cause) {
    throw new PrivateFileError('unwritable', `cannot create the directory ${path}`, { cause });
  }
  if (process.getuid === undefined) return;
  const { mode, uid } = statSync(path);
  // Not the user's name, too, which a user of a container may not have.
  if (uid !== process.getuid()) {
    throw new PrivateFileError('permissions', `${path} belongs to another user: name a directory of your own`);
  }
  if ((mode & STICKY) !== 0) {
    throw new PrivateFileError('permissions', `${path} is shared by all users: name a directory of its own within it`);
  }
  if ((mode & 0o777) !== DIRECTORY_MODE) chmod(path, DIRECTORY_MODE);
}

/** Closes a file to other users; a missing file is ignored. @throws PrivateFileError */
export function closeToOthers(path: string): void {
  const mode = platform() === 'win32' ? undefined : statSync(path, { throwIfNoEntry: false })?.mode;
  if (mode !== undefined && (mode & OTHERS) !== 0) chmod(path, FILE_MODE);
}

/**
 * Makes an empty file, or closes an existing one to others. It opens no existing file: closing it again would drop SQLite's locks of this
 * process.
 * @throws PrivateFileError; the system's error if it cannot be made.
 */
export function makePrivateFile(path: string): void {
  try {
    closeSync(openPrivateFile(path, 'ax'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    closeToOthers(path);
  }
}

/** @returns its descriptor. @throws PrivateFileError; the system's error if it cannot be opened. */
export function openPrivateFile(path: string, flags: 'a' | 'ax' | 'wx'): number {
  const file = openSync(path, flags, FILE_MODE);
  try {
    closeToOthers(path);
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** Replaces a file as a whole: a reader sees the old or the new one, also after a crash. */
export function writePrivateFile(path: string, content: string | Uint8Array): void {
  const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`;
  const file = openPrivateFile(temporary, 'wx');
  try {
    writeFileSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}

const writePart = promisify(write);
const syncFile = promisify(fsync);
const closeFile = promisify(close);

/** Writes a new file from parts, off the event loop. On the disk when it resolves. @throws the system's error if it exists. */
export async function writePrivateParts(path: string, parts: readonly Uint8Array[]): Promise<void> {
  const file = openPrivateFile(path, 'wx');
  try {
    for (const part of parts) {
      for (let at = 0; at < part.length; ) at += (await writePart(file, part, at, part.length - at, null)).bytesWritten;
    }
    await syncFile(file);
  } finally {
    await closeFile(file);
  }
}

/** Puts the names of a directory's files on the disk. Windows does that itself, and opens no directory. */
export async function syncDirectory(path: string): Promise<void> {
  if (platform() === 'win32') return;
  const directory = openSync(path, 'r');
  try {
    await syncFile(directory);
  } finally {
    await closeFile(directory);
  }
}

/** Opens a file to read parts of it. @returns undefined if there is none. */
export async function openToRead(path: string): Promise<FileHandle | undefined> {
  return open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

/** For others to read, such as a certificate to pin. */
export function writePublicFile(path: string, content: string | Uint8Array): void {
  writeFileSync(path, content, { mode: 0o644 });
}

function chmod(path: string, mode: number): void {
  try {
    chmodSync(path, mode);
  } catch (cause) {
    const message = `${path} is open to other users and cannot be closed to them; run: chmod ${mode.toString(8)} ${path}`;
    throw new PrivateFileError('permissions', message, { cause });
  }
}
