import { expect, it } from 'vitest';
import { unpaidNode } from './unpaid-node.ts';

it('a node that takes new certificates, or cancels what it signed, is carried no further than the credits of its address', async () => {
  const { creditBytes, freeBytes, cancelledBytes } = await unpaidNode.play(undefined);
  expect(freeBytes).toBe(8 * creditBytes);
  expect(cancelledBytes).toBe(0);
});
