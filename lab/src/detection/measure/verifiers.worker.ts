// One lane of measure-verifiers.ts, on a thread of its own.
import { parentPort, workerData } from 'node:worker_threads';
import { measureVerifiers } from '../../verifiers/measure.ts';
import { measureTells } from '../../verifiers/tell-apart.ts';
import { type Lane, listTasks, type VerifierRows } from './measure-verifiers.ts';

const { lane, lanes, ...options } = workerData as Lane;
const { seed, replies, runs } = options;
const tasks = listTasks(options);
for (let place = lane; place < tasks.length; place += lanes) {
  const task = tasks[place]!;
  const done =
    task.kind === 'live'
      ? { place, lived: await measureVerifiers({ seed, replies, runs, settings: [task.setting] }), told: [] }
      : { place, lived: [], told: await measureTells({ seed, ...task.traffic }) };
  parentPort!.postMessage(done satisfies VerifierRows);
}
