import type { TestimonyAttack } from './attack.ts';

/** All of it is true, and was so yesterday. */
export const oldExchange: TestimonyAttack = {
  name: 'old-exchange',
  adversary: 'operator with an old exchange',
  aim: "yesterday's price or vote",
  caughtBy: 'challenge',
  bend: ({ testimony, reader }) => ({ testimony, reader: { ...reader, challenge: new Uint8Array(32).fill(0xee) } }),
};
