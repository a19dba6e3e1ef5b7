import { setImmediate as nextTurn } from 'node:timers/promises';
import { LinkError } from '@ogong/host/link/link-error';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore, type Store } from '@ogong/host/store/store';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import type { ReplyStatus } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { PROVIDER_SCHEMA } from '../provider-store.ts';
import { createServedStore, readServed, SERVED_LISTED_MS } from './served-store.ts';
import { createServedWatch, readFinding } from './served-watch.ts';

const DAY = 86_400_000;
const START = 20_000 * DAY;
const VALIDATOR = new Uint8Array(20).fill(9);
const id = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);
const stores: Store[] = [];
afterEach(() => {
  for (const store of stores.splice(0)) store.close();
});

type Words = Partial<Pick<ReplyStatus, 'state' | 'verdict' | 'feeAtomic'>> & { readonly detail?: unknown };
const toStatus = ({ state = 'settled', verdict = 'accept', feeAtomic = 70n, detail = {} }: Words) =>
  ({ state, verdict, feeAtomic, detail: typeof detail === 'string' ? detail : JSON.stringify(detail) }) as ReplyStatus;

function open() {
  const store = openStore(':memory:', { schema: PROVIDER_SCHEMA });
  stores.push(store);
  const commits = createGroupCommit(store);
  const book = createServedStore(store, commits);
  const clock = { now: START };
  const answers = new Map<number, Words | Error>();
  const asked: number[] = [];
  const watch = createServedWatch(
    {},
    {
      ...{ book, store, clock: { nowMs: () => clock.now }, log: { warn() {} } as never },
      async ask(validator, replyId) {
        expect(validator).toEqual(VALIDATOR);
        asked.push(replyId[0] as number);
        const answer = answers.get(replyId[0] as number) ?? new LinkError('unreachable', 'away');
        if (answer instanceof Error) throw answer;
        return toStatus(answer);
      },
    },
  );
  const read = (days = 40) => readServed(store, Math.floor(clock.now / DAY) - days, 10);
  return {
    ...{ store, commits, book, clock, answers, asked, watch },
    async serve(byte: number, { signed = 70n, model = 'a', router = 5 } = {}) {
      const order = { replyId: id(byte), validator: VALIDATOR, router: new Uint8Array(20).fill(router) };
      await book.begin({ ...order, expiresAtMs: BigInt(clock.now + 60_000) } as NamedOrder, model, clock.now);
      if (signed > 0n) await book.sign(id(byte), signed);
    },
    async look() {
      clock.now += 700_000;
      await watch.trigger();
    },
    read,
    outcomes: () => read().sums.map(({ outcome, replies, owed }) => ({ outcome, replies, owed })),
  };
}

describe('the outcome of a served reply', () => {
  const SAID: readonly (readonly [name: string, words: Words, outcome: string, why: string])[] = [
    ['settled', {}, 'paid', ''],
    ['decided', { state: 'audited' }, 'waits-for-settlement', ''],
    ['waiting', { state: 'recorded', verdict: '' }, 'waits-for-audit', ''],
    [
      'rejected, with the check that failed',
      { verdict: 'reject', feeAtomic: 0n, detail: { checks: [{ id: 'draw-replay', status: 'fail' }] } },
      'rejected',
      'draw-replay',
    ],
    ['judged by nobody', { verdict: 'unjudged', feeAtomic: 0n }, 'unjudged', ''],
    ['abandoned', { verdict: 'abandoned', state: 'abandoned', feeAtomic: 0n }, 'abandoned', ''],
    ['doubted, and its request pays no doubt', { verdict: 'inconclusive', feeAtomic: 0n }, 'in-doubt', ''],
    [
      'refused by others, whatever the verdict was',
      { state: 'abandoned', detail: { isRefused: true } },
      'entry-refused',
      '',
    ],
    ['owed by a payer that cannot pay', { detail: { isUncollectable: true } }, 'payer-cannot-pay', ''],
    ['burnt for a debt of its key', { detail: { isBurnt: true } }, 'burnt', ''],
    ['void since its key was ejected', { feeAtomic: 0n, detail: { isVoid: true } }, 'void', ''],
  ];
  it.each(SAID)('is noted if it is %s', async (_, words, outcome, why) => {
    const { serve, look, answers, read } = open();
    await serve(1);
    answers.set(1, words);
    await look();
    const { sums, unpaid } = read();
    expect(sums).toMatchObject([{ outcome, model: 'a', replies: 1, signed: 70n }]);
    expect(sums[0]?.owed).toBe(outcome === 'paid' || outcome === 'waits-for-settlement' ? 70n : 0n);
    const isUnpaid = !['paid', 'waits-for-settlement', 'waits-for-audit'].includes(outcome);
    expect(unpaid.map((row) => row.why)).toEqual(isUnpaid ? [why] : []);
  });

  it('is asked about until it is final, and never again', async () => {
    const { serve, look, answers, asked, outcomes } = open();
    await serve(1);
    await look();
    answers.set(1, { state: 'recorded', verdict: '' });
    await look();
    expect(outcomes()).toMatchObject([{ outcome: 'waits-for-audit' }]);
    answers.set(1, { feeAtomic: 50n });
    await look();
    answers.set(1, { verdict: 'reject', feeAtomic: 0n });
    await look();
    expect(asked).toEqual([1, 1, 1]);
    expect(outcomes()).toEqual([{ outcome: 'paid', replies: 1, owed: 50n }]);
  });

  it('is what the validator refused its record for, and then nobody is asked', async () => {
    const { serve, look, asked, commits, read } = open();
    await serve(1);
    const put = (refused: string | null) =>
      commits.write(({ prepare }) =>
        prepare(
          'INSERT OR REPLACE INTO outbox (reply_id, validator, message, due_at_ms, expires_at_ms, refused) VALUES (?, ?, ?, 0, 0, ?)',
        ).run(id(1), VALIDATOR, new Uint8Array(), refused),
      );
    await put(null);
    await look();
    expect(read().sums).toMatchObject([{ outcome: 'not-handed-in' }]);
    await put(`invalid: \u001b[31mtoo late\n${'x'.repeat(500)}`);
    await look();
    const [row] = read().unpaid;
    expect(row).toMatchObject({ outcome: 'record-refused', signed: 70n });
    expect(row?.why).toMatch(/^invalid: {2}\[31mtoo late x+$/);
    expect(row?.why.length).toBeLessThanOrEqual(160);
    expect(asked).toEqual([]);
  });

  it('is asked about in the run in which it is due, however many are, and no validator by more than 64 at once', async () => {
    const { book, clock, store, commits } = open();
    const name = (index: number) => new Uint8Array(16).map((_, i) => (i < 2 ? (index >> (8 * i)) & 255 : 0));
    const begin = (i: number) => {
      const order = { replyId: name(i), validator: VALIDATOR.with(0, i % 2), router: new Uint8Array(20) };
      return book.begin({ ...order, expiresAtMs: BigInt(clock.now) } as NamedOrder, 'a', clock.now);
    };
    // Together, so that one write to the disk serves many.
    await Promise.all(Array.from({ length: 700 }, (_, i) => begin(i)));
    await commits.write(({ prepare }) => prepare('UPDATE served SET signed = ?').run(`${10n ** 38n + 1n}`));
    clock.now += 700_000;
    const running = [0, 0];
    const most = [0, 0];
    const watch = createServedWatch(
      { paceMs: 0 },
      {
        ...{ book, store, clock: { nowMs: () => clock.now }, log: { warn() {} } as never },
        async ask([at]) {
          const place = at as number;
          running[place] = (running[place] as number) + 1;
          most[place] = Math.max(most[place] as number, running[place]);
          await nextTurn();
          running[place]--;
          return toStatus({ feeAtomic: 10n ** 38n });
        },
      },
    );
    await watch.trigger();
    expect(most).toEqual([64, 64]);
    const { sums, unpaid } = readServed(store, 0, 3);
    const sum = { replies: 700, signed: 700n * (10n ** 38n + 1n), owed: 700n * 10n ** 38n };
    expect(sums).toEqual([{ day: 20_000, model: 'a', outcome: 'paid', hasRouter: false, ...sum }]);
    expect(unpaid).toHaveLength(3);
  });

  it('is unknown once its validator says so after the order is over, and not before', async () => {
    const { serve, answers, watch, clock, outcomes } = open();
    await serve(1);
    answers.set(1, new LinkError('remote', 'no such reply', { refusal: 'not-found' }));
    clock.now += 30_000;
    await watch.trigger();
    expect(outcomes()).toMatchObject([{ outcome: 'not-handed-in' }]);
    clock.now += 600_000;
    await watch.trigger();
    expect(outcomes()).toMatchObject([{ outcome: 'unknown-to-validator' }]);
  });

  it('waits for its batch before it counts as burnt, and is owed nothing', () => {
    const said = { verdict: 'inconclusive', detail: JSON.stringify({ isBurnt: true }), feeAtomic: 70n };
    const outcomes = ['batched', 'settled'].map((state) => readFinding({ ...said, state }, { signed: 70n }));
    expect(outcomes).toEqual([
      { outcome: 'waits-for-settlement', owedAtomic: 0n, why: '' },
      { outcome: 'burnt', owedAtomic: 0n, why: '' },
    ]);
  });

  it('is read whatever the validator sends', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.oneof(fc.string(), fc.json()), fc.bigInt(0n, 2n ** 64n), (...said) => {
        const [state, verdict, detail, feeAtomic] = said;
        const found = readFinding({ state, verdict, detail, feeAtomic }, { signed: 1n });
        expect(found.why).toMatch(/^[\x20-\x7e]{0,160}$/);
      }),
    );
  });
});

describe('days', () => {
  it('are summed by model, and stay when their replies are forgotten', async () => {
    const { serve, look, answers, book, clock, read, outcomes } = open();
    for (const byte of [1, 2, 3]) answers.set(byte, {});
    answers.set(4, { verdict: 'unjudged', feeAtomic: 0n });
    await serve(1);
    await serve(2, { router: 0 });
    await serve(3, { model: 'b' });
    await serve(4);
    await serve(5, { signed: 0n });
    await look();
    const before = read().sums;
    expect(before.map(({ model, outcome, hasRouter }) => [model, outcome, hasRouter])).toEqual(
      expect.arrayContaining([
        ['a', 'paid', true],
        ['a', 'paid', false],
        ['b', 'paid', true],
        ['a', 'unjudged', true],
        ['a', 'unsigned', true],
      ]),
    );
    clock.now = START + SERVED_LISTED_MS;
    await book.sweep(clock.now);
    expect(read().unpaid).toHaveLength(1);
    clock.now += 1;
    await book.sweep(clock.now);
    await book.sweep(clock.now);
    expect(read().unpaid).toEqual([]);
    const { sums } = read();
    expect(sums.map(({ outcome }) => outcome).sort()).toEqual(['never-decided', 'paid', 'paid', 'paid', 'unjudged']);
    expect(sums.reduce((sum, { replies }) => sum + replies, 0)).toBe(5);
    expect(outcomes().reduce((sum, { owed }) => sum + owed, 0n)).toBe(210n);
    // A reply of that day that comes later is added.
    clock.now = START + 1;
    answers.set(6, {});
    await serve(6);
    await look();
    clock.now = START + SERVED_LISTED_MS + 2;
    await book.sweep(clock.now);
    expect(
      read().sums.find(({ model, outcome, hasRouter }) => model === 'a' && outcome === 'paid' && hasRouter),
    ).toEqual({ day: 20_000, model: 'a', outcome: 'paid', hasRouter: true, replies: 2, signed: 140n, owed: 140n });
    expect(read(2).sums).toEqual([]);
  });
});
