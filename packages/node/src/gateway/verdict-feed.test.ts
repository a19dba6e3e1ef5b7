import { create } from '@bufbuild/protobuf';
import { ReplyStatusSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { describe, expect, it } from 'vitest';
import type { OrderRow } from './channel-ledger.ts';
import { isForAnother, toClosing } from './verdict-feed.ts';

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
