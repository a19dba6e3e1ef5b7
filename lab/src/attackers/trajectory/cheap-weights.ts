import { makeHonestly, type PictureAttack } from './attack.ts';
import type { FolderEdit } from './edited-folder.ts';

const computeWith = (weights: FolderEdit, saved: string): PictureAttack => ({
  name: `weights-${weights}`,
  aim: `a denoiser of ${weights} weights, which takes ${saved} of the memory`,
  caughtBy: 'equality',
  make: async ({ open }, order) => makeHonestly(await open(weights), order),
});

export const CHEAP_WEIGHTS: readonly PictureAttack[] = [
  computeWith('f16', 'half'),
  computeWith('bf16', 'half'),
  computeWith('int8', 'a quarter'),
  computeWith('int4', 'an eighth'),
];
