import { announcementScenes } from './announcement-scenes.ts';
import { peerScenes } from './peer-scenes.ts';
import { providerScenes } from './provider-scenes.ts';
import { readingScenes } from './reading-scenes.ts';
import type { DoorScene } from './scene.ts';
import { validatorScenes } from './validator-scenes.ts';
import { verifierScenes } from './verifier-scenes.ts';

/** Requests about a validator's log, open to any caller or to any validator. */
export const READING_SCENES: readonly DoorScene[] = [...readingScenes, ...peerScenes];

/** Methods that receive orders, announcements, jobs and related messages. */
export const TAKING_SCENES: readonly DoorScene[] = [
  ...announcementScenes,
  ...validatorScenes,
  ...providerScenes,
  ...verifierScenes,
];

/** Methods that an attacker floods with calls. Idle links, tickets, large complaints, keys and queues have attacks of their own. */
export const DOOR_SCENES: readonly DoorScene[] = [...TAKING_SCENES, ...READING_SCENES];
