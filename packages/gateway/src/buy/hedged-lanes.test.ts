import { setImmediate as breathe } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createRace, RaceError, type Runner } from './hedged-lanes.ts';

interface TestLane {
  readonly name: string;
  readonly runner: Runner;
  readonly first: Promise<string>;
  /** Something of its reply comes, and is offered. */
  show(): void;
  fail(): void;
}

function open({ mayOpen = true, hasSecond = true, whenOpened = Promise.resolve(), stops = true } = {}) {
  const race = createRace();
  const said: string[] = [];
  const lanes: TestLane[] = [];
  function openLane(name: string): TestLane {
    const runner = race.enter();
    const { promise: first, resolve, reject } = Promise.withResolvers<string>();
    first.catch(() => undefined);
    if (stops) runner.lost.addEventListener('abort', () => reject(new Error(`${name} is told to stop`)));
    const lane = {
      ...{ name, runner, first },
      show: () => (runner.claim() ? resolve(`text of ${name}`) : reject(new Error(`${name} is too late`))),
      fail: () => reject(new Error(`${name} failed`)),
    };
    lanes.push(lane);
    return lane;
  }
  const one = openLane('one');
  const outcome = race.run<string, TestLane>(one, {
    patienceMs: 0,
    mayOpen: () => mayOpen,
    async openSecond() {
      said.push('opening');
      await whenOpened;
      if (!hasSecond) throw new Error('there is nobody');
      return openLane('two');
    },
    onLost: ({ name }) => said.push(`${name} lost`),
    onFailed: ({ name }) => said.push(`${name} failed`),
    onOutcome: (word) => said.push(word),
  });
  outcome.catch(() => undefined);
  const second = async (): Promise<TestLane> => {
    await expect.poll(() => lanes.length).toBe(2);
    await breathe();
    return lanes[1] as TestLane;
  };
  return { one, second, outcome, said, lanes };
}

describe('two orders of one request', () => {
  it('are one where the first shows something in time', async () => {
    const { one, outcome, said, lanes } = open({ mayOpen: false });
    one.show();
    expect(await outcome).toMatchObject({ first: 'text of one', lane: { name: 'one' } });
    expect([said, lanes.length]).toEqual([[], 1]);
  });

  it('are shown as the second where that is first, and the other one is told to stop', async () => {
    const { one, second, outcome, said } = open();
    const two = await second();
    two.show();
    expect(one.runner.lost.aborted).toBe(true);
    one.show();
    expect(await outcome).toMatchObject({ first: 'text of two', lane: { name: 'two' } });
    expect(said).toEqual([
      'sent',
      'opening',
      expect.stringMatching(/won|one lost/),
      expect.stringMatching(/won|one lost/),
    ]);
    expect(two.runner.lost.aborted).toBe(false);
  });

  it('are shown as the first where that comes after all', async () => {
    const { one, second, outcome, said } = open();
    const two = await second();
    one.show();
    expect(await outcome).toMatchObject({ lane: { name: 'one' } });
    expect(two.runner.lost.aborted).toBe(true);
    expect(said).toContain('two lost');
    expect(said).toContain('lost');
  });

  it('are never both shown, whichever come at once', async () => {
    const { one, second, outcome } = open();
    const two = await second();
    expect([two.runner.claim(), one.runner.claim(), two.runner.claim()]).toEqual([true, false, true]);
    two.show();
    expect((await outcome).lane.name).toBe('two');
  });

  it('go on as one where the other fails', async () => {
    const { one, second, outcome, said } = open();
    const two = await second();
    one.fail();
    await breathe();
    two.show();
    expect((await outcome).lane.name).toBe('two');
    expect(said).toEqual(['sent', 'opening', 'one failed', 'won']);
  });

  it('fail with the later failure where both fail', async () => {
    const { one, second, outcome, said } = open();
    const two = await second();
    two.fail();
    await breathe();
    one.fail();
    const error = await outcome.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RaceError);
    expect(error).toMatchObject({ lane: { name: 'one' }, cause: { message: 'one failed' } });
    expect(said).toEqual(['sent', 'opening', 'two failed', 'failed']);
  });

  it('are one where nobody else can be asked', async () => {
    const { one, outcome, said } = open({ hasSecond: false });
    await expect.poll(() => said).toEqual(['sent', 'opening', 'failed']);
    one.show();
    expect((await outcome).lane.name).toBe('one');
  });

  it.each([true, false])(
    'do not wait for the second to be ordered: it ends by itself, ordered %s',
    async (hasSecond) => {
      const { promise: whenOpened, resolve } = Promise.withResolvers<void>();
      const { one, outcome, said, lanes } = open({ hasSecond, whenOpened });
      await expect.poll(() => said).toContain('opening');
      one.show();
      expect(await outcome).toMatchObject({ first: 'text of one', lane: { name: 'one' } });
      resolve();
      await expect.poll(() => said).toEqual(['sent', 'opening', ...(hasSecond ? ['lost', 'two lost'] : ['failed'])]);
      expect(lanes.map(({ runner }) => runner.lost.aborted)).toEqual(hasSecond ? [false, true] : [false]);
    },
  );

  it('wait for the second to be ordered where the first fails meanwhile', async () => {
    const { promise: whenOpened, resolve } = Promise.withResolvers<void>();
    const { one, second, outcome, said } = open({ whenOpened });
    await expect.poll(() => said).toContain('opening');
    one.fail();
    await breathe();
    resolve();
    (await second()).show();
    expect((await outcome).lane.name).toBe('two');
    expect(said).toEqual(['sent', 'opening', 'one failed', 'won']);
  });

  it.each([true, false])(
    'fail with the one that was shown, where that fails then: the other stopped before %s',
    async (stops) => {
      const { one, second, outcome, said } = open({ stops });
      await second();
      expect(one.runner.claim()).toBe(true);
      one.fail();
      const error = await outcome.catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ lane: { name: 'one' }, cause: { message: 'one failed' } });
      expect(said.sort()).toEqual(['failed', 'opening', 'sent', 'two lost']);
    },
  );
});
