import { placeOf } from '../roles/serving.ts';
import { createDraws } from '../world/draws.ts';
import type { World } from '../world/world.ts';
import { flipBit } from './flip-bit.ts';

const KEPT = 16;

/** @param friend index of the one provider that a router which `squats` knows of. */
export function plantRouterLie(world: World, name: string, how: string, friend: number): void {
  const { network } = world;
  const draws = createDraws(world.seed ^ 0x726f7574);
  const isRoute = (method: string): boolean => method.endsWith('/Route');
  if (how === 'no-routes') {
    network.answers.set(name, ({ method, bytes }) => (isRoute(method) ? undefined : bytes));
  } else if (how === 'garbles-tickets') {
    network.answers.set(name, ({ method, bytes }) => (isRoute(method) ? flipBit(bytes, draws) : bytes));
  } else if (how === 'old-routes') {
    const old: Uint8Array[] = [];
    network.answers.set(name, ({ method, bytes }) => {
      if (!isRoute(method)) return bytes;
      if (old.push(bytes) > KEPT) old.shift();
      return old[Math.floor(draws.next('old') * old.length)];
    });
  } else if (how === 'squats') {
    const { certHash } = placeOf(world, 'provider', friend).peer;
    network.hears.set(
      name,
      ({ caller, method }) => !method.endsWith('/Announce') || Buffer.compare(caller, certHash) === 0,
    );
  }
}
