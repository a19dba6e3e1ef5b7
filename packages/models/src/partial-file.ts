import { type FileHandle, open, readFile, rename, rm, writeFile } from 'node:fs/promises';

/** A stretch of a file that comes over one connection. */
export interface Segment {
  readonly start: number;
  /** Exclusive; infinite where the server does not say how long the file is. */
  readonly end: number;
  /** Bytes from `start` on that are here. */
  received: number;
}

/** State of a download that has begun. */
export interface PartialState {
  readonly file: string;
  /** Without it a download that goes on could mix two versions of the file. */
  readonly etag: string | undefined;
  readonly segments: readonly Segment[];
}

/** A file that is not whole yet, with a note beside it of what is here. */
export interface PartialFile {
  readonly state: PartialState | undefined;
  /** Forgets what is here. */
  begin(state: PartialState): Promise<void>;
  /** @throws the system's error, such as ENOSPC */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** So that the download can go on from here. */
  save(): Promise<void>;
  close(): Promise<void>;
}

const notePath = (path: string): string => `${path}.json`;

export async function openPartialFile(path: string): Promise<PartialFile> {
  let state = await readNote(path);
  const handle = await open(path, state === undefined ? 'w' : 'r+').catch(async () => {
    state = undefined;
    return open(path, 'w');
  });
  const { size } = await handle.stat();
  // A note that speaks of more than there is belongs to another file.
  if (state?.segments.some(({ start, received }) => received > 0 && start + received > size)) state = undefined;
  return {
    get state() {
      return state;
    },
    async begin(next) {
      await rm(notePath(path), { force: true });
      await handle.truncate(0);
      state = next;
    },
    async write(bytes, position) {
      await writeAll(handle, bytes, position);
    },
    async save() {
      if (state?.etag === undefined) return;
      // Bytes that the note describes must be on the disk before the note is.
      await handle.datasync();
      const draft = `${notePath(path)}.${process.pid}`;
      await writeFile(draft, JSON.stringify(state));
      await rename(draft, notePath(path));
    },
    close: () => handle.close(),
  };
}

export async function discardPartialFile(path: string): Promise<void> {
  await rm(path, { force: true });
  await rm(notePath(path), { force: true });
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

/** Reads the state that a stopped download left behind. */
export async function readNote(path: string): Promise<PartialState | undefined> {
  try {
    const { file, etag, segments } = JSON.parse(await readFile(notePath(path), 'utf8')) as PartialState;
    const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
    const isSegment = ({ start, end, received }: Segment) =>
      isCount(start) && isCount(end) && isCount(received) && start + received <= end;
    const isWhole = typeof file === 'string' && typeof etag === 'string' && segments.length > 0;
    return isWhole && segments.every(isSegment) ? { file, etag, segments } : undefined;
  } catch {
    // No note, or half of one: the download begins anew.
    return undefined;
  }
}
