import { expect, it } from 'vitest';
import { exportMemories, importMemories } from './memory-transfer.ts';
import type { KnownMemory } from './parse-memory.ts';

const known = (id: string) => ({ id }) as KnownMemory;
const { signal } = new AbortController();

/** A gateway that knows one memory already. */
function createPlace() {
  const stored: object[] = [];
  const counts: number[] = [];
  const api = {
    async import(proof: object): Promise<boolean> {
      if ('forged' in proof) throw new Error('the proof of the memory fails: candidate');
      return stored.push(proof) > 1;
    },
  };
  return { api, stored, counts, transfer: { signal, onProgress: (count: number) => void counts.push(count) } };
}

it('moves the memories of all pages with their proofs', async () => {
  const pages = [
    { memories: [known('new'), known('old')], hasMore: true },
    { memories: [known('oldest')], hasMore: false },
  ];
  const asked: (string | undefined)[] = [];
  const from = {
    list: async (_: object, before?: string) => pages[asked.push(before) - 1] as (typeof pages)[0],
    readProof: async (id: string) => ({ memory: { id, content: 'zwei\nZeilen é' } }),
  };
  const { api, stored, counts, transfer } = createPlace();
  const file = await exportMemories(from, transfer);
  expect(asked).toEqual([undefined, 'old']);
  expect((await file.text()).split('\n').map((line) => line && JSON.parse(line).memory.id)).toEqual([
    ...['new', 'old', 'oldest', ''],
  ]);
  expect(await importMemories(api, file, transfer)).toEqual({ imported: 2, known: 1 });
  expect(stored[0]).toEqual({ memory: { id: 'new', content: 'zwei\nZeilen é' } });
  expect(counts).toEqual([1, 2, 3, 1, 2, 3]);
});

it.each([
  [
    'a proof that fails',
    '{}\n{}\n\n{"forged":1}\n{}',
    'line 4: the proof of the memory fails: candidate (1 imported and 1 known before it)',
    2,
  ],
  [
    'a line that is no memory',
    '{}\nhello secret\n{}',
    'line 2: it is no memory of an export (0 imported and 1 known before it)',
    1,
  ],
  ['a line without an end', 'x'.repeat(2 ** 24 + 1), 'a line of the file is too long', 0],
])('ends an import at %s', async (_, text, message, count) => {
  const { api, stored, transfer } = createPlace();
  await expect(importMemories(api, new Blob([text]), transfer)).rejects.toThrow(message);
  expect(stored).toHaveLength(count);
});

it('ends an import that its reader has left', async () => {
  const { api, stored, transfer } = createPlace();
  const left = { ...transfer, signal: AbortSignal.abort(new Error('left')) };
  await expect(importMemories(api, new Blob(['{}']), left)).rejects.toThrow('left');
  expect(stored).toEqual([]);
});
