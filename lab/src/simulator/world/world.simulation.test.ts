import { afterEach, expect, it } from 'vitest';
import { createSimulatedWorld, type World } from './world.ts';

let world: World | undefined;

afterEach(() => world?.close());

const brokenOf = ({ violations }: World): string[] => violations.map(({ invariant }) => invariant);

it('finds a daemon that does not start', async () => {
  world = createSimulatedWorld({ seed: 1 });
  const machine = world.addMachine({ name: 'a', start: () => Promise.reject(new Error('no room')) });
  machine.boot();
  await world.runUntil(1_000, () => undefined);
  expect(brokenOf(world)).toEqual(['every-daemon-starts']);
});

it('finds a process that plans more and more', async () => {
  world = createSimulatedWorld({ seed: 1 });
  const start = async (): Promise<void> => {
    setInterval(() => {
      for (let i = 0; i < 2_000; i++) setTimeout(() => undefined, 1_000_000);
    }, 10);
  };
  world.addMachine({ name: 'a', start }).boot();
  await world.runUntil(1_000, () => undefined);
  expect(brokenOf(world)).toEqual(['bounded-work']);
});

it('finds nothing where a process plans and is done', async () => {
  world = createSimulatedWorld({ seed: 1 });
  const start = async (): Promise<void> => void setInterval(() => void setTimeout(() => undefined, 10), 10);
  world.addMachine({ name: 'a', start }).boot();
  await world.runUntil(1_000, () => undefined);
  expect(brokenOf(world)).toEqual([]);
});
