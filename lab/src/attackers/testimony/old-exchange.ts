import type { TestimonyAttack } from './attack.ts';

/** All of it is true, and was so yesterday. */
export const oldExchange: TestimonyAttack = {
  name: 'old-exchange',
  adversary: 'operator that shows what a source said at another time',
  aim: 'have a price, or a vote, of yesterday taken for that of now',
  caughtBy: 'challenge',
  bend: ({ testimony, reader }) => ({ testimony, reader: { ...reader, challenge: new Uint8Array(32).fill(0xee) } }),
};
