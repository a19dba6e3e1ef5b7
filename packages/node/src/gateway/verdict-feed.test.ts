import { create } from '@bufbuild/protobuf';
import { LinkError } from '@ogong/host/link/link-error';
import { toHex } from '@ogong/protocol/base/bytes';
import { ReplyStatusSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { describe, expect, it } from 'vitest';
import type { OrderRow } from './order-book.ts';
import { createVerdictFeed, isForAnother, toClosing } from './verdict-feed.ts';

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
    // What a provider signed before it died is paid for.
    expect(isOther({}, fail('provider_failed'))).toBe(false);
  });
});

describe('the questions of a round', () => {
  it('end at a validator that says that there are too many, and go on at others', async () => {
    const [loud, calm] = ['0a'.repeat(20), '0b'.repeat(20)];
    const orders = Array.from({ length: 400 }, (_, i) => ({
      ...{ replyId: i.toString(16).padStart(32, '0'), validator: i % 2 === 0 ? loud : calm },
      ...{ state: 'delivered', expiresMs: 0 },
    })) as OrderRow[];
    const asked: Record<string, number> = {};
    const feed = createVerdictFeed(
      { intervalMs: 60_000 },
      {
        ledger: {
          listUnsettled: async (limit, offset) => orders.slice(offset, offset + limit),
          close: async () => true,
        },
        chain: { findByAddress: (address: Uint8Array) => ({ address }) } as never,
        clock: { nowMs: () => 0 },
        links: {
          to: (_service: unknown, { address }: { address: Uint8Array }) => ({
            async getReply() {
              const name = toHex(address);
              asked[name] = (asked[name] ?? 0) + 1;
              if (name === loud) throw new LinkError('rate-limited', 'too many of these calls, slow down');
              return create(ReplyStatusSchema, { state: 'recorded' });
            },
          }),
        } as never,
      },
    );
    await feed.trigger();
    // A page is asked at once.
    expect(asked).toEqual({ [loud]: 32, [calm]: 200 });
    await feed.stop();
  });
});
