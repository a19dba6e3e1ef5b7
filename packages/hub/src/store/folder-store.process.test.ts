import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { collect, createTestBlob } from '@ogong/testing/hub/blob-bytes';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BLOCK_BYTES } from '../block-size.ts';
import { openFolderStore } from './folder-store.ts';

const BYTES = 12 * BLOCK_BYTES + 7;
const script = fileURLToPath(new URL('./folder-store-child-fixture.ts', import.meta.url));

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ogong-hub-store-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Starts a process that puts the blob, and kills it when it has passed so many bytes. @returns whether it had ended before. */
async function putUntil(bytes: number): Promise<boolean> {
  // The last kill meets a process that writes its last bytes. Each other one meets a process that waits.
  const silentAfter = bytes < BYTES ? bytes : Number.POSITIVE_INFINITY;
  const child = fork(script, [directory, `${BYTES}`, `${silentAfter}`], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  let isDone = false;
  child.on('message', (passed) => {
    if (passed === 'done') isDone = true;
    else if ((passed as number) >= bytes) child.kill('SIGKILL');
  });
  await once(child, 'exit');
  return isDone;
}

describe('a put whose process is killed', () => {
  it('leaves nothing visible, and continues from its blocks', async () => {
    const store = openFolderStore(directory);
    const { id, stream } = createTestBlob(BYTES);
    for (const bytes of [1, 2.5 * BLOCK_BYTES, 6 * BLOCK_BYTES, 9 * BLOCK_BYTES + 3, BYTES]) {
      await putUntil(bytes);
      expect((await store.begun(id)) % BLOCK_BYTES).toBe(0);
      if (bytes >= BYTES) continue;
      expect(await store.has(id)).toBe(false);
      expect(await store.begun(id)).toBeLessThanOrEqual(bytes);
    }
    if (!(await store.has(id))) expect(await putUntil(Number.POSITIVE_INFINITY)).toBe(true);
    expect(Buffer.from(await collect(store.get(id))).equals(await collect(stream()))).toBe(true);
    expect(await store.begun(id)).toBe(0);
  });
});
