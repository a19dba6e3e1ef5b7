import type { Engine } from '@ogong/engine/open-engine';
import { scheduleFaults } from './faults.ts';
import { type LongestWait, type TimedEpochs, watchBeacon } from './invariants/beacon.ts';
import { boundWaits } from './invariants/epoch-waits.ts';
import { type HubWatch, watchHub } from './invariants/hub.ts';
import { watchMoney } from './invariants/money.ts';
import { watchNewcomers } from './invariants/newcomers.ts';
import { listPictures, watchPrivacy } from './invariants/privacy.ts';
import { watchQueues } from './invariants/queues.ts';
import { watchService } from './invariants/service.ts';
import { watchStanding } from './invariants/standing.ts';
import { createCohortVerifier, createLeaderAttack, openCohortPart } from './lies/cohort-lies.ts';
import { STRANDING_LIES } from './lies/lie-names.ts';
import { plantLies } from './lies/plant-lies.ts';
import {
  createPictureSeller,
  createPictureVerifier,
  createProviderAttack,
  createVerifierEngine,
  type SharedNotes,
} from './lies/server-lies.ts';
import { mayStand, type Plan } from './plan.ts';
import { scheduleRequests } from './requests.ts';
import {
  createEngine,
  originOf,
  prepareLedger,
  simulateGateway,
  simulateProvider,
  simulateRouter,
  simulateVerifier,
} from './roles/serving.ts';
import { listMember, registerKeys, simulateValidator, validatorName } from './roles/validator.ts';
import type { Disk, Machine } from './world/process.ts';
import { START_MS } from './world/virtual-time.ts';
import { createSimulatedWorld, type Violation, type World } from './world/world.ts';

export interface PlayOptions {
  readonly onLine?: ((line: string) => void) | undefined;
  /** Virtual times at which what was used so far is noted. */
  readonly marksMs?: readonly number[];
}

/** Resources that a run has used up to a moment. */
export interface UsedByThen {
  readonly atMs: number;
  readonly cpuMs: number;
  readonly methods: Readonly<Record<string, { readonly calls: number; readonly bytes: number }>>;
}

/** Result of a run. */
export interface RunOutcome {
  readonly plan: Plan;
  readonly violations: readonly Violation[];
  /** Hash of all events in order. The same plan gives the same hash. */
  readonly hash: string;
  /** The last lines of the trace. */
  readonly tail: readonly string[];
  readonly steps: number;
  readonly virtualMs: number;
  readonly epochs: number;
  /** The longest wait of an honest validator for an epoch after the faults, by kind, and the limit for it. */
  readonly waits: Readonly<Record<string, LongestWait>>;
  /** Eras of the threshold beacon's key: completed deals of shares. */
  readonly eras: number;
  /** Of requests to gateways. */
  readonly answers: { readonly ok: number; readonly failed: number };
  /** Replies in batches that the chain took. */
  readonly settled: number;
  /** Replies of cohorts among them. */
  readonly shared: number;
  /** Settled replies of another model, by their verdict at honest validators. */
  readonly forged: Readonly<Record<string, number>>;
  readonly verdicts: Readonly<Record<string, number>>;
  /** Rejected replies at honest validators, and ejected providers, by the lie of the named provider. */
  readonly rejected: Readonly<Record<string, number>>;
  readonly ejected: Readonly<Record<string, number>>;
  /** Pictures with a private part that machines of a role received, by role. */
  readonly received?: Readonly<Record<string, number>>;
  /** Downloads and paid epochs of pins, if the plan has them. */
  readonly hub?: HubWatch['counts'];
  /** From admission to settlement, median; 0 where nothing was settled. */
  readonly settleMs: number;
  readonly settleP95Ms: number;
  readonly calls: number;
  readonly bytes: number;
  readonly cpuMs: number;
  readonly marks: readonly UsedByThen[];
  /** The most timers and answers to come of a process, and open calls of all. */
  readonly peaks: World['peaks'];
}

/** Settings for held earnings: periods of a minute. A key without a bond serves one reply at a time, up to the fake engine's context. */
const HOLDING = { period: 60, entrance: 1_100_000n, growth: 2_000_000 };

/** Plays a plan. The process is its own: timers and chance of the whole process are the run's meanwhile. */
export async function runPlan(plan: Plan, { onLine, marksMs = [] }: PlayOptions = {}): Promise<RunOutcome> {
  const cpu = process.cpuUsage();
  const beaconPeriodS = plan.isThreshold ? plan.epochMs / 1_000 : undefined;
  const { alpha, timedRate, canaryRate } = plan;
  const alphaPpm = alpha === undefined ? undefined : Math.round(1_000_000 * alpha);
  const holding = { ...HOLDING, ...(plan.entranceAtomic !== undefined && { entrance: BigInt(plan.entranceAtomic) }) };
  const world = createSimulatedWorld({
    seed: plan.seed,
    onLine,
    beaconPeriodS,
    alphaPpm,
    timedRate,
    canaryRate,
    ...(plan.newcomers && { holding }),
  });
  try {
    const machines = new Map<string, Machine>();
    const times = {
      ...{ epochMs: plan.epochMs, settleMs: 5_000, auditWindowMs: 20_000, graceMs: 20_000, alpha },
      shops: canaryRate === undefined ? [] : listShops(plan),
    };
    world.ledger.register(Array.from({ length: plan.validators }, (_, i) => listMember(plan, i)));
    for (let index = 0; index < plan.validators; index++) {
      const name = validatorName(index);
      const start: Parameters<World['addMachine']>[0]['start'] = (disk) =>
        simulateValidator(world, index, { disk, times });
      machines.set(name, world.addMachine({ name, start }));
    }
    for (let index = 0; index < plan.validators; index++) await registerKeys(world, index);
    addServers(world, plan, machines);
    const honesty = plantLies(world, plan, { machines, times });
    scheduleFaults(world, plan, { machines, forgetful: honesty.forgetful });
    const honest = [...machines.values()].filter(({ name }) => name.startsWith('validator') && honesty.isHonest(name));
    const beacon = watchBeacon(world, honest, {
      ...{ epochMs: plan.epochMs, waits: boundWaits(plan), timed: timeEpochs(plan) },
    });
    const service = watchService(world, plan, honesty);
    const gateways = [...machines.values()].filter(({ name }) => name.startsWith('gateway') && honesty.isHonest(name));
    const isCalm = plan.faults.length === 0;
    const money = watchMoney(world, honest, {
      honesty,
      answered: service.answered,
      isCalm,
      hasWitnesses: plan.validators > 1,
      mayStrand: plan.liars.some(({ how }) => STRANDING_LIES.has(how)),
      gateways,
      all: [...machines.values()].filter(({ name }) => name.startsWith('validator')),
      epochMs: plan.epochMs,
      healMs: plan.healMs,
    });
    const standing = watchStanding(world, plan, { honest, honesty });
    const queues = watchQueues(world, machines, honesty);
    const newcomers = watchNewcomers(world, honest, holding.entrance);
    const isVerifierHonest = plan.liars.every(({ machine }) => !machine.startsWith('verifier'));
    const privacy =
      plan.sellsPictures &&
      watchPrivacy(world, {
        ...{ isHonest: honesty.isHonest, isCalm: isCalm && isVerifierHonest },
        listReplies: () => listPictures(world, machines),
      });
    const hub = plan.hasHub && watchHub(world);
    scheduleRequests(world, plan, { machines, service });
    const check = (): void => {
      beacon.check();
      money.check();
    };
    const marks: UsedByThen[] = [];
    const noteUsed = (): void => void marks.push(readUsed(world, cpu));
    for (const atMs of marksMs) world.time.plan(atMs, noteUsed);
    for (const machine of machines.values()) machine.boot();
    await world.runUntil(plan.faultyMs, check);
    beacon.noteHealed();
    await world.runUntil(plan.faultyMs + plan.healMs, check);
    // Replies wait for epochs.
    const stoodMs = mayStand(plan) ? beacon.stoodMs() : 0;
    if (stoodMs > 0) await world.runUntil(plan.faultyMs + plan.healMs + stoodMs, check);
    if (world.violations.length === 0) {
      beacon.finish(await world.ledger.reads.beaconKeys());
      money.finish();
      service.finish();
      standing.finish();
      queues.finish();
      if (plan.newcomers !== undefined) newcomers.finish();
      if (privacy) privacy.finish();
    }
    const eras = await countEras(world);
    if (plan.isThreshold && eras === 0)
      world.violate('a-key-is-made', 'no key of the threshold beacon is on the chain');
    const counts = [...world.network.counts.values()];
    noteUsed();
    return {
      plan,
      violations: world.violations,
      hash: world.trace.hash(),
      tail: world.trace.tail(),
      steps: world.time.steps(),
      virtualMs: world.time.nowMs(),
      epochs: beacon.certified(),
      waits: beacon.waits,
      eras,
      answers: service.answers,
      settled: money.settled(),
      shared: money.shared(),
      forged: { ...money.forged },
      verdicts: Object.fromEntries(money.verdicts),
      rejected: { ...money.rejected },
      ejected: money.ejected(),
      ...(privacy && { received: privacy.received }),
      ...(hub && { hub: hub.counts }),
      settleMs: quantileOf(money.waits, 0.5),
      settleP95Ms: quantileOf(money.waits, 0.95),
      calls: counts.reduce((sum, one) => sum + one.calls, 0),
      bytes: counts.reduce((sum, one) => sum + one.bytes, 0),
      cpuMs: readUsed(world, cpu).cpuMs,
      marks,
      peaks: { ...world.peaks },
    };
  } finally {
    world.close();
  }
}

/** Lists honest gateways with an honest router. Validators buy their tests at gateways that they trust. */
function listShops({ gateways, routers, liars }: Plan): string[] {
  const isHonest = (name: string): boolean => liars.every(({ machine }) => machine !== name);
  return Array.from({ length: gateways }, (_, i) => i)
    .filter((i) => isHonest(`gateway-${i}`) && isHonest(`router-${i % routers}`))
    .map(originOf);
}

/** Of a network with a threshold beacon: before it has a key, its epochs are timed by the chain, too. */
function timeEpochs({ isThreshold, epochMs, faults, healMs, faultyMs }: Plan): TimedEpochs | undefined {
  if (!isThreshold) return undefined;
  const ahead = faults.map((fault) => (fault.kind === 'ahead' ? fault.byMs : 0)).reduce((sum, ms) => sum + ms, 0);
  const skews = faults.map((fault) => (fault.kind === 'skew' ? fault.skewMs + fault.drift * (faultyMs + healMs) : 0));
  return { originMs: START_MS, periodMs: epochMs, aheadMs: ahead + Math.max(0, ...skews) };
}

const countEras = async ({ ledger }: World): Promise<number> => (await ledger.reads.beaconKeys())?.eras.length ?? 0;

const quantileOf = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length * share)] ?? 0;

function readUsed(world: World, since: NodeJS.CpuUsage): UsedByThen {
  const { user, system } = process.cpuUsage(since);
  const methods = [...world.network.counts].map(([name, one]) => [name, { ...one }] as const);
  return {
    ...{ atMs: world.time.nowMs(), cpuMs: Math.round((user + system) / 1_000) },
    methods: Object.fromEntries(methods),
  };
}

function addServers(world: World, plan: Plan, machines: Map<string, Machine>): void {
  const { providers, gateways, routers } = plan;
  if (gateways === 0) return;
  prepareLedger(world, plan);
  const notes: SharedNotes = new Set();
  const howOf = (name: string): string | undefined => plan.liars.find(({ machine }) => machine === name)?.how;
  const add = <R>(name: string, start: (disk: Disk) => Promise<R>): void => {
    machines.set(name, world.addMachine({ name, start }));
  };
  // An engine ends with its process: a call that a crash leaves in its queue is never answered.
  const openVerifierEngine = (how: string | undefined): Engine => {
    if (plan.hasCohorts) return createCohortVerifier(how);
    return plan.sellsPictures ? createPictureVerifier(how) : createVerifierEngine(how, notes);
  };
  for (let i = 0; i < routers; i++) add(`router-${i}`, (disk) => simulateRouter(world, i, disk));
  for (let i = 0; i < providers; i++) {
    const [verifierLie, providerLie] = [howOf(`verifier-${i}`), howOf(`provider-${i}`)];
    add(`verifier-${i}`, (disk) => simulateVerifier(world, i, disk, openVerifierEngine(verifierLie)));
    if (plan.hasCohorts) {
      add(`provider-${i}`, (disk) =>
        simulateProvider(world, i, {
          ...{ disk, routers, sold: openCohortPart(world, { index: i, providers }, providerLie) },
          attack: createLeaderAttack(providerLie),
        }),
      );
      continue;
    }
    const attack = createProviderAttack(providerLie, plan.seed, notes);
    add(`provider-${i}`, (disk) => {
      const engine = plan.sellsPictures ? createPictureSeller(providerLie) : (attack?.engine ?? createEngine(1));
      return simulateProvider(world, i, { disk, routers, sold: { engine }, attack });
    });
  }
  for (let i = 0; i < gateways; i++) {
    add(`gateway-${i}`, (disk) => simulateGateway(world, i, { disk, router: i % routers }));
  }
}
