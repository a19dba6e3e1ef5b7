import { utf8Encode } from '@ogong/protocol/base/bytes';
import type { TestimonyAttack } from './attack.ts';

/** The hosted model was asked, and something cheaper answers. */
export const selfAnsweringProxy: TestimonyAttack = {
  name: 'self-answering-proxy',
  adversary: 'proxy operator with its own answer beside a real testimony',
  aim: "a cheap answer sold as the hosted model's",
  caughtBy: 'response',
  bend: ({ testimony, reader }) => ({
    testimony: { ...testimony, response: utf8Encode('{"choices":["mine"]}') },
    reader,
  }),
};
