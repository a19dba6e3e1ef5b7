import type { Plan } from './plan.ts';
import { startValidator, type ValidatorTimes } from './roles/validator.ts';
import { createDraws } from './world/draws.ts';
import type { Disk, Machine } from './world/process.ts';
import type { World } from './world/world.ts';

export interface PlantedLies {
  /** Names of all machines that break rules. */
  readonly liars: ReadonlySet<string>;
  /** Machines that lose their disk with their process. */
  readonly forgetful: ReadonlySet<string>;
}

const GARBLED_SHARE = 0.3;
const FORGETS_EVERY_MS = 9_000;

/** Makes the plan's liars of the machines that there are: each runs the product's own code, and does something else around it. */
export function plantLies(
  world: World,
  plan: Plan,
  { machines, times }: { readonly machines: Map<string, Machine>; readonly times: ValidatorTimes },
): PlantedLies {
  const liars = new Set<string>();
  const forgetful = new Set<string>();
  const draws = createDraws(plan.seed ^ 0x6c696521);
  for (const { machine: name, how } of plan.liars) {
    const machine = machines.get(name);
    if (machine === undefined) continue;
    liars.add(name);
    const index = Number(name.slice(name.lastIndexOf('-') + 1));
    if (how === 'twin') {
      // A second machine with the same keys and address, and notes of its own: each caller reaches one of them.
      const twin = `${name}-twin`;
      machines.set(
        twin,
        world.addMachine({ name: twin, start: (disk: Disk) => startValidator(world, index, { disk, times }) }),
      );
      liars.add(twin);
    } else if (how === 'forgets') {
      forgetful.add(name);
      forgetAgain(machine);
    } else if (how === 'garbles' || how === 'withholds' || how === 'favours') {
      world.network.tampers.set(name, ({ method, bytes }) => {
        if (!method.endsWith('/DeliverBeacon')) return bytes;
        if (how === 'withholds') return undefined;
        // Each message reaches some, so that one knows what another does not.
        if (how === 'favours') return draws.next('favours') < 0.5 ? bytes : undefined;
        if (draws.next('garbles') >= GARBLED_SHARE || bytes.length === 0) return bytes;
        const changed = bytes.slice();
        const at = Math.floor(draws.next('where') * changed.length);
        changed[at] = (changed[at] as number) ^ (1 << Math.floor(draws.next('bit') * 8));
        return changed;
      });
    }
  }
  return { liars, forgetful };

  /** It comes back without its notes, again and again, and says again what it said before, otherwise. */
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
