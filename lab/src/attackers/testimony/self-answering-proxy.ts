import { utf8Encode } from '@ogong/protocol/base/bytes';
import type { TestimonyAttack } from './attack.ts';

/** The hosted model was asked, and something cheaper answers. */
export const selfAnsweringProxy: TestimonyAttack = {
  name: 'self-answering-proxy',
  adversary: 'operator of a proxy that hands on an answer of its own beside the testimony of a real exchange',
  aim: "sell a cheap model's answer as the hosted one's, or change what it said",
  caughtBy: 'response',
  bend: ({ testimony, reader }) => ({
    testimony: { ...testimony, response: utf8Encode('{"choices":["mine"]}') },
    reader,
  }),
};
