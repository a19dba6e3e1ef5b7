import { create, toBinary } from '@bufbuild/protobuf';
import { type BeaconMessage, encodeBeaconMessage } from '@ogong/protocol/beacon/beacon-message';
import { BeaconEnvelopeSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { AGREEING, readBeaconMessage } from '../network/sieve.ts';
import type { Plan } from '../plan.ts';
import { listValidator, simulateValidator, type ValidatorTimes } from '../roles/validator.ts';
import { createDraws } from '../world/draws.ts';
import type { Disk, Machine } from '../world/process.ts';
import type { World } from '../world/world.ts';
import { flipBit } from './flip-bit.ts';
import { CHAIN_LIE, indexOf, MONEY_LIES, mostLiars, REFUSING_LIE, roleOf, THRESHOLD_LIES } from './lie-names.ts';
import { bendLog } from './money-lies.ts';
import { plantThresholdLie } from './threshold-lies.ts';

export interface ValidatorLies {
  /** Second machines of liars. */
  readonly twins: ReadonlySet<string>;
  /** Machines that lose their disk with their process. */
  readonly forgetful: ReadonlySet<string>;
}

/** Calls that it never makes. */
const UNASKED: Readonly<Record<string, RegExp>> = {
  'asks-nobody': /\/(Commit|Reveal|GetOpening|GetTexts|Witness|ShowRecord)$/,
};
/** Calls that it never answers. */
const UNANSWERED: Readonly<Record<string, RegExp>> = {
  'signs-nothing': /\/CosignBatch$/,
  'denies-records': /\/(PushRecord|GetIntake)$/,
  'hides-deliveries': /\/(Acknowledge|AcknowledgeAll|ListHeard)$/,
};

const GARBLED_SHARE = 0.3;
const FORGETS_EVERY_MS = 9_000;
/** A little less than a phase of a key generation. */
const EARLY_EPOCHS = 0.95 / 4;

/** Turns validators into liars. Each runs the product's own code and changes its messages or data. */
export function plantValidatorLies(
  world: World,
  plan: Plan,
  { machines, times }: { readonly machines: Map<string, Machine>; readonly times: ValidatorTimes },
): ValidatorLies {
  const twins = new Set<string>();
  const forgetful = new Set<string>();
  const draws = createDraws(plan.seed ^ 0x6c696521);
  const victims = listVictims(plan);
  for (const { machine: name, how } of plan.liars) {
    const machine = machines.get(name);
    if (machine === undefined || roleOf(name) !== 'validator') continue;
    const index = indexOf(name);
    const lie = THRESHOLD_LIES.find((one) => one === how);
    if (lie !== undefined) plantThresholdLie(world, { name, index, victims }, lie);
    // Its first turn to propose begins while a complaint counts for nothing yet.
    if (lie === 'proposes-early') machine.clock.skewMs += EARLY_EPOCHS * plan.epochMs;
    const moneyLie = MONEY_LIES.find((one) => one === how);
    if (moneyLie !== undefined) {
      bendLog(machine.disk, { account: listValidator(plan.seed, index).address, how: moneyLie, draws });
    }
    if (how === CHAIN_LIE) world.chainWeather.overtaker = listValidator(plan.seed, index).address;
    if (how === 'twin' || how === 'two-heads' || how === 'two-minds') {
      // Both machines receive every message, and each proposes its own values.
      if (how !== 'twin') world.network.shared.set(listValidator(plan.seed, index).endpoint, AGREEING);
      // A second machine with the same keys and address, and notes of its own: each caller reaches one of them.
      const twin = `${name}-twin`;
      machines.set(
        twin,
        world.addMachine({ name: twin, start: (disk: Disk) => simulateValidator(world, index, { disk, times }) }),
      );
      twins.add(twin);
      // One machine commits normally. The other receives no lock, not even of its own key, and proposes another value.
      if (how === 'two-minds') {
        hideLocks(twin);
        world.network.tampers.set(name, ({ method, bytes }) =>
          AGREEING.test(method) && readBeaconMessage(bytes)?.kind === 'proposal' ? undefined : bytes,
        );
      }
    } else if (how === 'forgets') {
      forgetful.add(name);
      forgetAgain(machine);
    } else if (how === 'hides-locks') {
      hideLocks(name);
    } else if (how === 'garbles' || how === 'withholds' || how === 'favours') {
      world.network.tampers.set(name, ({ method, bytes }) => {
        if (!AGREEING.test(method)) return bytes;
        if (how === 'withholds') return undefined;
        // Each message reaches only some validators, so that they know different things.
        if (how === 'favours') return draws.next('favours') < 0.5 ? bytes : undefined;
        if (draws.next('garbles') >= GARBLED_SHARE || bytes.length === 0) return bytes;
        return flipBit(bytes, draws);
      });
    }
    const [unasked, unanswered] = [UNASKED[how], UNANSWERED[how]];
    if (unasked) world.network.tampers.set(name, ({ method, bytes }) => (unasked.test(method) ? undefined : bytes));
    if (how === REFUSING_LIE) world.network.hears.set(name, ({ method }) => !method.endsWith('/Admit'));
    if (unanswered) {
      world.network.answers.set(name, ({ method, bytes }) => (unanswered.test(method) ? undefined : bytes));
    }
  }
  return { twins, forgetful };

  function hideLocks(name: string): void {
    world.network.ears.set(name, ({ method, bytes }) => (AGREEING.test(method) ? withoutLock(bytes) : bytes));
  }

  /** Restarts a machine without its notes again and again, so that it contradicts its earlier messages. */
  function forgetAgain(machine: Machine): void {
    world.time.plan(FORGETS_EVERY_MS * (0.5 + draws.next('forgets')), () => {
      if (world.time.nowMs() > plan.faultyMs) return;
      machine.crash();
      machine.disk.wipe();
      machine.boot();
      forgetAgain(machine);
    });
  }
}

/** Lists honest validators in the last committee places. With silent liars, agreement works without them, but signing does not. */
function listVictims({ seed, validators, liars }: Plan): ReadonlySet<string> {
  const all = Array.from({ length: validators }, (_, index) => ({ index, ...listValidator(seed, index) }));
  const honest = all.filter(({ index }) => liars.every(({ machine }) => machine !== `validator-${index}`));
  const last = honest.sort((a, b) => Buffer.compare(b.address, a.address)).slice(0, mostLiars('validator', validators));
  return new Set(last.map(({ endpoint }) => endpoint));
}

/**
 * Removes the lock from a contribution. A proposer that gathers contributions without locks may propose any value. The liar itself
 * never receives a prepared value, because it would be locked then.
 */
function withoutLock(bytes: Uint8Array): Uint8Array {
  const message = readBeaconMessage(bytes);
  if (message?.kind === 'prepared') return wrap({ kind: 'certificate-request', epoch: message.epoch });
  if (message?.kind !== 'contribution' || message.lock === undefined) return bytes;
  return wrap({ ...message, lock: undefined });
}

const wrap = (message: BeaconMessage): Uint8Array =>
  toBinary(BeaconEnvelopeSchema, create(BeaconEnvelopeSchema, { message: encodeBeaconMessage(message) }));
