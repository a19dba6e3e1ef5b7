import { expect, it } from 'vitest';
import { findFreePorts, isPortFree } from './free-port.ts';

const BLOCK = 32;

it('finds each port once, however many look for some at a time, and more than one block has', async () => {
  const found = (await Promise.all([1, 15, 1, BLOCK, 1].map((count) => findFreePorts(count)))).flat();
  expect(new Set(found).size).toBe(found.length);
});

it('holds the first port of each block that it finds ports in, so that no other process draws the same block', async () => {
  const found = await findFreePorts(BLOCK + 1);
  // 12,000 is a multiple of the block's size.
  const firsts = new Set(found.map((port) => port - (port % BLOCK)));
  expect(firsts.size).toBeGreaterThan(1);
  for (const first of firsts) expect(await isPortFree(first)).toBe(false);
  for (const port of found) expect(firsts.has(port)).toBe(false);
});
