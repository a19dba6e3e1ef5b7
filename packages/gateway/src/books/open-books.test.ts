import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { expect, it, vi } from 'vitest';
import { openBooks } from './open-books.ts';

it('reports a failed sync of the store, so that the gateway ends', async () => {
  const directory = createTestDirectory('open-books');
  const file = await open(join(directory.path, 'any'), 'w');
  const prototype = Object.getPrototypeOf(file) as { datasync(): Promise<void> };
  await file.close();
  const place = { dataDir: directory.path, accounts: undefined, database: undefined, databasePassword: undefined };
  const { books, failed, close } = await openBooks(place);
  const write = () =>
    books.write(function* () {
      yield* [];
      return 1;
    });
  expect(await write()).toBe(1);
  const spy = vi.spyOn(prototype, 'datasync').mockRejectedValueOnce(new Error('EIO'));
  try {
    await expect(write()).rejects.toMatchObject({ code: 'io' });
    await expect(failed).rejects.toMatchObject({ code: 'io', message: expect.stringContaining('EIO') });
    await expect(write()).rejects.toMatchObject({ code: 'io' });
  } finally {
    spy.mockRestore();
    await close();
    directory.remove();
  }
});
