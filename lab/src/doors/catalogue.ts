import { announcementScenes } from './announcement-scenes.ts';
import { peerScenes } from './peer-scenes.ts';
import { providerScenes } from './provider-scenes.ts';
import { readingScenes } from './reading-scenes.ts';
import type { DoorScene } from './scene.ts';
import { validatorScenes } from './validator-scenes.ts';
import { verifierScenes } from './verifier-scenes.ts';

/** Doors where calls are the flood; idle links, tickets, large complaints, keys and queues have attacks of their own. */
export const DOOR_SCENES: readonly DoorScene[] = [
  ...announcementScenes,
  ...validatorScenes,
  ...readingScenes,
  ...peerScenes,
  ...providerScenes,
  ...verifierScenes,
];
