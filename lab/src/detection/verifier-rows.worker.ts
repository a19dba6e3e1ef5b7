// One lane of verifier-rows.ts: lives of strategies, on a thread of their own.
import { parentPort, workerData } from 'node:worker_threads';
import { measureVerifiers } from '../verifiers/measure.ts';
import { SETTINGS } from '../verifiers/settings.ts';
import { type Lane, type Lived, listLives } from './verifier-rows.ts';

const { seed, replies, runs, lane, lanes } = workerData as Lane;
const lives = listLives(SETTINGS);
for (let place = lane; place < lives.length; place += lanes) {
  const settings = [lives[place]!];
  const [row] = await measureVerifiers({ seed, replies, runs, settings });
  parentPort!.postMessage({ place, row: row! } satisfies Lived);
}
