import { toHex } from '@ogong/protocol/base/bytes';
import type { Honesty } from '../lies/plant-lies.ts';
import { listValidator } from '../roles/validator.ts';
import type { Machine } from '../world/process.ts';
import type { World } from '../world/world.ts';

export interface QueueWatch {
  /** At the end of the run. */
  finish(): void;
}

/** Most items that may wait at the end, for replies of the last seconds. */
const MOST_WAITING = 8;

/** Checks that honest providers and gateways deliver their items to honest validators after the faults. */
export function watchQueues(
  world: Pick<World, 'seed' | 'violate'>,
  machines: ReadonlyMap<string, Machine>,
  { isHonest }: Pick<Honesty, 'isHonest'>,
): QueueWatch {
  const validators = [...machines.keys()].filter((name) => name.startsWith('validator') && isHonest(name));
  const takers = validators.map((name) => toHex(listValidator(world.seed, Number(name.split('-').at(-1))).address));

  function count(machine: Machine, role: 'provider' | 'gateway'): number {
    const rows = machine.disk.find(role)?.prepare('SELECT validator FROM outbox').all() ?? [];
    const isForHonest = ({ validator }: Record<string, unknown>): boolean => {
      // A gateway sends one item to several validators.
      const names = typeof validator === 'string' ? validator : toHex(validator as Uint8Array);
      return takers.some((name) => names.includes(name));
    };
    return rows.filter(isForHonest).length;
  }

  return {
    finish() {
      for (const machine of machines.values()) {
        const { name } = machine;
        const role = name.startsWith('provider-') ? 'provider' : name.startsWith('gateway-') ? 'gateway' : undefined;
        if (role === undefined || !isHonest(name)) continue;
        const waiting = count(machine, role);
        if (waiting > MOST_WAITING) world.violate('queues-drain', `${name} has ${waiting} for honest validators`);
      }
    },
  };
}
