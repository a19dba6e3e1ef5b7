import { join } from 'node:path';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createGroupCommit } from './group-commit.ts';
import { openStore } from './store.ts';

it('stores exactly the acknowledged writes, after any failure', async () => {
  const write = fc.record({ id: fc.nat({ max: 30 }), fails: fc.boolean(), sizeBytes: fc.constantFrom(0, 100, 40_000) });
  const options = fc.record({ maxDelayMs: fc.constantFrom(0, 1), maxBatch: fc.integer({ min: 1, max: 8 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(write, { maxLength: 40 }), options, async (writes, groupOptions) => {
      const directory = createTestDirectory('group');
      const store = openStore(join(directory.path, 'a.db'), {
        schema: 'CREATE TABLE record (id INTEGER PRIMARY KEY, body BLOB) STRICT',
      });
      try {
        store.database.exec('PRAGMA max_page_count = 24');
        const group = createGroupCommit(store, groupOptions);
        const results = await Promise.allSettled(
          writes.map(({ id, fails, sizeBytes }) =>
            group.write(({ prepare }) => {
              prepare('INSERT INTO record (id, body) VALUES (?, ?)').run(id, new Uint8Array(sizeBytes));
              if (fails) throw new Error('changed my mind');
              return id;
            }),
          ),
        );
        const acknowledged = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
        const stored = store.read(({ prepare }) => prepare('SELECT id FROM record ORDER BY id').all());
        expect(stored.map((row) => row.id)).toEqual(acknowledged.sort((a, b) => a - b));
      } finally {
        store.close();
        directory.remove();
      }
    }),
    { numRuns: 60, seed: 3 },
  );
});
