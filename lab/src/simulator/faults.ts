import { MINERS } from './chain/simulated-chain.ts';
import { createSieve } from './network/sieve.ts';
import { describeFault, mostAway, type Plan, type PlannedFault } from './plan.ts';
import { listMember, validatorName } from './roles/validator.ts';
import type { Machine } from './world/process.ts';
import type { World } from './world/world.ts';

export interface FaultTargets {
  readonly machines: ReadonlyMap<string, Machine>;
  /** Machines that lose their disk when their process ends. */
  readonly forgetful: ReadonlySet<string>;
}

/** Faults after which a machine's process is to run. */
const ENDS_DOWN: ReadonlySet<string> = new Set(['crash', 'torn', 'pressure']);
/** Until a transaction of a block that is gone stands in another. */
const AGAIN_MS = 3_000;

const CALM = { loss: 0, duplication: 0, mostDelayMs: 40 };

/** Puts a plan's faults into the world's timetable. Each ends by itself, and none outlives the faulty time of the plan. */
export function scheduleFaults(world: World, plan: Plan, targets: FaultTargets): void {
  const active = new Set<PlannedFault>();
  for (const fault of plan.faults) {
    if (fault.kind === 'skew') {
      const clock = targets.machines.get(fault.machine)?.clock;
      if (clock) Object.assign(clock, { skewMs: fault.skewMs, drift: fault.drift });
      continue;
    }
    world.time.plan(fault.atMs, () => {
      active.add(fault);
      begin(fault);
    });
    world.time.plan(Math.min(fault.atMs + fault.forMs, plan.faultyMs), () => {
      active.delete(fault);
      end(fault);
    });
  }

  function begin(fault: PlannedFault): void {
    world.trace.note('FAULT', describeFault(fault));
    if (fault.kind === 'crash' || fault.kind === 'torn') {
      const machine = targets.machines.get(fault.machine);
      machine?.crash();
      if (machine && fault.kind === 'torn') tear(machine, fault.share);
      if (machine && targets.forgetful.has(fault.machine)) machine.disk.wipe();
    } else if (fault.kind === 'reorg') reorganise(fault);
    else if (fault.kind === 'ahead') putAhead(fault.byMs);
    else if (fault.kind === 'pressure') {
      const owner = targets.machines.get(fault.machine)?.owner;
      if (owner) owner.standsUntilMs = world.time.nowMs() + fault.forMs;
    }
    apply();
  }

  function end(fault: PlannedFault): void {
    world.trace.note('FAULT', `over: ${describeFault(fault)}`);
    if (fault.kind === 'pressure' && fault.isKilled) targets.machines.get(fault.machine)?.crash();
    const isEnd = ENDS_DOWN.has(fault.kind) && 'machine' in fault;
    const isDown = [...active].some(
      (one) => (one.kind === 'crash' || one.kind === 'torn') && isEnd && one.machine === fault.machine,
    );
    if (isEnd && !isDown) targets.machines.get(fault.machine)?.boot();
    apply();
  }

  function putAhead(byMs: number): void {
    for (const { clock, owner } of targets.machines.values()) {
      clock.skewMs += byMs;
      if (owner) owner.skewMs += byMs;
    }
  }

  function tear(machine: Machine, share: number): void {
    const torn = machine.disk.tear(share);
    if (torn !== undefined) world.violate('a-torn-write-leaves-nothing', `${machine.name}: ${torn}`);
  }

  function reorganise({ depth, isLost = false }: { readonly depth: number; readonly isLost?: boolean }): void {
    for (const mine of world.ledger.reorganise(depth)) {
      if (isLost) world.trace.note('chain', 'a transaction is lost for good');
      else world.time.plan(AGAIN_MS, () => void mine(), MINERS);
    }
  }

  /** The weather that all active faults make together. */
  function apply(): void {
    const of = <K extends PlannedFault['kind']>(kind: K): Extract<PlannedFault, { kind: K }>[] =>
      [...active].filter((fault): fault is Extract<PlannedFault, { kind: K }> => fault.kind === kind);
    const { weather } = world.network;
    weather.loss = Math.max(CALM.loss, ...of('loss').map(({ share }) => share));
    weather.duplication = Math.max(CALM.duplication, ...of('duplication').map(({ share }) => share));
    weather.mostDelayMs = Math.max(CALM.mostDelayMs, ...of('delay').map(({ mostMs }) => mostMs));
    const [sieve] = of('sieve');
    world.network.loses = sieve && createSieve(plan.seed, sieve.share);
    weather.groups.clear();
    of('partition').forEach(({ machines }, index) => {
      for (const name of machines) weather.groups.set(name, (weather.groups.get(name) ?? 0) + 2 ** index);
    });
    world.chainWeather.isStalled = of('stall').length > 0;
    world.chainWeather.isMute = of('mute').length > 0;
    for (const machine of targets.machines.values()) {
      const slowMs = Math.max(0, ...of('slow').map((one) => (one.machine === machine.name ? one.mostMs : 0)));
      machine.disk.setFull(of('full').some((one) => one.machine === machine.name));
      machine.clock.slowMs = slowMs;
      if (machine.owner) machine.owner.slowMs = slowMs;
    }
    register(of('leave').map(({ machine }) => machine));
  }

  let listed = '';
  function register(gone: readonly string[]): void {
    const names = Array.from({ length: plan.validators }, (_, i) => validatorName(i));
    // The contract keeps the last one, and a network of a third of its stake is no network.
    const away = new Set(gone.slice(0, mostAway(plan.validators)));
    const staying = names.filter((name) => !away.has(name));
    if (staying.join() === (listed || names.join())) return;
    listed = staying.join();
    world.ledger.register(staying.map((name) => listMember(plan, names.indexOf(name))));
  }
}
