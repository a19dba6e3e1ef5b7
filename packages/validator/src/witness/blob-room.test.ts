import { expect, it } from 'vitest';
import { OwnFault } from '../audit/patience.ts';
import { createBlobRoom } from './blob-room.ts';

it('a witness holds the blobs of few openings at a time, and of one in any case', async () => {
  const room = createBlobRoom(10);
  const first = Promise.withResolvers<string>();
  const held = room.hold(6, () => first.promise);
  await expect(room.hold(5, async () => 'second')).rejects.toThrow(OwnFault);
  expect(await room.hold(4, async () => 'third')).toBe('third');
  first.reject(new Error('withheld'));
  await expect(held).rejects.toThrow('withheld');
  expect(await room.hold(11, async () => 'alone')).toBe('alone');
});
