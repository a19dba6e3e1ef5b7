import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { HubRecord } from './hub-record.ts';
import { keepPins } from './keep-pins.ts';
import { pullPoisoned } from './pull-poisoned.ts';
import { type HubContext, serveWanted } from './serve-wanted.ts';

/** Plays the three parts at the same time: each of them mostly waits. */
export async function runHub(context: HubContext): Promise<HubRecord> {
  const { network, onProgress } = context;
  const { origin, mesh, largeFile: file } = network;
  const directory = join(mesh.plan.directory, 'pins');
  mkdirSync(directory, { recursive: true });
  const [served, poisoned, pins] = await Promise.all([
    serveWanted(context),
    pullPoisoned(network),
    keepPins({ directory, origin, file, onProgress }),
  ]);
  return { served, poisoned, pins };
}
