import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { DEFAULT_SERVER_LIMITS } from '@ogong/host/link/link-limits';
import type { CallFlood, FloodCounts } from '../../doors/flood.ts';
import type { DoorScene } from '../../doors/scene.ts';
import { measureInTurn, median, pairedRatio, type Row } from '../row.ts';

const ROUNDS = 5;
const PHASE_MS = 1_000;
const LEAST_PHASES_OF_BURST = 4;
/** Honest calls that run at once. */
const AT_ONCE = 4;
/** More honest calls than fit into a phase. */
const MOST_CALLS = 600;
const AIM = { at: 'least', value: 0.9 } as const;
const REASON = {
  why: 'a refused call still costs TLS and HTTP/2, and a closed link costs a new handshake. Answers within the limit come on top (see the time of a call without other callers)',
  next: 'a price for the first link of a caller: a puzzle before the handshake, or a deposit',
} as const;
const ATTACKER = fileURLToPath(new URL('../../doors/flood.child.ts', import.meta.url));
const DECOY = fileURLToPath(new URL('../../doors/decoy.child.ts', import.meta.url));

/** Honest throughput while a flood runs from another process, and what a refused call costs the daemon. */
export async function measureFloods(scenes: readonly DoorScene[], onProgress: (what: string) => void): Promise<Row[]> {
  const rows: Row[] = [];
  for (const scene of scenes) {
    onProgress(scene.id);
    rows.push(...(await measureFlood(scene)));
  }
  return rows;
}

async function measureFlood({ id, honest, limit, open }: DoorScene): Promise<Row[]> {
  const { prepare, call, flood, burst, close } = await open();
  const attacker = await openAttacker(id, flood);
  const callsOfPhase = Math.round((flood.perSecond * PHASE_MS) / 1000);
  const inBursts = burst + DEFAULT_SERVER_LIMITS.groupRefusalRate.burst;
  const phasesOfBurst = Math.max(LEAST_PHASES_OF_BURST, Math.ceil(inBursts / callsOfPhase));
  const sent: FloodCounts = {};
  try {
    await prepare?.(MOST_CALLS);
    await timeHonest(call);
    // The bursts are spent before anything is measured, those of refusals and handshakes too.
    for (let i = 0; i < phasesOfBurst; i++) {
      add(sent, await attacker.send('door', callsOfPhase));
      await attacker.send('decoy', callsOfPhase);
    }
    const samples = await measureInTurn(ROUNDS, {
      async quiet() {
        await prepare?.(MOST_CALLS);
        const [rate] = await Promise.all([timeHonest(call), attacker.send('decoy', callsOfPhase)]);
        return rate;
      },
      async flooded() {
        await prepare?.(MOST_CALLS);
        const [rate, counts] = await Promise.all([timeHonest(call), attacker.send('door', callsOfPhase)]);
        add(sent, counts);
        return rate;
      },
      async alone() {
        const before = process.cpuUsage();
        const counts = await attacker.send('door', callsOfPhase);
        const { user, system } = process.cpuUsage(before);
        return { ...NOTHING, costUs: (user + system) / sum(counts) };
      },
    });
    const offered = `${Math.round(flood.perSecond)} calls per second from another process; they came to ${describe(sent)}`;
    const list = (name: keyof DoorSample, which: 'flooded' | 'quiet') => samples[which].map((sample) => sample[name]);
    return [
      {
        ...{ id: `door-${id}`, unit: 'x', aim: AIM, ...REASON },
        value: pairedRatio(list('perProcessorSecond', 'flooded'), list('perProcessorSecond', 'quiet')),
        what: `${honest} per processor second, at ten times the limit of ${limit} / without`,
        note: `${AT_ONCE} at once for ${PHASE_MS} ms, ${ROUNDS} rounds; without: the flood goes to an equal server in another process; no honest call failed; ${offered}`,
      },
      {
        ...{ id: `door-${id}-time`, unit: 'x' },
        value: pairedRatio(list('perSecond', 'flooded'), list('perSecond', 'quiet')),
        what: 'the same by the clock, on cores that daemon, attacker and whatever else runs share',
      },
      {
        ...{ id: `door-${id}-cost`, unit: 'us', value: median(samples.alone.map(({ costUs }) => costUs)) },
        what: `processor time of the daemon for each call of that flood (${limit}), without other callers`,
      },
    ];
  } finally {
    attacker.close();
    await close();
  }
}

interface DoorSample {
  /** Of each call of the flood. */
  readonly costUs: number;
  readonly perSecond: number;
  /** By the processor time of this process, which holds the daemon and its honest callers. */
  readonly perProcessorSecond: number;
}

const NOTHING: DoorSample = { costUs: Number.NaN, perSecond: Number.NaN, perProcessorSecond: Number.NaN };

/** @throws where a call is refused. */
async function timeHonest(call: () => Promise<void>): Promise<DoorSample> {
  const before = process.cpuUsage();
  const startMs = performance.now();
  let done = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (performance.now() - startMs < PHASE_MS) {
        await call();
        done++;
      }
    }),
  );
  const { user, system } = process.cpuUsage(before);
  return {
    ...NOTHING,
    perSecond: (done * 1000) / (performance.now() - startMs),
    perProcessorSecond: (done * 1e6) / (user + system),
  };
}

/** @returns an attacker in a process of its own, which calls this server and the decoy, an equal one in a third process. */
async function openAttacker(scene: string, flood: CallFlood) {
  const attacker = fork(ATTACKER, { stdio: 'inherit' });
  const decoy = fork(DECOY, { stdio: 'inherit' });
  await ask<unknown>(attacker, { at: 'door', open: flood });
  await ask<unknown>(attacker, { at: 'decoy', open: await ask<CallFlood>(decoy, { scene }) });
  return {
    send: (at: 'door' | 'decoy', calls: number) => ask<FloodCounts>(attacker, { at, calls }),
    close() {
      attacker.kill();
      decoy.kill();
    },
  };
}

/** @throws where the child ends before it answers. */
async function ask<T>(child: ChildProcess, told: object): Promise<T> {
  const over = new AbortController();
  const answered = once(child, 'message', { signal: over.signal });
  const ended = once(child, 'exit', { signal: over.signal }).then(([code]) => {
    throw new Error(`a child process ended with ${code}`);
  });
  child.send(told);
  try {
    const [answer] = await Promise.race([answered, ended]);
    return answer as T;
  } finally {
    over.abort();
    await Promise.allSettled([answered, ended]);
  }
}

function add(to: FloodCounts, counts: FloodCounts): void {
  for (const [name, count] of Object.entries(counts)) to[name] = (to[name] ?? 0) + count;
}

const sum = (counts: FloodCounts): number => Object.values(counts).reduce((total, count) => total + count, 0);

const describe = (counts: FloodCounts): string =>
  Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
