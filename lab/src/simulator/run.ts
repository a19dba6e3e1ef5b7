import { scheduleFaults } from './faults.ts';
import { watchBeacon } from './invariants/beacon.ts';
import { plantLies } from './lies.ts';
import type { Plan } from './plan.ts';
import { listValidator, startValidator, validatorName } from './roles/validator.ts';
import type { Machine } from './world/process.ts';
import { createWorld, type Violation, type World } from './world/world.ts';

export interface PlayOptions {
  readonly onLine?: ((line: string) => void) | undefined;
}

/** What came of a run. */
export interface RunOutcome {
  readonly plan: Plan;
  readonly violations: readonly Violation[];
  /** Of everything that happened, in its order: the same plan has the same. */
  readonly hash: string;
  /** The last lines of what happened. */
  readonly tail: readonly string[];
  readonly steps: number;
  readonly virtualMs: number;
  readonly epochs: number;
  readonly calls: number;
  readonly bytes: number;
  readonly cpuMs: number;
}

/** Plays a plan. The process is its own: timers and chance of the whole process are the run's meanwhile. */
export async function runPlan(plan: Plan, { onLine }: PlayOptions = {}): Promise<RunOutcome> {
  const cpu = process.cpuUsage();
  const world = createWorld({ seed: plan.seed, onLine });
  try {
    const machines = new Map<string, Machine>();
    const times = { epochMs: plan.epochMs, settleMs: 5_000, auditWindowMs: 20_000, graceMs: 20_000 };
    world.ledger.register(Array.from({ length: plan.validators }, (_, i) => listValidator(plan.seed, i)));
    for (let index = 0; index < plan.validators; index++) {
      const name = validatorName(index);
      const start: Parameters<World['addMachine']>[0]['start'] = (disk) =>
        startValidator(world, index, { disk, times });
      machines.set(name, world.addMachine({ name, start }));
    }
    const { liars, forgetful } = plantLies(world, plan, { machines, times });
    scheduleFaults(world, plan, { machines, forgetful });
    const honest = [...machines.values()].filter(({ name }) => name.startsWith('validator') && !liars.has(name));
    const beacon = watchBeacon(world, honest);
    const check = (): void => beacon.check();
    for (const machine of machines.values()) machine.boot();
    await world.runUntil(plan.faultyMs, check);
    beacon.noteHealed();
    await world.runUntil(plan.faultyMs + plan.healMs, check);
    if (world.violations.length === 0) beacon.finish(plan.healMs, plan.epochMs);
    const counts = [...world.network.counts.values()];
    const { user, system } = process.cpuUsage(cpu);
    return {
      plan,
      violations: world.violations,
      hash: world.trace.hash(),
      tail: world.trace.tail(),
      steps: world.time.steps(),
      virtualMs: world.time.nowMs(),
      epochs: beacon.certified(),
      calls: counts.reduce((sum, one) => sum + one.calls, 0),
      bytes: counts.reduce((sum, one) => sum + one.bytes, 0),
      cpuMs: Math.round((user + system) / 1_000),
    };
  } finally {
    world.close();
  }
}
