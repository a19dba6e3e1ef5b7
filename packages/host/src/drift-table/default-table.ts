import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { readTableFileLazily, TableError, type TableFile } from './table-file.ts';

/** Path of the default table, with its hash beside it; `npm run drift-table` writes both. */
export const DEFAULT_TABLE: string = fileURLToPath(new URL('../../tables/default-drift-table.json', import.meta.url));

/** Small enough to be committed to the repository. */
export const MAX_DEFAULT_TABLE_BYTES = 1_500_000;

export const hashPathOf = (path: string): string => path.replace(/\.json$/, '.sha256');

/**
 * Reads the table of this release.
 * @returns undefined if there is none.
 * @throws TableError if its hash differs from the one beside it.
 */
export function readDefaultTable(crypto: Crypto, path: string = DEFAULT_TABLE): TableFile | undefined {
  if (!existsSync(path)) return undefined;
  const file = readTableFileLazily(crypto, path);
  const wanted = readFileSync(hashPathOf(path), 'utf8').trim();
  if (toHex(file.hash) === wanted) return file;
  throw new TableError('wrong-table', `${path} has the hash ${toHex(file.hash)}, not ${wanted}: install it anew`);
}
