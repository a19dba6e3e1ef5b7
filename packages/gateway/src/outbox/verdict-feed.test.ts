import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { LinkError } from '@ogong/host/link/link-error';
import { toHex } from '@ogong/protocol/base/bytes';
import { GetRepliesResponseSchema, ReplyStatusSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { describe, expect, it } from 'vitest';
import type { OrderRow } from '../books/order-store.ts';
import { createVerdictFeed, isForAnother, isUnanswered, toClosing } from './verdict-feed.ts';

describe('a verdict', () => {
  const recordHash = new Uint8Array(32).fill(1);
  const heldRecord = '01'.repeat(32);
  const failure = { code: '', reason: '', shownBytes: 0 };
  const order = { heldRecord, heldFeeAtomic: 9n, failure } as OrderRow;
  const close = (status: object) =>
    toClosing(create(ReplyStatusSchema, { state: 'audited', verdict: 'accept', feeAtomic: 9n, recordHash, ...status }));
  const isOther = (status: object, of = order) => isForAnother(of, close(status) as never);

  it('names the record that was judged', () => {
    expect(close({})).toMatchObject({ judgedRecord: heldRecord, feeAtomic: 9n });
    expect(close({ verdict: 'reject' })).toMatchObject({ judgedRecord: heldRecord, feeAtomic: 0n });
    expect(close({ verdict: '' })).toBeUndefined();
  });

  it('asks money for the record that was delivered, and no more than it costs', () => {
    expect([isOther({}), isOther({ feeAtomic: 8n }), isOther({ verdict: 'reject' })]).toEqual([false, false, false]);
    expect(isOther({ feeAtomic: 10n })).toBe(true);
    expect(isOther({ recordHash: new Uint8Array(32) })).toBe(true);
    expect(isOther({ recordHash: new Uint8Array(0) })).toBe(true);
  });

  it('is compared with nothing where nothing was delivered', () => {
    expect(isOther({}, { ...order, heldRecord: '', heldFeeAtomic: undefined })).toBe(false);
  });

  it('asks no money for an order that its provider had refused', () => {
    const fail = (code: string) => ({
      ...order,
      heldRecord: '',
      heldFeeAtomic: undefined,
      failure: { ...failure, code },
    });
    expect(isOther({}, fail('provider_busy'))).toBe(true);
    expect(isOther({}, fail('provider_unreachable'))).toBe(true);
    expect(isOther({ verdict: 'reject' }, fail('provider_busy'))).toBe(false);
    // The signed part of a provider that died is paid.
    expect(isOther({}, fail('provider_failed'))).toBe(false);
  });

  it('charges an order that brought no answer where its provider fell silent or broke off', () => {
    const isCharged = (code: string, status = {}, held = '') =>
      isUnanswered({ ...order, heldRecord: held, failure: { ...failure, code } }, close(status) as never);
    expect(['provider_timeout', 'provider_failed', 'ogong_check_failed'].map((code) => isCharged(code))).toEqual([
      ...[true, true, true],
    ]);
    expect(isCharged('provider_timeout', { verdict: 'reject' })).toBe(false);
    // The signed part is stored. A standby order whose client left is paid by the rule. A refusal counts as another record.
    expect(isCharged('provider_failed', {}, heldRecord)).toBe(false);
    expect(['untaken', '', 'provider_busy'].map((code) => isCharged(code))).toEqual([false, false, false]);
  });
});

describe('the questions of a round', () => {
  const [loud, calm] = ['0a'.repeat(20), '0b'.repeat(20)];

  function createOrders(count: number): OrderRow[] {
    return Array.from({ length: count }, (_, i) => ({
      ...{ replyId: i.toString(16).padStart(32, '0'), validator: i % 2 === 0 ? loud : calm },
      ...{ state: 'delivered', expiresMs: 0 },
    })) as OrderRow[];
  }

  /** @param answer of one validator to one call. */
  function openFeed(
    orders: readonly OrderRow[],
    answer: (validator: string, replyIds: readonly string[]) => readonly MessageInitShape<typeof ReplyStatusSchema>[],
    nowMs = 0,
    answerOne: (replyId: string) => MessageInitShape<typeof ReplyStatusSchema> = () => ({}),
  ) {
    const asked: { readonly validator: string; readonly replyIds: readonly string[] }[] = [];
    const askedSingly: string[] = [];
    const errors: unknown[] = [];
    const wanted: string[] = [];
    const read: string[] = [];
    let uptimeMs = 0;
    const closed: Record<string, string> = {};
    const feed = createVerdictFeed(
      { intervalMs: 60_000, graceMs: 1_000 },
      {
        ledger: {
          listUnsettled: async (limit, offset) => orders.slice(offset, offset + limit),
          async findAll(replyIds) {
            read.push(...replyIds);
            return orders.filter(({ replyId }) => replyIds.includes(replyId));
          },
          async close(replyId, { verdict }) {
            closed[replyId] = verdict;
            return true;
          },
        },
        chain: { findByAddress: (address: Uint8Array) => ({ address, certHash: address }) } as never,
        clock: { nowMs: () => nowMs },
        onOpeningWanted: async ({ replyId }) => void wanted.push(replyId),
        uptime: { nowMs: () => uptimeMs },
        onError: (error) => errors.push(error),
        links: {
          to: (_service: unknown, { address }: { address: Uint8Array }) => ({
            async getReplies(question: { readonly replyIds: readonly Uint8Array[] }) {
              const [validator, replyIds] = [toHex(address), question.replyIds.map(toHex)];
              asked.push({ validator, replyIds });
              return create(GetRepliesResponseSchema, { replies: [...answer(validator, replyIds)] });
            },
            async getReply({ replyId }: { readonly replyId: Uint8Array }) {
              askedSingly.push(toHex(replyId));
              return create(ReplyStatusSchema, answerOne(toHex(replyId)));
            },
          }),
        } as never,
      },
    );
    const countAsked = (validator: string): readonly number[] =>
      asked.filter((one) => one.validator === validator).map(({ replyIds }) => replyIds.length);
    const pass = (ms: number) => {
      uptimeMs += ms;
    };
    return { feed, asked, askedSingly, closed, errors, wanted, read, countAsked, pass };
  }

  it('are one call for all orders of a validator, and end where it says that there are too many', async () => {
    const { feed, countAsked } = openFeed(createOrders(400), (validator, replyIds) => {
      if (validator === loud) throw new LinkError('rate-limited', 'too many of these calls, slow down');
      return replyIds.map(() => ({ state: 'recorded' }));
    });
    await feed.trigger();
    expect(countAsked(loud)).toEqual([64]);
    expect(countAsked(calm)).toEqual([64, 64, 64, 8]);
    // The next round asks at once about refused questions, and not about answered ones.
    await feed.trigger();
    expect(countAsked(loud)).toEqual([64, 64]);
    expect(countAsked(calm)).toHaveLength(4);
    await feed.stop();
  });

  it('hand over the opening of a delivered reply once, if its audit waits for it', async () => {
    const [delivered, empty] = createOrders(2).map((order, i) => ({ ...order, heldRecord: i === 0 ? 'aa' : '' }));
    const orders = [delivered, empty] as OrderRow[];
    const { feed, wanted, pass, errors } = openFeed(orders, (_validator, replyIds) =>
      replyIds.map(() => ({ state: 'recorded', detail: '{"waitsForOpening":true}' })),
    );
    for (let round = 0; round < 3; round++) {
      await feed.trigger();
      pass(600_000);
    }
    expect(wanted).toEqual([delivered?.replyId]);
    expect(errors).toEqual([]);
    await feed.stop();
  });

  it('hand over nothing while the detail names no wait, whatever it contains', async () => {
    const orders = createOrders(8).map((order) => ({ ...order, heldRecord: 'aa' })) as OrderRow[];
    const details = ['', '{}', 'null', '[', '"waitsForOpening"', '{"waitsForOpening":1}', '7', '{"checks":[]}'];
    const { feed, wanted } = openFeed(orders, (_validator, replyIds) =>
      replyIds.map((id) => ({ state: 'recorded', detail: details[Number.parseInt(id, 16)] ?? '' })),
    );
    await feed.trigger();
    expect(wanted).toEqual([]);
    await feed.stop();
  });

  it('are answered one by one, each about its own order', async () => {
    const orders = createOrders(6);
    const { feed, closed } = openFeed(orders, (_validator, replyIds) =>
      replyIds.map((id) => (id.endsWith('1') ? { state: 'audited', verdict: 'reject' } : { state: 'recorded' })),
    );
    await feed.trigger();
    expect(closed).toEqual({ [(orders[1] as OrderRow).replyId]: 'reject' });
    await feed.stop();
  });

  it('read an order again only if the answer may change it', async () => {
    const recordHash = new Uint8Array(32);
    const audited = { state: 'audited', verdict: 'accept', recordHash };
    const cases: readonly [OrderRow['state'], MessageInitShape<typeof ReplyStatusSchema>, isRead: boolean][] = [
      ['delivered', { state: '' }, false],
      ['delivered', { state: 'recorded', recordHash }, false],
      ['delivered', { state: 'recorded', recordHash, detail: '{"waitsForOpening":true}' }, true],
      ['delivered', audited, true],
      ['closed', audited, false],
      ['closed', { ...audited, state: 'settled', transaction: 'aa' }, true],
      ['open', { state: 'recorded' }, false],
      ['open', { state: 'recorded', recordHash }, true],
      ['open', { state: 'abandoned' }, true],
    ];
    const failure = { code: '', reason: '', shownBytes: 0 };
    const orders = createOrders(cases.length).map((order, i) => {
      const [state] = cases[i] as (typeof cases)[number];
      return { ...order, validator: calm, heldRecord: '', failure, state };
    });
    const { feed, read, errors } = openFeed(orders, () => cases.map(([, status]) => status), 1_000);
    await feed.trigger();
    expect(read).toEqual(orders.filter((_order, i) => cases[i]?.[2]).map(({ replyId }) => replyId));
    expect(errors).toEqual([]);
    await feed.stop();
  });

  it('close what its validator never saw, once that can change no more', async () => {
    const orders = createOrders(2);
    for (const [nowMs, count] of [
      [1_000, 0],
      [1_001, 2],
    ] as const) {
      const { feed, closed } = openFeed(orders, (_validator, replyIds) => replyIds.map(() => ({})), nowMs);
      await feed.trigger();
      expect(Object.values(closed), `${nowMs}`).toEqual(Array.from({ length: count }, () => 'never-admitted'));
      await feed.stop();
    }
  });

  it('come in the next round for those of a validator that had no time for them, and for no other ones twice', async () => {
    const orders = createOrders(600);
    let calls = 0;
    const { feed, asked } = openFeed(orders, (validator, replyIds) => {
      if (validator === loud && ++calls % 3 === 0) throw new LinkError('rate-limited', 'slow down');
      return replyIds.map(() => ({ state: 'recorded' }));
    });
    for (let round = 0; round < 3; round++) await feed.trigger();
    const answered = asked.filter((_one, at) => asked[at]?.validator === calm).flatMap(({ replyIds }) => replyIds);
    expect(new Set(answered).size).toBe(answered.length);
    const ofLoud = asked.filter(({ validator }) => validator === loud).map(({ replyIds }) => replyIds[0]);
    // The third call of each round is refused, and the next round begins with it.
    expect(new Set(ofLoud).size).toBe(5);
    expect(ofLoud[3]).toBe(ofLoud[2]);
    await feed.stop();
  });

  it('go one by one to a validator that takes no lists, which is not tried again for some minutes', async () => {
    const orders = createOrders(40);
    const ofLoud = orders.filter(({ validator }) => validator === loud).map(({ replyId }) => replyId);
    const { feed, askedSingly, closed, countAsked, errors, pass } = openFeed(
      orders,
      (validator, replyIds) => {
        if (validator === loud) throw new LinkError('remote', 'no such method', { refusal: 'unsupported' });
        return replyIds.map(() => ({ state: 'recorded' }));
      },
      2_000,
      (replyId) => {
        if (replyId === ofLoud[0]) throw new LinkError('remote', 'no such reply', { refusal: 'not-found' });
        return replyId === ofLoud[1] ? { state: 'audited', verdict: 'reject' } : { state: 'recorded' };
      },
    );
    await feed.trigger();
    expect(askedSingly).toEqual(ofLoud);
    expect(closed).toEqual({ [ofLoud[0] as string]: 'never-admitted', [ofLoud[1] as string]: 'reject' });
    expect(errors).toEqual([]);
    pass(60_000);
    await feed.trigger();
    expect(askedSingly).toHaveLength(2 * ofLoud.length);
    expect(countAsked(loud)).toHaveLength(1);
    pass(300_000);
    await feed.trigger();
    expect(countAsked(loud)).toHaveLength(2);
    await feed.stop();
  });

  it('end for the round where a validator is away, and are told of where it says what it should not', async () => {
    const { feed, countAsked, errors } = openFeed(createOrders(400), (validator) => {
      if (validator === loud) throw new LinkError('unreachable', 'away');
      throw new LinkError('remote', 'internal error');
    });
    await feed.trigger();
    expect([countAsked(loud), countAsked(calm)]).toEqual([[64], [64]]);
    expect(errors).toEqual([expect.objectContaining({ message: 'internal error' })]);
    await feed.stop();
  });

  it('come again for what an answer had no room for, and close nothing of it', async () => {
    const { feed, asked, closed } = openFeed(createOrders(2), () => [], 5_000);
    await feed.trigger();
    await feed.trigger();
    expect(asked).toHaveLength(4);
    expect(closed).toEqual({});
    await feed.stop();
  });
});
