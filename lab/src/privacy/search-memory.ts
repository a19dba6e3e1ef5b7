import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';

/** Why this machine shows no memory of other processes; undefined if it does. */
export const whyNoMemory = (): string | undefined =>
  existsSync('/proc/self/mem') ? undefined : 'this system has no /proc/<pid>/mem';

const PAGE_BYTES = 4_096;
/** As many pages as one read takes. */
const BLOCK_BYTES = 4 * 2 ** 20;
const ENTRY_BYTES = 8;
/** In the last byte of an entry of pagemap: the page is in memory, or swapped out. */
const POPULATED = 0xc0;

/**
 * Finds the texts that the writable memory of a process holds, as UTF-8 or UTF-16. The process goes on meanwhile.
 * @param texts each of at least 12 bytes, so that it is found nowhere by chance.
 * @throws if the system does not let this process read the other one.
 */
export function findInMemory(pid: number, texts: readonly string[]): string[] {
  const wanted = texts.map((text) => ({ text, forms: listForms(text) }));
  const overlap = Math.max(...wanted.flatMap(({ forms }) => forms.map(({ length }) => length)));
  const found = new Set<string>();
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const pages = openSync(`/proc/${pid}/pagemap`, 'r');
  const block = Buffer.alloc(BLOCK_BYTES + overlap);
  const entries = Buffer.alloc((BLOCK_BYTES / PAGE_BYTES) * ENTRY_BYTES);
  try {
    for (const { start, end } of listWritable(pid)) {
      for (let at = start; at < end; at += BLOCK_BYTES) {
        const size = Math.min(BLOCK_BYTES, end - at);
        if (!isPopulated(pages, entries, { at, size })) continue;
        const bytes = readBlock(memory, block, { at, size: Math.min(size + overlap, end - at) });
        for (const { text, forms } of wanted) {
          if (!found.has(text) && forms.some((form) => bytes.includes(form))) found.add(text);
        }
      }
    }
  } finally {
    closeSync(memory);
    closeSync(pages);
  }
  return texts.filter((text) => found.has(text));
}

interface Block {
  readonly at: number;
  readonly size: number;
}

/** Tells whether a page of the block holds anything: a reserved heap is mostly empty. */
function isPopulated(pages: number, entries: Buffer, { at, size }: Block): boolean {
  const length = readSync(pages, entries, 0, (size / PAGE_BYTES) * ENTRY_BYTES, (at / PAGE_BYTES) * ENTRY_BYTES);
  for (let i = ENTRY_BYTES - 1; i < length; i += ENTRY_BYTES) if ((entries[i] as number) & POPULATED) return true;
  return false;
}

/** Reads a block. A page that the process has given back meanwhile ends it. */
function readBlock(memory: number, block: Buffer, { at, size }: Block): Buffer {
  try {
    return block.subarray(0, readSync(memory, block, 0, size, at));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EIO' || code === 'EFAULT') return Buffer.alloc(0);
    throw error;
  }
}

interface Mapping {
  readonly start: number;
  readonly end: number;
}

/** Lists private, writable mappings (proc(5)): heaps, stacks and buffers. */
function listWritable(pid: number): Mapping[] {
  const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');
  return lines.flatMap((line) => {
    const [, start, end] = /^([0-9a-f]+)-([0-9a-f]+) rw.p /.exec(line) ?? [];
    return start && end ? [{ start: Number.parseInt(start, 16), end: Number.parseInt(end, 16) }] : [];
  });
}

function listForms(text: string): Buffer[] {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length < 12) throw new RangeError(`"${text}" is too short to be searched for`);
  return [bytes, Buffer.from(text, 'utf16le')];
}
