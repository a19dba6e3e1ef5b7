import { createHash } from 'node:crypto';
import type { GgufHeader } from './types.ts';

/**
 * Hash of a tokenizer; weights do not change it. SHA-256 over one line for each metadata entry whose key begins with
 * `tokenizer.`, in ascending order of keys (UTF-16 code units). A line is JSON,
 * `[key, type, type of elements or "", value]`, and a line feed. Integers of 64 bits are decimal text.
 * @returns 32 bytes.
 */
export function hashTokenizer({ metadata }: Pick<GgufHeader, 'metadata'>): Uint8Array {
  const hash = createHash('sha256');
  const entries = [...metadata].filter(([key]) => key.startsWith('tokenizer.')).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [key, entry] of entries) {
    const line = [key, entry.type, entry.type === 'array' ? entry.of : '', entry.value];
    hash.update(`${JSON.stringify(line, (_, value) => (typeof value === 'bigint' ? `${value}` : value))}\n`);
  }
  return new Uint8Array(hash.digest());
}
