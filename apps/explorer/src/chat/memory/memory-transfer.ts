import { concatBytes } from '@ogong/protocol/base/bytes';
import type { PanelMemories } from './memory-client.ts';
import { NO_FILTER } from './memory-client.ts';

/** The longest line that a gateway reads, bytes. */
const MAX_LINE_BYTES = 16 * 2 ** 20;
const LINE_FEED = 0x0a;

/** Numbers of an import so far. */
export interface ImportCounts {
  readonly imported: number;
  readonly known: number;
}

interface Transfer {
  readonly signal: AbortSignal;
  /** Receives the number of memories so far. */
  readonly onProgress: (count: number) => void;
}

/** Reads all memories with their proofs. @returns JSON lines, as `ogong memory import` reads them, newest first. */
export async function exportMemories(
  api: Pick<PanelMemories, 'list' | 'readProof'>,
  { signal, onProgress }: Transfer,
): Promise<Blob> {
  const lines: string[] = [];
  for (let before: string | undefined; ; ) {
    const { memories, hasMore } = await api.list(NO_FILTER, before);
    for (const { id } of memories) {
      signal.throwIfAborted();
      onProgress(lines.push(`${JSON.stringify(await api.readProof(id, signal))}\n`));
    }
    before = memories.at(-1)?.id;
    if (!hasMore || before === undefined) return new Blob(lines);
  }
}

/**
 * Stores the memories of an export, one after the other. The gateway checks each proof.
 * @throws Error that names the line; the lines before it are stored.
 */
export async function importMemories(
  api: Pick<PanelMemories, 'import'>,
  file: Blob,
  { signal, onProgress }: Transfer,
): Promise<ImportCounts> {
  const counts = { imported: 0, known: 0 };
  let place = 0;
  for await (const line of readLines(file)) {
    place++;
    if (line.trim() === '') continue;
    signal.throwIfAborted();
    try {
      counts[(await api.import(parseLine(line), signal)) ? 'imported' : 'known']++;
    } catch (cause) {
      signal.throwIfAborted();
      const { imported, known } = counts;
      const so = `${imported} imported and ${known} known before it`;
      throw new Error(`line ${place}: ${(cause as Error).message} (${so})`, { cause });
    }
    onProgress(counts.imported + counts.known);
  }
  return counts;
}

function parseLine(line: string): object {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // The message of the parser would repeat a text of the file.
  }
  if (typeof value !== 'object' || value === null) throw new TypeError('it is no memory of an export');
  return value;
}

/** Yields the lines of a file, which may be larger than the memory of the page. @throws Error for a line beyond its limit. */
async function* readLines(file: Blob): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let parts: Uint8Array[] = [];
  let size = 0;
  const join = (): string => decoder.decode(concatBytes(...parts));
  const reader = file.stream().getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    let rest: Uint8Array = next.value;
    for (let at = rest.indexOf(LINE_FEED); at >= 0; at = rest.indexOf(LINE_FEED)) {
      parts.push(rest.subarray(0, at));
      yield join();
      [parts, size, rest] = [[], 0, rest.subarray(at + 1)];
    }
    parts.push(rest);
    size += rest.length;
    if (size > MAX_LINE_BYTES) throw new Error('a line of the file is too long: this is no export of memories');
  }
  if (size > 0) yield join();
}
