import { scheduleFaults } from './faults.ts';
import { watchBeacon } from './invariants/beacon.ts';
import { watchMoney } from './invariants/money.ts';
import { plantLies } from './lies.ts';
import type { Plan } from './plan.ts';
import {
  MODEL_ID,
  prepareLedger,
  type SimulatedGateway,
  startGateway,
  startProvider,
  startRouter,
  startVerifier,
} from './roles/serving.ts';
import { listValidator, startValidator, validatorName } from './roles/validator.ts';
import type { Disk, Machine } from './world/process.ts';
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
  /** Of requests to gateways. */
  readonly answers: { readonly ok: number; readonly failed: number };
  /** Replies in batches that the chain took. */
  readonly settled: number;
  readonly verdicts: Readonly<Record<string, number>>;
  /** From admission to settlement, median; 0 where nothing was settled. */
  readonly settleMs: number;
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
    addServers(world, plan, machines);
    const { liars, forgetful } = plantLies(world, plan, { machines, times });
    scheduleFaults(world, plan, { machines, forgetful });
    const honest = [...machines.values()].filter(({ name }) => name.startsWith('validator') && !liars.has(name));
    const beacon = watchBeacon(world, honest);
    const answered = new Set<string>();
    const answers = { ok: 0, failed: 0 };
    const money = watchMoney(world, honest, answered);
    scheduleRequests(world, plan, { machines, answers, answered });
    const check = (): void => {
      beacon.check();
      money.check();
    };
    for (const machine of machines.values()) machine.boot();
    await world.runUntil(plan.faultyMs, check);
    beacon.noteHealed();
    await world.runUntil(plan.faultyMs + plan.healMs, check);
    if (world.violations.length === 0) {
      beacon.finish(plan.healMs, plan.epochMs);
      money.finish();
    }
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
      answers,
      settled: money.settled(),
      verdicts: Object.fromEntries(money.verdicts),
      settleMs: medianOf(money.waits),
      calls: counts.reduce((sum, one) => sum + one.calls, 0),
      bytes: counts.reduce((sum, one) => sum + one.bytes, 0),
      cpuMs: Math.round((user + system) / 1_000),
    };
  } finally {
    world.close();
  }
}

const medianOf = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

function addServers(world: World, plan: Plan, machines: Map<string, Machine>): void {
  const { providers, gateways } = plan;
  if (gateways === 0) return;
  prepareLedger(world, { providers, gateways });
  const add = <R>(name: string, start: (disk: Disk) => Promise<R>): void => {
    machines.set(name, world.addMachine({ name, start }));
  };
  add('router-0', (disk) => startRouter(world, 0, disk));
  for (let i = 0; i < providers; i++) {
    add(`verifier-${i}`, (disk) => startVerifier(world, i, disk));
    add(`provider-${i}`, (disk) => startProvider(world, i, disk));
  }
  for (let i = 0; i < gateways; i++) add(`gateway-${i}`, (disk) => startGateway(world, i, disk));
}

/** Clients ask at the plan's times; whoever finds its gateway down has no answer. */
function scheduleRequests(
  world: World,
  plan: Plan,
  {
    machines,
    answers,
    answered,
  }: {
    readonly machines: ReadonlyMap<string, Machine>;
    readonly answers: { ok: number; failed: number };
    readonly answered: Set<string>;
  },
): void {
  for (const [index, { atMs, gateway }] of plan.requests.entries()) {
    world.time.plan(atMs, () => {
      const machine = machines.get(`gateway-${gateway}`);
      const running = machine?.running as SimulatedGateway | undefined;
      if (machine?.owner === undefined || running === undefined) return void answers.failed++;
      world.time.runAs(machine.owner, () => void ask(running, index));
    });
  }

  async function ask(gateway: SimulatedGateway, index: number): Promise<void> {
    const messages = [{ role: 'user', content: `Tell me story ${index}.` }];
    const response = await gateway.ask({ model: MODEL_ID, messages, max_tokens: 20 + (index % 40) });
    const text = await response.text();
    answers[response.status === 200 ? 'ok' : 'failed']++;
    const { ogong } = JSON.parse(text) as { ogong?: { receipts: readonly { reply_id: string }[] } };
    for (const { reply_id: id } of ogong?.receipts ?? []) answered.add(id);
    world.trace.note(
      'client',
      `request ${index}: ${response.status}${response.status === 200 ? '' : ` ${text.slice(0, 160)}`}`,
    );
  }
}
