import { toHex } from '@ogong/protocol/base/bytes';
import type { BenchOptions, TestValidator } from '@ogong/testing/validator/test-bench';
import { answerHonestly, createTestCalls } from '@ogong/testing/validator/test-calls';
import { createFour, type Four } from '@ogong/testing/validator/test-four';
import { createTestPayee } from '@ogong/testing/validator/test-keys';
import type { TestReply } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';

const TOKEN = 10n ** 18n;
/** As long as an order may live, and more. */
const HELD_MS = 700_000;
/** Longer than an announcement lasts. */
const AN_HOUR_MS = 3_600_001;

/** Whole tokens by verifier. One that is not named has none. */
type Stakes = Readonly<Record<string, number>>;
const createStakeOf = (stakes: Stakes) => {
  const known = new Map(
    Object.entries(stakes).map(([name, tokens]) => [toHex(createTestPayee(name).address), BigInt(tokens) * TOKEN]),
  );
  return (payee: Uint8Array): bigint => known.get(toHex(payee)) ?? 0n;
};

interface World {
  /** The stakes that all validators read. */
  readonly stakes: Stakes;
  /** The stakes that the handling validator claims. Default: the same. */
  readonly claimed?: Stakes;
  readonly cosign?: BenchOptions['cosign'];
  /** Whole tokens that the network asks of verifiers' payees. @param index of the validator that reads it */
  readonly asked?: (index: number) => { readonly now: number; readonly least: number; readonly greatest: number };
}

const toAtomic = ({ now, least, greatest }: ReturnType<NonNullable<World['asked']>>) => ({
  ...{ now: BigInt(now) * TOKEN, least: BigInt(least) * TOKEN, greatest: BigInt(greatest) * TOKEN },
});

async function createWorld({ stakes, claimed = stakes, cosign = {}, asked }: World) {
  const served = new Map<string, TestReply>();
  const calls = createTestCalls(answerHonestly(served));
  const four = await createFour((index) => ({
    ...{ calls, cosign, stakeOf: createStakeOf(index === 0 ? claimed : stakes) },
    ...(asked && { requiredStakes: () => toAtomic(asked(index)) }),
    audit: { pairPpm: 0, honeypotPpm: 0 },
  }));
  let sequence = 1n;
  let number = 0;
  return {
    ...four,
    async announce(validators: readonly TestValidator[], names: readonly string[]): Promise<void> {
      sequence++;
      for (const one of validators) {
        for (const name of names) await one.announceVerifier(name, 'x', createTestPayee(name), {}, sequence);
      }
    },
    async judge(): Promise<void> {
      const reply = await four.own.deliver(number++);
      served.set(toHex(reply.reply.record.replyId), reply);
      await four.certifyAll();
      await four.own.runSittings();
    },
  };
}

/** @returns the verdicts that settled. */
async function settle({ own, chain }: Pick<Four, 'own' | 'chain'>): Promise<string[]> {
  while (await own.settlement.step().catch(() => false));
  const settled = chain.settled.reduce((sum, { batch }) => sum + Number(batch.logLength), 0);
  return own.decided.slice(0, settled).map(({ verdict }) => verdict);
}

const HONEST = ['h0', 'h1', 'h2', 'h3'];
const EVEN: Stakes = { h0: 100, h1: 100, h2: 100, h3: 100 };

describe('a network whose validators know different verifiers', () => {
  it('settles everything', async () => {
    const stakes = { ...EVEN, late: 500, near: 1_000_000, far: 1_000_000 };
    const { own, peers, clock, announce, judge, ...four } = await createWorld({ stakes });
    const all = [own, ...peers];
    for (const [i, one] of all.entries()) await announce([one], HONEST.slice(i % 2));
    // One with much stake announces itself to the handling validator alone, another to everybody else.
    await announce([own], ['near']);
    await announce(peers, ['far', 'free-0', 'free-1', 'free-2']);
    clock.advance(HELD_MS);
    await judge();
    await announce(all, ['late']);
    await announce([own], ['h0']);
    await judge();
    expect(await settle({ ...four, own })).toEqual(['accept', 'accept']);
    expect(own.refusals).toEqual([]);
    expect(own.uncompared).toEqual([]);
  });

  it.each([
    ['two payees with half of the stake beside the largest', { a: 400, b: 900 }, ['accept']],
    ['two payees with more', { a: 402, b: 900 }, []],
  ] as const)('lets %s, who announce themselves to others alone, stop: %j', async (_who, more, settled) => {
    const { own, peers, clock, announce, judge, ...four } = await createWorld({ stakes: { ...EVEN, ...more } });
    await announce([own, ...peers], HONEST);
    await announce(peers, ['a', 'b']);
    clock.advance(HELD_MS);
    await judge();
    expect(await settle({ ...four, own })).toEqual(settled);
  });
});

describe('a network whose validators forward missing announcements', () => {
  it('settles if payees with nearly all of the stake leave a validator out', async () => {
    const { own, peers, clock, announce, judge, ...four } = await createWorld({
      stakes: { ...EVEN, a: 8000, b: 9000 },
    });
    await announce([own, ...peers], HONEST);
    await announce(peers.slice(1), ['a', 'b']);
    expect(await own.askForAnnouncements()).toBe(2);
    expect(await own.askForAnnouncements()).toBe(0);
    for (const peer of peers) await peer.askForAnnouncements();
    clock.advance(HELD_MS);
    await judge();
    expect(await settle({ ...four, own })).toEqual(['accept']);
    expect(own.refusals).toEqual([]);
  });
});

describe('a co-signer that knows no staked verifier', () => {
  it.each([
    ['has just come back', EVEN],
    ['belongs to a network where nobody has staked', {}],
  ] as const)('signs, and says that it compared nothing, if it %s', async (_why, stakes) => {
    const { own, peers, clock, announce, judge, ...four } = await createWorld({ stakes });
    await announce([own, ...peers.slice(1)], HONEST);
    clock.advance(HELD_MS);
    await announce(peers.slice(0, 1), HONEST);
    await judge();
    expect(await settle({ ...four, own })).toEqual(['accept']);
    // The first peer alone, or all that were asked before there was a quorum.
    const isKnown = Object.keys(stakes).length > 0;
    if (isKnown) expect(own.uncompared).toEqual([0n]);
    else expect(own.uncompared.length).toBeGreaterThan(1);
  });
});

describe('a co-signer of a list without those who have the stake', () => {
  const world: World = { stakes: EVEN };

  it('refuses it', async () => {
    const { own, peers, clock, announce, judge, ...four } = await createWorld(world);
    await announce(peers, HONEST);
    clock.advance(HELD_MS);
    await judge();
    expect(await settle({ ...four, own })).toEqual([]);
    expect(own.refusals).toEqual([expect.stringContaining('the list of audit attempt 0 lacks verifiers')]);
  });

  it.each<[string, (world: Awaited<ReturnType<typeof createWorld>>) => Promise<unknown>]>([
    ['has heard of them too late', ({ announce, peers }) => announce(peers, HONEST)],
    [
      'heard nothing of them for a while, as after an outage of its own',
      async ({ announce, peers, clock }) => {
        await announce(peers, HONEST);
        clock.advance(AN_HOUR_MS);
        await announce(peers, HONEST);
      },
    ],
    [
      'does not hear of them any more',
      async ({ announce, peers, clock }) => {
        await announce(peers, HONEST);
        clock.advance(AN_HOUR_MS);
      },
    ],
  ])('says nothing of it where it %s', async (_why, prepare) => {
    const { own, clock, announce, judge, ...four } = await createWorld(world);
    await prepare({ own, clock, announce, judge, ...four });
    await announce([own], ['v1']);
    await judge();
    expect(await settle({ ...four, own })).toEqual(['accept']);
  });

  it('refuses one that gives them the chances of free names', async () => {
    const { own, peers, clock, announce, judge, ...four } = await createWorld({ ...world, claimed: {} });
    await announce([own, ...peers], HONEST);
    clock.advance(HELD_MS);
    await judge();
    expect(await settle({ ...four, own })).toEqual([]);
  });
});

describe('a co-signer of a list with stake', () => {
  const claimed = { ...EVEN, friend: 1_000_000_000 };

  it('that no payee has asks again at first, and refuses it once its node must have seen that stake', async () => {
    const { own, peers, clock, announce, judge, ...four } = await createWorld({ stakes: EVEN, claimed });
    await announce([own, ...peers], [...HONEST, 'friend']);
    await judge();
    expect(await settle({ ...four, own })).toEqual([]);
    expect(own.refusals).toEqual([]);
    clock.advance(HELD_MS);
    await settle({ ...four, own });
    expect(own.refusals).toEqual([expect.stringContaining('counts for 1000000000 tokens that it has not staked')]);
  });

  it('that is being withdrawn signs it', async () => {
    const cosign = { stakedOf: async () => 1_000_000_000n * TOKEN };
    const { own, peers, announce, judge, ...four } = await createWorld({ stakes: EVEN, claimed, cosign });
    await announce([own, ...peers], [...HONEST, 'friend']);
    await judge();
    expect(await settle({ ...four, own })).toEqual(['accept']);
  });

  it('refutes nothing while the chain is down', async () => {
    const cosign = { stakedOf: () => Promise.reject(new Error('down')) };
    const { own, peers, clock, announce, judge, ...four } = await createWorld({ stakes: EVEN, claimed, cosign });
    await announce([own, ...peers], [...HONEST, 'friend']);
    await judge();
    clock.advance(HELD_MS);
    expect(await settle({ ...four, own })).toEqual([]);
    expect(own.refusals).toEqual([]);
  });
});

describe('a network that asks verifiers for a stake', () => {
  // Three of them have more together than the largest that qualifies.
  const stakes = { ...EVEN, poor: 50, a: 90, b: 90, c: 90 };
  const none = { now: 0, least: 0, greatest: 0 };
  const much = { now: 100, least: 100, greatest: 100 };

  async function judgeWith(asked: World['asked'], names: readonly string[], cosign?: World['cosign']) {
    const { own, peers, clock, announce, judge, ...four } = await createWorld({
      ...{ stakes, cosign: cosign ?? {} },
      ...(asked && { asked }),
    });
    await announce([own, ...peers], names);
    clock.advance(HELD_MS);
    await judge();
    return { own, clock, settle: () => settle({ ...four, own }) };
  }

  it('draws nobody who has less, and settles', async () => {
    const { own, settle } = await judgeWith(() => much, [...HONEST, 'poor']);
    expect(await settle()).toEqual(['accept']);
    expect(own.refusals).toEqual([]);
  });

  it('refuses a list from which such a verifier is drawn, once its node must have seen the stake', async () => {
    const { own, clock, settle } = await judgeWith((index) => (index === 0 ? none : much), [...HONEST, 'poor']);
    expect(await settle()).toEqual([]);
    expect(own.refusals).toEqual([]);
    clock.advance(HELD_MS);
    await settle();
    expect(own.refusals).toEqual([expect.stringMatching(/has not staked the \d+ atomic units that verifiers need/)]);
  });

  it('signs the list from before more was asked for, and one without those who may come since less is', async () => {
    const before = await judgeWith(
      (index) => (index === 0 ? none : { now: 100, least: 0, greatest: 100 }),
      [...HONEST, 'poor'],
    );
    expect(await before.settle()).toEqual(['accept']);
    const since = { now: 0, least: 0, greatest: 100 };
    const after = await judgeWith((index) => (index === 0 ? much : since), ['h0', 'a', 'b', 'c']);
    expect(await after.settle()).toEqual(['accept']);
  });

  it('signs if the stake is on its way out', async () => {
    const cosign = { stakedOf: async () => 80n * TOKEN };
    const { settle } = await judgeWith((index) => (index === 0 ? none : much), [...HONEST, 'poor'], cosign);
    expect(await settle()).toEqual(['accept']);
  });
});
