import { setTimeout as delay } from 'node:timers/promises';
import { type MeshState, readMeshState, readStoppableMesh, removeMeshState } from './mesh-state.ts';
import { isRunning, type ProcessIdentity, signalProcess } from './process-identity.ts';

const launcherStopMs = 45_000;
const daemonStopMs = 10_000;
const pollMs = 50;

/** Whether a mesh runs in this directory: its launcher is alive, under the identity that it wrote down. */
export function findRunningMesh(directory: string): MeshState | undefined {
  const state = readMeshState(directory);
  return state && isRunning(state.launcher) ? state : undefined;
}

/**
 * Ends a mesh: the launcher stops its daemons in order. If the launcher has died, its daemons are ended one by one. Only processes that the
 * launcher started are signalled. Does nothing if nothing runs. Another version's mesh is ended, too.
 * @returns names of the ended processes, the launcher first.
 */
export async function stopMesh(directory: string): Promise<string[]> {
  const state = readStoppableMesh(directory);
  if (!state) return [];
  const ended: string[] = [];
  if (await end(state.launcher, launcherStopMs)) ended.push('mesh');
  const left = state.processes.filter(({ identity }) => identity && isRunning(identity));
  await Promise.all(left.map(async ({ identity }) => end(identity as ProcessIdentity, daemonStopMs)));
  ended.push(...left.map(({ name }) => name));
  removeMeshState(directory);
  return ended;
}

async function end(identity: ProcessIdentity, patienceMs: number): Promise<boolean> {
  if (!signalProcess(identity, 'SIGTERM')) return false;
  for (let waitedMs = 0; isRunning(identity); waitedMs += pollMs) {
    if (waitedMs >= patienceMs) signalProcess(identity, 'SIGKILL', { group: true });
    await delay(pollMs);
  }
  return true;
}
