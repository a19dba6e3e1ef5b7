import { createWriter, ProtocolError, utf8Encode } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';

const TAG = utf8Encode('ogong-model-folder-v1\n');
/** Names of letters, digits, points, hyphens and underscores that begin with no point, joined by slashes. */
const PATH = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}(\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}){0,3}$/;

/** The most files of a model folder that an engine reads. */
export const MAX_FOLDER_FILES = 1_024;

/** A file of a model folder. */
export interface FolderFile {
  /** Relative to the folder, with slashes. */
  readonly path: string;
  /** SHA-256 of the content, 32 bytes. */
  readonly sha256: Uint8Array;
}

export const isFolderPath = (path: string): boolean => PATH.test(path);

/**
 * Computes the root of a model whose files lie in a folder: SHA-256(tag || u16 count || for each file, ascending by path: text path ||
 * its SHA-256). The order of `files` does not matter. Spec: docs/spec/model-folder.md.
 * @returns 32 bytes.
 * @throws ProtocolError `malformed` for no file, too many files, a path of another form, or one path twice.
 */
export function computeFolderRoot({ sha256 }: Pick<Crypto, 'sha256'>, files: readonly FolderFile[]): Uint8Array {
  if (files.length === 0 || files.length > MAX_FOLDER_FILES)
    throw new ProtocolError('malformed', `a model folder of ${files.length} files; it has 1 to ${MAX_FOLDER_FILES}`);
  // Paths are ASCII, so the order of code units is that of bytes.
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const writer = createWriter().bytes(TAG).u16(sorted.length);
  for (const [i, { path, sha256: content }] of sorted.entries()) {
    if (!isFolderPath(path)) throw new ProtocolError('malformed', `"${path}" is no path of a model folder`);
    if (path === sorted[i - 1]?.path) throw new ProtocolError('malformed', `the model folder has ${path} twice`);
    writer.text(path).bytes(content, 32);
  }
  return sha256(writer.finish());
}
