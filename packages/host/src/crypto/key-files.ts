import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { platform } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import type { HybridSigner } from '@ogong/protocol/crypto/crypto';
import { makePrivateDirectory, openPrivateFile, PrivateFileError, writePrivateFile } from '../files/private-files.ts';
import { systemClock } from '../time/clock.ts';
import { Secret } from './secret.ts';
import { createNodeHybridSigner, createNodeLedgerSigner } from './signers.ts';

export type KeyFileErrorCode = 'permissions' | 'malformed' | 'unreadable' | 'unwritable';

export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
  readonly code: KeyFileErrorCode;
  readonly retryable = false;

  constructor(code: KeyFileErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The daemon's identity. A reader of these files can act as the daemon. */
export interface NodeKeys {
  /** 64 bytes for createNodeHybridSigner: signs records, tickets and reports. */
  readonly hybridSeed: Secret<Uint8Array>;
  /** 32 bytes, secp256k1: the ledger account. */
  readonly ledgerKey: Secret<Uint8Array>;
  /** 32 bytes, Ed25519 seed of the link certificate. */
  readonly linkSeed: Secret<Uint8Array>;
}

/** Reads the keys under a directory; a key that does not exist yet is drawn from the system's randomness. */
export function createOrLoadKeys(directory: string): NodeKeys {
  makeKeyDirectory(directory);
  return {
    hybridSeed: loadOrCreate(directory, HYBRID_KEY, 64, { onDrawn: () => markUnused(directory) }),
    ledgerKey: loadOrCreate(directory, 'ledger.key', 32, { accept: isLedgerKey }),
    linkSeed: loadOrCreate(directory, 'link.key', 32),
  };
}

const HYBRID_KEY = 'hybrid.key';
/** Mark beside an unused hybrid key that this directory drew. It holds the time, ms. */
const UNUSED_MARK = `${HYBRID_KEY}.unused`;
/** An older mark may have come back with a copy of the directory that was made before the key was used. */
const UNUSED_FOR_MS = 3_600_000;

/** The mark comes after the key: a crash between the two leaves a key that counts as used. */
function markUnused(directory: string): void {
  writePrivateFile(join(directory, UNUSED_MARK), `${systemClock.nowMs()}\n`);
}

/**
 * Whether the directory's hybrid key is new, so that nothing can have been signed with it. Only the first call says so. A key that
 * was copied here counts as used, and so does one that was drawn more than an hour ago.
 */
export function takeUnusedMark(directory: string): boolean {
  const path = join(directory, UNUSED_MARK);
  const drawnMs = existsSync(path) ? Number(readFileSync(path, 'ascii')) : Number.NaN;
  rmSync(path, { force: true });
  syncDirectory(directory);
  return Math.abs(systemClock.nowMs() - drawnMs) < UNUSED_FOR_MS;
}

function makeKeyDirectory(directory: string): void {
  try {
    makePrivateDirectory(directory);
  } catch (cause) {
    if (!(cause instanceof PrivateFileError)) throw cause;
    throw new KeyFileError(cause.code, `no keys can be kept here: ${cause.message}`, { cause });
  }
}

/** Seed of a validator's random function, 32 bytes. It is a separate key, so that a thief of another one foresees no beacon. */
export function createOrLoadVrfSeed(directory: string): Secret<Uint8Array> {
  return loadOrCreate(directory, 'vrf.key', 32);
}

/** Secret key that opens the boxes with a validator's shares of the beacon's key, 32 bytes. */
export function createOrLoadBoxSecret(directory: string): Secret<Uint8Array> {
  return loadOrCreate(directory, 'box.key', 32);
}

/** The key that all machines of one owner share for links between them, 32 bytes, Ed25519. @param path its file, created if it is missing. */
export function createOrLoadMachinesSeed(path: string): Secret<Uint8Array> {
  return loadOrCreateAt(path);
}

/** The key that seals a store of memories, 32 bytes. @param path its file, created if it is missing. @throws KeyFileError */
export function createOrLoadMemoryKey(path: string): Secret<Uint8Array> {
  return loadOrCreateAt(path);
}

/** The root of an attester in software, 32 bytes, Ed25519. */
export function createOrLoadAttesterSeed(directory: string): Secret<Uint8Array> {
  makeKeyDirectory(directory);
  return loadOrCreate(directory, 'software-attester.key', 32);
}

/** The hybrid key of one file, created if it is missing. @throws KeyFileError */
export function loadHybridSigner(path: string): HybridSigner {
  return createNodeHybridSigner(loadOrCreate(dirname(path), basename(path), 64).reveal());
}

/** The ledger key of one file, created if it is missing. @throws KeyFileError */
export function createOrLoadLedgerKey(path: string): Secret<Uint8Array> {
  return loadOrCreateAt(path, { accept: isLedgerKey });
}

/** The key of a ledger account, which has to be there: 32 bytes, secp256k1. @throws KeyFileError */
export function loadLedgerKey(path: string): Secret<Uint8Array> {
  const key = readKey(path, 32, isLedgerKey);
  if (!key) throw new KeyFileError('unreadable', `there is no key file ${path}`);
  return key;
}

type Accept = (key: Uint8Array) => boolean;

interface NewKey {
  readonly accept?: Accept;
  /** Called after a new key has been written. */
  readonly onDrawn?: () => void;
}

function loadOrCreateAt(path: string, options: NewKey = {}): Secret<Uint8Array> {
  const directory = dirname(path);
  makeKeyDirectory(directory);
  return loadOrCreate(directory, basename(path), 32, options);
}

function loadOrCreate(
  directory: string,
  name: string,
  sizeBytes: number,
  { accept = () => true, onDrawn }: NewKey = {},
): Secret<Uint8Array> {
  const path = join(directory, name);
  const present = readKey(path, sizeBytes, accept);
  if (present) return present;
  writeNewKey(directory, path, drawKey(sizeBytes, accept));
  onDrawn?.();
  // Read the file again: if two daemons start at once, both must use the key that was kept.
  const written = readKey(path, sizeBytes, accept);
  if (!written) throw new KeyFileError('unreadable', `the key file ${path} vanished while it was created`);
  return written;
}

function readKey(path: string, sizeBytes: number, accept: Accept): Secret<Uint8Array> | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new KeyFileError('unreadable', `cannot read the key file ${path}`, { cause });
  }
  try {
    const found = fstatSync(file);
    const { mode, size } = found;
    if (!found.isFile()) throw new KeyFileError('malformed', `${path} is no file: name the file that has the key`);
    if (platform() !== 'win32' && (mode & 0o077) !== 0) {
      const shown = (mode & 0o777).toString(8);
      throw new KeyFileError('permissions', `${path} is open to other users (mode ${shown}); run: chmod 600 ${path}`);
    }
    const text = size <= 1024 ? readFileSync(file, 'ascii').trim() : '';
    const key = text.length === sizeBytes * 2 && /^[0-9a-f]+$/.test(text) ? fromHex(text) : undefined;
    if (!key || !accept(key)) {
      throw new KeyFileError('malformed', `${path} is not a key: expected ${sizeBytes * 2} lower-case hex digits`);
    }
    return new Secret(key);
  } finally {
    closeSync(file);
  }
}

/** Linked into place, so that the file is either absent or whole, and an existing key is never replaced. */
function writeNewKey(directory: string, path: string, key: Uint8Array): void {
  const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`;
  try {
    const file = openPrivateFile(temporary, 'wx');
    try {
      writeFileSync(file, `${toHex(key)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    linkUnlessPresent(temporary, path);
    syncDirectory(directory);
  } catch (cause) {
    throw new KeyFileError('unwritable', `cannot write the key file ${path}`, { cause });
  } finally {
    rmSync(temporary, { force: true });
  }
}

function linkUnlessPresent(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function syncDirectory(directory: string): void {
  if (platform() === 'win32') return;
  const handle = openSync(directory, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function drawKey(sizeBytes: number, accept: Accept): Uint8Array {
  for (;;) {
    const key = new Uint8Array(randomBytes(sizeBytes));
    if (accept(key)) return key;
  }
}

function isLedgerKey(key: Uint8Array): boolean {
  try {
    createNodeLedgerSigner(key);
    return true;
  } catch {
    return false;
  }
}
