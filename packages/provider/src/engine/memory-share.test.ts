import { fileURLToPath } from 'node:url';
import { planMemory } from '@ogong/engine/llama-cpp/device/memory-plan';
import { inspectModelFile } from '@ogong/engine/llama-cpp/model-file';
import { expect, it } from 'vitest';
import { describePaged, findPagedRoom, findRoom } from './memory-share.ts';

const MODEL = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));
const free = (bytes: number) => ({ bytes, cause: 'are free' });

it('a model has the least of the free memory and the budget, and the cause is named', () => {
  expect(findRoom({ reservedBytes: 0, budgetBytes: undefined }, free(9))).toEqual(free(9));
  expect(findRoom({ reservedBytes: 4, budgetBytes: undefined }, free(9))).toEqual({
    ...{ bytes: 5, cause: 'are free beside the weights of other models' },
  });
  expect(findRoom({ reservedBytes: 0, budgetBytes: 10 }, free(9))).toEqual(free(9));
  expect(findRoom({ reservedBytes: 0, budgetBytes: 2 ** 20 }, free(2 ** 21))).toEqual({
    ...{ bytes: 2 ** 20, cause: 'are left of --memory-budget, while 2 MiB are free', remedy: 'raise the budget' },
  });
  expect(findRoom({ reservedBytes: 20, budgetBytes: -1 }, free(9)).bytes).toBe(0);
});

it('weights stay on the disk where a CPU reads a file that is mapped, and nowhere else', () => {
  const wanted = { contextSize: 64, sequences: 1 };
  const { total, weights } = planMemory(inspectModelFile(MODEL), wanted, 2 ** 30);
  const room = free(total - Math.floor(weights / 2));
  const find = (backend: 'cpu' | 'vulkan', kernels: 'exact' | 'fast', bytes = room) =>
    findPagedRoom(MODEL, { backend, kernels, wanted, room: bytes });
  expect(find('cpu', 'exact')).toEqual(free(room.bytes + weights));
  expect(find('cpu', 'fast')).toBeUndefined();
  expect(find('vulkan', 'exact')).toBeUndefined();
  expect(find('cpu', 'exact', free(total))).toBeUndefined();
  expect(describePaged(MODEL, free(2 ** 29))).toContain('and 0.5 GiB are free. They are read from the disk');
});
