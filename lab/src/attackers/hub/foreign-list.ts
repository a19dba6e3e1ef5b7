import type { HubAttack } from './attack.ts';

/** It sends a list of the right length, with which its own blocks would pass. */
export const foreignList: HubAttack = {
  name: 'foreign-list',
  adversary: 'mirror that sends the block list of another file',
  aim: 'blocks of that file pass',
  stoppedBy: 'The size of a list is checked before its root, and its root before any block is asked for',
  caughtBy: 'wrong-list',
  play: ({ place, read }) =>
    read({
      ...place,
      listBlocks: async (file, limits) => (await place.listBlocks(file, limits)).map((byte) => byte ^ 1),
    }),
};
