import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createChainClient } from '@ogong/chain/client';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { startMesh } from '@ogong/devnet/mesh/mesh';
import { assignPorts, CALM_TIMINGS, countPorts } from '@ogong/devnet/mesh/mesh-plan';
import { readMeshState } from '@ogong/devnet/mesh/mesh-state';
import type { ResolvedModel } from '@ogong/models/resolve';
import { isKeyInForce, waitUntil } from '../../demo/polling.ts';
import type { Row } from '../row.ts';

const MODEL_ID = 'ogong/verified/bench/stories15m';
/** The bootstrap beacon runs until the validators have made a key, and costs more than what follows. */
const KEY_PATIENCE_MS = 180_000;
/** Pause after that, in which the garbage of the start is collected. */
const SETTLE_MS = 20_000;
const IDLE_MS = 30_000;
/** Linux counts processor time in hundredths of a second. */
const TICK_MS = 10;

/** Measures the network that `ogong mesh up` starts on one machine while it is idle. */
export async function measureMesh(model: ResolvedModel): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-bench-mesh-'));
  const plan = {
    ...{ directory, model: { ...model, id: MODEL_ID, root: model.modelRoot } },
    ...{ validators: 4, providers: 3, timings: CALM_TIMINGS },
  };
  const ports = assignPorts(await findFreePorts(countPorts(plan)), plan);
  const startMs = performance.now();
  const ownBefore = process.cpuUsage();
  const mesh = await startMesh({ ...plan, ports, isLasting: true });
  const elapsedMs = performance.now() - startMs;
  const own = process.cpuUsage(ownBefore);
  try {
    const roots = (readMeshState(directory)?.processes ?? []).flatMap(({ identity }) => identity?.pid ?? []);
    const pids = process.platform === 'linux' ? listTrees(roots) : [];
    const isKnown = pids.length > 0;
    const startedMs = pids.map(readProcessorMs).reduce((sum, ms) => sum + ms, (own.user + own.system) / 1000);
    const chain = await createChainClient({ rpcUrl: mesh.plan.rpcUrl, deployment: mesh.deployment });
    if (!(await waitUntil(async () => isKeyInForce(await chain.beaconKeys()), KEY_PATIENCE_MS))) {
      throw new Error(`the validators of the mesh made no key within ${KEY_PATIENCE_MS / 1_000} s`);
    }
    await delay(SETTLE_MS);
    const memory = pids.map(readMemoryMib);
    const before = pids.map(readProcessorMs);
    await delay(IDLE_MS);
    const after = pids.map(readProcessorMs);
    const busyMs = after.reduce((sum, ms, i) => sum + ms - (before[i] as number), 0);
    const note = `${roots.length} daemons and their engines, ${pids.length} processes`;
    return [
      {
        ...{ id: 'mesh-start', what: 'time until all daemons of a mesh of 4 validators and 3 providers serve' },
        ...{ value: elapsedMs / 1000, unit: 's', aim: { at: 'most', value: 12 } },
        why: 'two cores start twelve daemons and six engines. Each compiles and runs its code for the first time, such as curves and schemas. A start takes 20 to 27 s of processor time, the more the busier the machine is. Before 2026-11-25 it took 62 to 67 s. Loading its modules takes each daemon 0.3 s',
        next: 'a quiet run; readers of evidence only on networks that have machines; engines that open a model once for provider and verifier',
      },
      {
        ...{
          id: 'mesh-start-work',
          what: 'processor time until all daemons of that mesh serve, of daemons, engines, chain and launcher',
        },
        ...{ value: isKnown ? startedMs / 1000 : undefined, unit: 's' },
      },
      {
        ...{ id: 'mesh-memory', what: 'memory of an idle mesh', unit: 'MiB', aim: { at: 'most', value: 1200 } },
        note: `${note}; pages that processes share count once`,
        value: isKnown ? memory.reduce((sum, mib) => sum + mib, 0) : undefined,
        why: 'four validators take 85 to 125 MiB each, half of it JavaScript. On one loaded machine a mesh takes 1,200 MiB. It took 1,580 MiB before daemons returned freed memory to the kernel',
        next: 'fewer modules in each daemon; engines that share one process on a machine',
      },
      {
        ...{ id: 'mesh-idle', what: 'processor time of an idle mesh, as part of one core', unit: '%' },
        ...{
          value: isKnown ? (100 * busyMs) / IDLE_MS : undefined,
          aim: { at: 'most', value: 8 },
          note: `${note}; after the validators have made the key of the beacon`,
        },
        why: 'each validator takes 1.2 % of a core for parts of the beacon, readings of the chain, work in its store, and answers. Epochs last 5 s. A request to the chain costs 2 ms. An idle mesh took 10 % before the reads of one turn shared a request. It took 13 % before validators looked for a new key more rarely, and 24 % with the bootstrap beacon',
        next: 'a router that reads events of several blocks in one request; a store that is cleared only after a deletion',
      },
    ];
  } finally {
    await mesh.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** These processes and all that they have started. */
function listTrees(roots: readonly number[]): number[] {
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
  const parents = new Map(rows.map((row) => row.trim().split(/\s+/).map(Number) as [number, number]));
  const isOf = (pid: number | undefined): boolean =>
    pid !== undefined && (roots.includes(pid) || (pid > 1 && isOf(parents.get(pid))));
  return [...parents.keys()].filter(isOf);
}

/** MiB; a page that several processes share counts in parts. */
function readMemoryMib(pid: number): number {
  const [, kib] = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}

function readProcessorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return TICK_MS * (Number(fields[11]) + Number(fields[12]));
}
