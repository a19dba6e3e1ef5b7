import { computePinTree } from '@ogong/hub/pin-tree';
import { createTestBlob } from '@ogong/testing/hub/blob-bytes';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { expect, it } from 'vitest';
import { createPinTrees } from './pin-trees.ts';

it('offers with wrong roots have a blob read once an hour, and the right root has it read', async () => {
  const directory = createTestDirectory('pin-trees');
  const blob = createTestBlob(3_000);
  let [reads, nowMs] = [0, 0];
  const store = {
    get() {
      reads++;
      return blob.stream();
    },
  };
  const trees = createPinTrees(directory.path, store, { nowMs: () => nowMs });
  const right = await computePinTree(blob.stream());
  for (let i = 0; i < 5; i++) {
    expect(await trees.open(blob.id, { ...right, pinRoot: new Uint8Array(32).fill(i) })).toBeUndefined();
    expect(await trees.open(blob.id, { ...right, sizeBytes: 2_999 })).toBeUndefined();
    trees.remove(blob.id);
  }
  expect(reads).toBe(1);
  nowMs = 3_600_000;
  expect(await trees.open(blob.id, { ...right, sizeBytes: 2_999 })).toBeUndefined();
  expect(reads).toBe(2);
  expect((await trees.open(blob.id, right))?.pinRoot).toEqual(right.pinRoot);
  expect((await trees.open(blob.id, right))?.sizeBytes).toBe(3_000);
  expect(reads).toBe(3);
  directory.remove();
});
