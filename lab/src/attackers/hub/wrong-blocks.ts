import type { HubAttack } from './attack.ts';

/** It flips one bit in the middle of the weights. */
export const wrongBlocks: HubAttack = {
  name: 'wrong-blocks',
  adversary: 'mirror that changes bytes of a model',
  aim: 'readers run other weights',
  stoppedBy: 'Each block is checked before it is written. The mirror is asked no more, and another one sends the block',
  caughtBy: 'wrong-block',
  play: ({ place, read }) =>
    read({
      ...place,
      async *read(file, range, signal) {
        for await (const piece of place.read(file, range, signal)) yield file.isWeight ? piece.map(flipFirst) : piece;
      },
    }),
};

const flipFirst = (byte: number, index: number): number => (index === 0 ? byte ^ 1 : byte);
