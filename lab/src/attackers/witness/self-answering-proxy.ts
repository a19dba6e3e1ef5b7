import { utf8Encode } from '@ogong/protocol/base/bytes';
import type { WitnessAttack } from './attack.ts';

/** The hosted model was asked, and something cheaper answers. */
export const selfAnsweringProxy: WitnessAttack = {
  name: 'self-answering-proxy',
  adversary: 'operator of a proxy that hands on an answer of its own beside the witness of a real exchange',
  aim: "sell a cheap model's answer as the hosted one's, or change what it said",
  caughtBy: 'response',
  bend: ({ witness, reader }) => ({ witness: { ...witness, response: utf8Encode('{"choices":["mine"]}') }, reader }),
};
