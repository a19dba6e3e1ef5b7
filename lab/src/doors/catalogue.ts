import { announcementScenes } from './announcement-scenes.ts';
import { peerScenes } from './peer-scenes.ts';
import { providerScenes } from './provider-scenes.ts';
import { readingScenes } from './reading-scenes.ts';
import type { DoorScene } from './scene.ts';
import { validatorScenes } from './validator-scenes.ts';
import { verifierScenes } from './verifier-scenes.ts';

/** What anybody, or any validator, may ask of a validator about its log. */
export const READING_SCENES: readonly DoorScene[] = [...readingScenes, ...peerScenes];

/** Where orders, announcements, jobs and what belongs to them come in. */
export const TAKING_SCENES: readonly DoorScene[] = [
  ...announcementScenes,
  ...validatorScenes,
  ...providerScenes,
  ...verifierScenes,
];

/** Doors where calls are the flood; idle links, tickets, large complaints, keys and queues have attacks of their own. */
export const DOOR_SCENES: readonly DoorScene[] = [...TAKING_SCENES, ...READING_SCENES];
