import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { brotliCompressSync, brotliDecompressSync } from 'node:zlib';
import { fromBase64, ProtocolError, toBase64, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey, verifyHybrid } from '@ogong/protocol/crypto/hybrid';
import type { DriftTable } from '@ogong/protocol/modality/text/drift/drift-table';
import {
  encodeDriftTable,
  MAX_DRIFT_TABLE_BYTES,
  parseDriftTable,
} from '@ogong/protocol/modality/text/drift/drift-table-bytes';
import { hashDriftTable } from '@ogong/protocol/modality/text/drift/drift-table-signature';
import { explainFile } from '../log/errors.ts';

export type TableErrorCode = 'bad-table' | 'bad-signature' | 'too-little-data' | 'wrong-table';

export class TableError extends Error {
  override readonly name = 'TableError';
  readonly code: TableErrorCode;
  readonly retryable = false;
  constructor(code: TableErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A drift table with the signatures under it: the content of a file (docs/spec/drift-table.md). */
export interface TableFile {
  /** Canonical bytes, which are hashed and signed. */
  readonly bytes: Uint8Array;
  readonly table: DriftTable;
  /** SHA-256 of the bytes, as named on the chain. */
  readonly hash: Uint8Array;
  readonly signatures: readonly TableSignature[];
}

export interface TableSignature {
  /** Hybrid public key. */
  readonly key: Uint8Array;
  /** Hybrid, over the bytes. */
  readonly signature: Uint8Array;
}

const FORMAT = 'ogong-drift-table-file-v1';
const MAX_SIGNATURES = 16;
const MAX_FILE_BYTES = Math.ceil((MAX_DRIFT_TABLE_BYTES * 4) / 3) + MAX_SIGNATURES * 6000 + 4096;

export function createTableFile(crypto: Crypto, table: DriftTable): TableFile {
  const bytes = encodeDriftTable(table);
  return { bytes, table, hash: hashDriftTable(crypto, bytes), signatures: [] };
}

/** Adds a signature; one key signs once. */
export function signTableFile(file: TableFile, signer: HybridSigner): TableFile {
  const others = file.signatures.filter(({ key }) => toHex(key) !== toHex(signer.publicKey));
  const signature = { key: signer.publicKey, signature: signer.sign(file.bytes) };
  return { ...file, signatures: [...others, signature] };
}

/** Hashes of the keys that signed. */
export function listSigners(crypto: Crypto, { signatures }: Pick<TableFile, 'signatures'>): Uint8Array[] {
  return signatures.map(({ key }) => hashHybridKey(crypto, key));
}

export function encodeTableFile({ bytes, hash, signatures }: TableFile): string {
  const content = {
    format: FORMAT,
    hash: toHex(hash),
    signatures: signatures.map(({ key, signature }) => ({ key: toBase64(key), signature: toBase64(signature) })),
    table: toBase64(brotliCompressSync(bytes)),
  };
  return `${JSON.stringify(content, undefined, 2)}\n`;
}

/** @throws TableError: 'bad-table' for an invalid table or hash; 'bad-signature'. */
export function parseTableFile(crypto: Crypto, text: string): TableFile {
  const file = unpackTableFile(crypto, text);
  try {
    return { ...file, table: parseDriftTable(file.bytes) };
  } catch (error) {
    if (error instanceof ProtocolError)
      throw new TableError('bad-table', `not a drift table: ${error.message}`, { cause: error });
    throw error;
  }
}

/** Reads a file and checks its hash and signatures. It does not parse the table yet, which takes a fifth of a second. */
function unpackTableFile(crypto: Crypto, text: string): Omit<TableFile, 'table'> {
  try {
    const content: unknown = JSON.parse(text);
    if (typeof content !== 'object' || content === null)
      throw new TableError('bad-table', 'not a drift table: no object');
    const { format, hash, signatures, table } = content as Record<string, unknown>;
    if (format !== FORMAT) throw new TableError('bad-table', `not a drift table: its format is not ${FORMAT}`);
    if (typeof table !== 'string' || !Array.isArray(signatures) || signatures.length > MAX_SIGNATURES) {
      throw new TableError('bad-table', 'a drift table has a text `table` and at most 16 `signatures`');
    }
    const bytes = unpack(fromBase64(table));
    const file = { bytes, hash: hashDriftTable(crypto, bytes) };
    if (hash !== toHex(file.hash)) {
      throw new TableError('bad-table', `the table's bytes hash to ${toHex(file.hash)}, the file says ${String(hash)}`);
    }
    return { ...file, signatures: signatures.map((each: unknown) => readSignature(crypto, bytes, each)) };
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof SyntaxError || error instanceof TypeError) {
      throw new TableError('bad-table', `not a drift table: ${explainFile(error)}`, { cause: error });
    }
    throw error;
  }
}

/** Bounds the output, so that a small file cannot unpack to a huge one. */
function unpack(packed: Uint8Array): Uint8Array {
  try {
    return new Uint8Array(brotliDecompressSync(packed, { maxOutputLength: MAX_DRIFT_TABLE_BYTES }));
  } catch (cause) {
    throw new TableError('bad-table', `the table does not unpack: ${(cause as Error).message}`, { cause });
  }
}

function readSignature(crypto: Crypto, message: Uint8Array, value: unknown): TableSignature {
  const { key, signature } = value as Record<string, unknown>;
  if (typeof key !== 'string' || typeof signature !== 'string') {
    throw new TableError('bad-signature', 'a signature has a `key` and a `signature`, both base64');
  }
  const read = { key: fromBase64(key), signature: fromBase64(signature) };
  if (!verifyHybrid(crypto, { publicKey: read.key, message, signature: read.signature })) {
    throw new TableError('bad-signature', 'the table is not signed by the key that its signature names');
  }
  return read;
}

/** @throws TableError; the system's error where the file cannot be read. */
export const readTableFile = (crypto: Crypto, path: string): TableFile =>
  readFile(path, (text) => parseTableFile(crypto, text));

/**
 * Reads a file, and its table on the first access. Use it if the caller knows the hash.
 * @throws TableError; the system's error where the file cannot be read.
 */
export function readTableFileLazily(crypto: Crypto, path: string): TableFile {
  const file = readFile(path, (text) => unpackTableFile(crypto, text));
  let table: DriftTable | undefined;
  return {
    ...file,
    get table() {
      table ??= parseDriftTable(file.bytes);
      return table;
    },
  };
}

function readFile<T>(path: string, parse: (text: string) => T): T {
  const found = statSync(path);
  if (!found.isFile()) throw new TableError('bad-table', `${path} is no file`);
  const { size } = found;
  if (size > MAX_FILE_BYTES) throw new TableError('bad-table', `${path} has ${size} bytes: too many for a drift table`);
  try {
    return parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof TableError) throw new TableError(error.code, `${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** Writes atomically: the file is either the old or the new one. */
export function writeTableFile(path: string, file: TableFile): void {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    writeFileSync(temporary, encodeTableFile(file), { flush: true });
    renameSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}
