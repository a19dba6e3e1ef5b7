import { createLinkPool } from '@ogong/host/link/link-pool';
import { toHex } from '@ogong/protocol/base/bytes';
import { type ListedOffer, RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { SILENT_LIE } from '../lies/lie-names.ts';
import type { Honesty } from '../lies/plant-lies.ts';
import { createSimulatedIdentity } from '../network/simulated-wire.ts';
import { type Plan, stakeOf } from '../plan.ts';
import { MODEL_ID, payeeOf, placeOf, providerIdOf } from '../roles/serving.ts';
import { validatorName } from '../roles/validator.ts';
import { drawBytes } from '../world/draws.ts';
import type { Machine } from '../world/process.ts';
import type { World } from '../world/world.ts';

export interface StandingWatch {
  /** At the end of the run. */
  finish(): void;
}

interface Tested {
  readonly epoch: number;
  readonly isMissed: boolean;
}

const PPM = 1_000_000;
/** From the end of the faults until a provider that was down has announced itself again everywhere. */
const BACK_MS = 30_000;
/** Before the end of the run. */
const LOOK_MS = 3_000;
/** A test is published two epochs after its own, and read within ten seconds. */
const TOLD_EPOCHS = 5;
/** As routers count them. */
const LEAST_TESTS = 3;
const TOLD_FOR_EPOCHS = 60;
const TESTS = "SELECT epoch, missed FROM provider_tests WHERE kind = 'canary' AND provider_id = ?";
/** Of a key that holds nothing, at most. */
const NEW_PPM = 500_000;

/**
 * Checks test results and the standing that follows from them. After the faults an honest provider misses no test, and a deaf one
 * answers none. Every honest router knows their standing. A key without a bond stands no better than a new key.
 */
export function watchStanding(
  world: World,
  plan: Plan,
  { honest, honesty }: { readonly honest: readonly Machine[]; readonly honesty: Honesty },
): StandingWatch {
  const routers = Array.from({ length: plan.gateways > 0 ? plan.routers : 0 }, (_, i) => i).filter((i) =>
    honesty.isHonest(`router-${i}`),
  );
  const seen = new Map<string, readonly ListedOffer[]>();
  const newestOf = ({ disk }: Machine): number =>
    Number(disk.find('validator')?.prepare('SELECT max(epoch) AS epoch FROM beacon_values').get()?.epoch ?? 0);
  const readNewest = (): number => Math.max(0, ...honest.map(newestOf));
  let healedEpoch = Number.POSITIVE_INFINITY;
  let lookedEpoch = 0;
  const isTested = plan.canaryRate !== undefined;
  if (isTested || plan.newcomers !== undefined) {
    const owner = { name: 'observer', isDead: false, skewMs: 0, drift: 0, slowMs: 0 };
    const identity = createSimulatedIdentity(world.wire, drawBytes(world.seed, 'observer link', 32));
    const links = createLinkPool({ identity, dialPolicy: 'any' });
    world.time.plan(plan.faultyMs + BACK_MS, () => {
      healedEpoch = readNewest();
    });
    const look = (): void => {
      lookedEpoch = readNewest();
      for (const i of routers) {
        const { name, peer } = placeOf(world, 'router', i);
        const asked = links.to(RouterService, peer).listOffers({ model: MODEL_ID });
        asked.then(
          ({ offers }) => seen.set(name, offers),
          () => undefined,
        );
      }
    };
    world.time.plan(plan.faultyMs + plan.healMs - LOOK_MS, look, owner);
  }

  function readTests({ disk }: Machine, providerId: Uint8Array): Tested[] {
    const rows = disk.find('validator')?.prepare(TESTS).all(providerId) ?? [];
    return rows.map(({ epoch, missed }) => ({ epoch: Number(epoch), isMissed: missed === 1 }));
  }

  function checkTests(name: string, tests: readonly { readonly machine: Machine; readonly all: readonly Tested[] }[]) {
    for (const { machine, all } of tests) {
      if (honesty.howOf(name) === SILENT_LIE && all.some(({ isMissed }) => !isMissed)) {
        world.violate('tests-say-what-was', `${machine.name} says that ${name} answered`);
      }
      const wrong = all.find(({ epoch, isMissed }) => isMissed && epoch > healedEpoch);
      if (honesty.isHonest(name) && wrong) {
        world.violate('tests-say-what-was', `${machine.name} says that ${name} missed a test in epoch ${wrong.epoch}`);
      }
    }
  }

  /** Computes standing from tests that were published recently when the routers were read. */
  function expectStanding(
    tests: readonly { readonly machine: Machine; readonly all: readonly Tested[] }[],
    name: string,
  ): string | undefined {
    const told = tests.map(({ machine, all }) => ({
      stake: stakeOf(plan, machine.name),
      all: all.filter(({ epoch }) => epoch > lookedEpoch - TOLD_FOR_EPOCHS),
    }));
    const seeing = told.filter(
      ({ all }) => all.filter(({ epoch }) => epoch < lookedEpoch - TOLD_EPOCHS).length >= LEAST_TESTS,
    );
    const sum = (stakes: readonly number[]): number => stakes.reduce((total, stake) => total + stake, 0);
    const whole = sum(Array.from({ length: plan.validators }, (_, i) => stakeOf(plan, validatorName(i))));
    if (honesty.howOf(name) === SILENT_LIE)
      return 2 * sum(seeing.map(({ stake }) => stake)) > whole ? 'lowered' : undefined;
    const missed = told.some(({ all }) => all.some(({ isMissed }) => isMissed));
    return honesty.isHonest(name) && !missed ? 'kept' : undefined;
  }

  function checkStanding(name: string, index: number, expected: string | undefined): void {
    const id = toHex(providerIdOf(world, index));
    for (const [router, offers] of seen) {
      const offer = offers.find(({ providerId }) => toHex(providerId) === id);
      if (offer === undefined) continue;
      const { livenessPpm, reputationPpm } = offer;
      const isWrong = expected === 'lowered' ? livenessPpm === PPM : expected === 'kept' && livenessPpm < PPM;
      if (isWrong) world.violate('standing-follows-tests', `${name} has ${livenessPpm} ppm at ${router}`);
      const account = { providerId: offer.providerId, payee: payeeOf(world, index) };
      const held = world.ledger.mostHeldBy(account, world.time.wallMs());
      if (plan.newcomers !== undefined && held === 0n && reputationPpm > NEW_PPM) {
        world.violate('newcomers-have-no-name', `${name} has ${reputationPpm} ppm at ${router}`);
      }
    }
  }

  return {
    finish() {
      for (let i = 0; i < plan.providers; i++) {
        const name = `provider-${i}`;
        const tests = honest.map((machine) => ({ machine, all: readTests(machine, providerIdOf(world, i)) }));
        if (isTested) checkTests(name, tests);
        checkStanding(name, i, isTested ? expectStanding(tests, name) : undefined);
      }
    },
  };
}
