import type { ChainPass } from '@ogong/engine/interface/segment';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { hashBlind } from '@ogong/protocol/commitment/blinds';
import type { Ed25519Signer } from '@ogong/protocol/crypto/crypto';
import { type BoundaryRoot, verifyBoundaryRoot } from '@ogong/protocol/modality/text/boundary/boundary-root';
import { type CohortMember, type CohortTerms, readCohort } from '@ogong/protocol/settlement/cohort-agreement';
import { ledger } from '@ogong/testing/provider/provider-fixture';
import {
  createTestChain,
  sessions,
  type TestChainedOrder,
  type TestCohort,
  type TestReplacement,
} from '@ogong/testing/provider/shard-fixture';
import { describe, expect, it } from 'vitest';
import type { ChainedOrder } from './chain-order.ts';
import type { Replacement } from './chain-state.ts';
import { passKeyOf } from './cohort-chain.ts';
import { createShardOrder } from './shard-order.ts';

interface Given {
  readonly of: ChainedOrder;
  readonly at: number;
  readonly tokens: readonly number[];
}

const passOf = (kind: ChainPass['kind'], groups: readonly Given[]): ChainPass => ({
  kind,
  groups: groups.map(({ of, at, tokens }, sequence) => ({
    ...{ sequence, position: at, rows: tokens.length },
    passKey: passKeyOf(of.order),
  })),
  tokens: Uint32Array.from(groups.flatMap(({ tokens }) => tokens)),
});

/** Two prompts, and steps of both orders of which some guesses are rejected. */
const planPasses = (a: TestChainedOrder, b: TestChainedOrder): readonly ChainPass[] => [
  passOf('prompt', [{ of: a, at: 0, tokens: [1, 2, 3] }]),
  passOf('prompt', [{ of: b, at: 0, tokens: [7, 8] }]),
  passOf('step', [
    { of: a, at: 3, tokens: [4, 5, 6] },
    { of: b, at: 2, tokens: [9, 10, 11] },
  ]),
  passOf('step', [
    { of: a, at: 4, tokens: [50] },
    { of: b, at: 5, tokens: [51] },
  ]),
  passOf('step', [{ of: a, at: 5, tokens: [60, 61] }]),
];
const START = { a: 1, b: 2 };

/** Runs all passes. @param before a pass. @returns the rows of each pass. */
async function serve(cohort: TestCohort, before: (pass: number) => void = () => undefined) {
  const [a, b] = [cohort.order(START.a), cohort.order(START.b)];
  const opened = [await cohort.begin(a), await cohort.begin(b)] as const;
  const rows: Float32Array[] = [];
  for (const [i, pass] of planPasses(a, b).entries()) {
    before(i);
    rows.push(await cohort.chain.run(pass));
  }
  return { a, b, opened, rows };
}

/** A cohort of which one shard fails, and the provider that takes its place. */
function createFailing(lost: number, spareOf: (cohort: TestCohort) => Replacement | undefined) {
  let isDown = false;
  const failures: string[] = [];
  const cohort: TestCohort = createTestChain(
    (calls, place) => ({
      ...calls,
      run: async (parts) => {
        if (isDown && place === lost) throw new Error('the link is broken');
        return calls.run(parts);
      },
    }),
    {
      async replace(place, failure) {
        failures.push(`${place} ${failure.message}`);
        return spareOf(cohort);
      },
    },
  );
  return {
    cohort,
    failures,
    breakAt: (pass: number) => (i: number) => {
      isDown ||= i === pass;
    },
  };
}

const countRuns = ({ segments }: TestCohort): number[] => {
  const runs = segments.map(() => 0);
  for (const [i, segment] of segments.entries()) {
    const run = segment.run.bind(segment);
    Object.assign(segment, {
      run(pass: Parameters<typeof run>[0]) {
        (runs[i] as number)++;
        return run(pass);
      },
    });
  }
  return runs;
};

describe('a shard that fails', () => {
  const places = [0, 1].flatMap((lost) => [0, 1, 2, 3, 4].map((pass): [number, number] => [lost, pass]));
  it.each(places)('at place %i before pass %i is replaced, and the rows are the same', async (lost, pass) => {
    const { rows: expected } = await serve(createTestChain());
    let spare: TestReplacement | undefined;
    const { cohort, failures, breakAt } = createFailing(lost, (of) => {
      spare = of.replacement(lost, { pricePer1kAtomic: 250n });
      return spare;
    });
    const runs = countRuns(cohort);
    const { a, b, opened, rows } = await serve(cohort, breakAt(pass));
    expect(rows).toEqual(expected);
    expect(failures).toEqual([expect.stringMatching(new RegExp(`^${lost} shard ${lost} .* the link is broken$`))]);
    // No other shard computes rows again, but for those of the pass that failed.
    expect(runs[1 - lost]).toBeLessThanOrEqual(planPasses(a, b).length + 2);
    expect(cohort.shards[lost]?.free()).toBe(2);

    for (const [i, order] of [a, b].entries()) {
      const found = readCohort(crypto, { ledger, order: order.order }, opened[i]?.agreement ?? new Uint8Array());
      if ('problem' in found) throw new Error(found.problem);
      const { members } = found.terms;
      expect(members[lost]).toEqual(spare?.member);
      expect(members.map(({ pricePer1kAtomic }) => pricePer1kAtomic)).toEqual(
        lost === 0 ? [250n, 500n, 250n] : [300n, 250n, 450n],
      );
      const { orderHash } = order.order;
      const roots = await cohort.chain.close(orderHash);
      expect(roots.map((root) => root?.positions)).toEqual(order === a ? [7, 7] : [6, 6]);
      for (const [place, root] of roots.entries()) {
        const senderKey = members[place]?.sessionKey as Uint8Array;
        expect(verifyBoundaryRoot(crypto, { orderHash, place, senderKey }, root as BoundaryRoot)).toBe(true);
      }
    }
    // New orders go to the members of now.
    const next = cohort.order(3);
    await cohort.begin(next);
    expect(spare?.shard.free()).toBe(1);
  });

  it('ends the replies if its replacement computes other rows', async () => {
    const { cohort, breakAt } = createFailing(1, (of) => of.replacement(1, { weights: 7 }));
    const { opened } = await serve(cohort, breakAt(3));
    for (const { failed } of opened) {
      expect(failed.aborted).toBe(true);
      expect(failed.reason).toMatchObject({
        message: expect.stringMatching(/^shard 1 .* other rows/),
        retryable: true,
      });
    }
  });

  it.each<[string, (of: TestCohort) => Replacement | undefined]>([
    ['there is no other one', () => undefined],
    ['the other one costs more than the part of the leader', (of) => of.replacement(1, { pricePer1kAtomic: 701n })],
    [
      'the other one has other layers',
      (of) => {
        const { member, calls } = of.replacement(1);
        return { calls, member: { ...member, layers: member.layers - 1 } };
      },
    ],
    [
      'all others fail, too',
      (of) => {
        const { member, calls } = of.replacement(1);
        return { member, calls: { ...calls, run: () => Promise.reject(new Error('the link is broken')) } };
      },
    ],
  ])('fails the pass if %s', async (_what, spareOf) => {
    const { cohort, breakAt } = createFailing(1, spareOf);
    await expect(serve(cohort, breakAt(3))).rejects.toThrow(/shard 1 .* the link is broken/);
  });

  it('ends one reply if the other one has room for no more', async () => {
    const { cohort, breakAt } = createFailing(0, (of) => {
      const spare = of.replacement(0);
      let agreed = 0;
      const agree: Replacement['calls']['agree'] = (message) =>
        ++agreed > 1 ? Promise.reject(new Error('all sequences are busy')) : spare.calls.agree(message);
      return { ...spare, calls: { ...spare.calls, agree } };
    });
    const { opened } = await serve(cohort, breakAt(3));
    expect(opened.map(({ failed }) => failed.aborted)).toEqual([false, true]);
  });
});

describe('a shard that has agreed to an order', () => {
  it.each<[string, (terms: CohortTerms, cohort: TestCohort) => Partial<CohortTerms>]>([
    ['another leader', (terms, of) => ({ members: terms.members.with(2, keyed(terms, 2, of.replacement(1))) })],
    ['another key of its own', (terms, of) => ({ members: terms.members.with(0, keyed(terms, 0, of.replacement(0))) })],
    ['a member less', ({ members }) => ({ members: [members[0], members[2]] as CohortTerms['members'] })],
    [
      'other layers of a member',
      ({ members }) => ({
        members: members.map((one, i) => (i === 1 ? { ...one, layers: 3 } : i === 2 ? { ...one, firstLayer: 6 } : one)),
      }),
    ],
    ['another blind', () => ({ blindHash: new Uint8Array(32) })],
  ])('takes no terms with %s', (_what, bend) => {
    const cohort = createTestChain();
    const { terms, order } = openOrder(cohort);
    expect(order.replaceMembers(terms)).toBe(true);
    expect(order.replaceMembers({ ...terms, ...bend(terms, cohort) })).toBe(false);
  });

  it('takes other members for a few times', () => {
    const { terms, order } = openOrder(createTestChain());
    for (let i = 0; i < 8; i++) expect(order.replaceMembers(terms)).toBe(true);
    expect(order.replaceMembers(terms)).toBe(false);
  });
});

const keyed = ({ members }: CohortTerms, place: number, { member: { sessionKey } }: Replacement): CohortMember => ({
  ...(members[place] as CohortMember),
  sessionKey,
});

/** An order at shard 0. */
function openOrder(cohort: TestCohort) {
  const { order, blind, previousBeacon } = cohort.order();
  const members = [
    ...cohort.shards.map(({ member }) => member),
    { ...cohort.replacement(1).member, firstLayer: 7, layers: 2 },
  ];
  const terms = { members, blindHash: hashBlind(crypto, blind) } as unknown as CohortTerms;
  const shard = createShardOrder(crypto, {
    ...{ order, members, place: 0, blind, previousBeacon, session: sessions[0] as Ed25519Signer },
    segment: cohort.segments[0].info(),
  });
  return { terms, order: shard };
}
