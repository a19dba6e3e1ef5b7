import type { HubAttack } from './attack.ts';

/** The maker has signed it, and the registry names another one. */
export const olderManifest: HubAttack = {
  name: 'older-manifest',
  adversary: 'mirror that sends the manifest of an older version',
  aim: 'readers go back to a version with a fault',
  stoppedBy: 'A reader compares the hash of a manifest with that of the registry before anything else',
  caughtBy: 'bad-manifest',
  play: ({ place, older, read }) => read({ ...place, readManifest: async () => older }),
};
