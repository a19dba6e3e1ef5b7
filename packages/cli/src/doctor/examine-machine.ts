import { lstatSync, opendirSync, statfsSync } from 'node:fs';
import { platform } from 'node:os';
import { basename, join } from 'node:path';
import type { Diagnosis } from './diagnosis.ts';

const LEAST_NODE = 24;
const [SCARCE_BYTES, LOW_BYTES] = [1e9, 10e9];
/** Files that are looked at under one directory; keys and databases lie near its top. */
const [MOST_FILES, MOST_DEPTH] = [10_000, 5];
const PRIVATE = /\.(key|db|db-wal|sqlite)$/;
/** Folders of ~/.ogong with downloads and data computed from them. */
const OPEN_FOLDERS = new Set(['models', 'cache', 'engine', 'lab', 'node_modules']);
const SHOWN = 3;

export function examineProgram(version: string): Diagnosis {
  const major = Number(version.replace(/^v/, '').split('.')[0]);
  if (major >= LEAST_NODE) return { about: 'program', status: 'ok', found: `Node ${version}` };
  return {
    about: 'program',
    status: 'problem',
    found: `Node ${version}`,
    advice: `the daemons need Node ${LEAST_NODE} or later`,
  };
}

/** @param freeBytes left out: read from the file system that holds the directory. */
export function examineDisk(directory: string, freeBytes = readFreeBytes(directory)): Diagnosis {
  const about = 'disk';
  if (freeBytes === undefined) return { about, status: 'skipped', found: `${directory} does not exist yet` };
  const found = `${(freeBytes / 1e9).toFixed(1)} GB free where ${directory} lies`;
  if (freeBytes >= LOW_BYTES) return { about, status: 'ok', found };
  if (freeBytes >= SCARCE_BYTES) return { about, status: 'warning', found, advice: 'a model takes several GB' };
  const advice = 'a daemon whose disk is full stops: it acknowledges nothing that it could lose. Make room first';
  return { about, status: 'problem', found, advice };
}

function readFreeBytes(directory: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** A reader of a daemon's key can act as the daemon; its database holds prompts. */
export function examineFiles(directory: string): Diagnosis {
  const about = 'files';
  if (platform() === 'win32') return { about, status: 'skipped', found: 'modes of files are not known on Windows' };
  const { seen, open, isCut } = findOpenFiles(directory);
  if (open.length > 0) {
    const named = open.slice(0, SHOWN).join(', ');
    const more = open.length > SHOWN ? ` and ${open.length - SHOWN} more` : '';
    return {
      ...{ about, status: 'problem', found: `${named}${more}: open to other users of this machine` },
      advice: `chmod 600 ${named}`,
    };
  }
  const cut = isCut ? `; only the first ${MOST_FILES} files were looked at` : '';
  if (seen === 0) return { about, status: 'skipped', found: `no keys or databases under ${directory}${cut}` };
  return { about, status: 'ok', found: `keys and databases under ${directory} are closed to others: ${seen}${cut}` };
}

function findOpenFiles(directory: string): { seen: number; open: readonly string[]; isCut: boolean } {
  const open: string[] = [];
  let [seen, looked, isCut] = [0, 0, false];
  const walk = (folder: string, depth: number): void => {
    for (const { path, isFolder, mode } of list(folder)) {
      if (++looked > MOST_FILES) isCut = true;
      if (isCut) return;
      if (isFolder && depth < MOST_DEPTH && !OPEN_FOLDERS.has(basename(path))) walk(path, depth + 1);
      if (isFolder || !PRIVATE.test(path)) continue;
      seen++;
      if ((mode & 0o077) !== 0) open.push(path);
    }
  };
  walk(directory, 0);
  return { seen, open, isCut };
}

/** Files that this user cannot read are left out. */
function* list(folder: string): Generator<{ path: string; isFolder: boolean; mode: number }> {
  let entries: ReturnType<typeof opendirSync>;
  try {
    entries = opendirSync(folder);
  } catch {
    return;
  }
  try {
    for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) yield { path, isFolder: true, mode: 0 };
      else if (entry.isFile())
        yield { path, isFolder: false, mode: lstatSync(path, { throwIfNoEntry: false })?.mode ?? 0 };
    }
  } finally {
    entries.closeSync();
  }
}
