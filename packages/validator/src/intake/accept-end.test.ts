import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { hashEnd, type OrderEnd, signEnd } from '@ogong/protocol/exchange/ending/order-end';
import { verifyIntake } from '@ogong/protocol/exchange/intake-receipt';
import { createTestClock, createTestValidator, ledger, payer, provider } from '@ogong/testing/validator/test-bench';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import { createTestDelivery, type TestOrder } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { readStatus } from '../reply-status.ts';
import { readChannel } from '../store/channel-store.ts';
import { readProvider } from '../store/verdict-store.ts';

const endOf = ({ fields }: TestOrder, change: Partial<OrderEnd> = {}, signer = provider) =>
  signEnd(signer, { orderHash: fields.orderHash, code: 'cannot-go-on', timeMs: 1_750_000_000_000, ...change });

async function admitOne(options: Parameters<typeof createTestValidator>[0] = {}) {
  const validator = createTestValidator(options);
  const order = validator.order(0);
  await validator.intake.admit(order);
  return { validator, order };
}

describe('an order that its provider ends', () => {
  it('is closed at once: no fee, no fine, no mark, and the deposit is free', async () => {
    const { validator, order } = await admitOne();
    const { replyId, orderHash, providerId } = order.fields;
    const end = endOf(order);
    const { epoch, signature } = await validator.intake.pushRecord({ order, end });
    expect(validator.decided).toMatchObject([
      {
        verdict: 'unjudged',
        evidence: 'none',
        feeAtomic: 0n,
        fineAtomic: 0n,
        beaconEpoch: 0n,
        ejects: false,
        verifiers: [],
      },
    ]);
    expect(readChannel(validator.store, payer.address)).toMatchObject({ outstanding: 0n, owed: 0n });
    expect(readProvider(validator.store, providerId)).toMatchObject({ audits: 0, rejects: 0, ejected: false });
    const { address, signingKey } = validator.member;
    const receipt = { validator: address, orderHash, recordHash: hashEnd(crypto, end), epoch, signature };
    expect(verifyIntake(crypto, { ledger, signingKey }, receipt)).toBe(true);
    const status = readStatus(validator.store, validator.cosigning, replyId);
    expect(status).toMatchObject({ state: 'audited', verdict: 'unjudged', feeAtomic: 0n });
    expect(status?.detail).toContain('the provider ended the order: its request allows no further step (cannot-go-on)');
  });

  it('is asked about no more, and has no record any more', async () => {
    const { validator, order } = await admitOne();
    await validator.intake.pushRecord({ order, end: endOf(order) });
    await validator.certify();
    await validator.runAbandonments();
    expect(validator.decided).toHaveLength(1);
    const { submission } = validator.serve(order);
    await expect(validator.intake.pushRecord(submission)).rejects.toThrow('unjudged already');
  });

  it('is acknowledged again, and another end changes nothing', async () => {
    const { validator, order } = await admitOne();
    const end = endOf(order);
    const first = await validator.intake.pushRecord({ order, end });
    expect(await validator.intake.pushRecord({ order, end })).toEqual(first);
    await expect(validator.intake.pushRecord({ order, end: endOf(order, { code: 'stopped' }) })).rejects.toThrow(
      'the reply is unjudged already',
    );
    expect(validator.decided).toHaveLength(1);
  });

  it('stays ended after a restart', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'ogong-end-'));
    const [path, clock] = [join(directory, 'validator.db'), createTestClock()];
    const { validator: before, order } = await admitOne({ path, clock });
    const end = endOf(order);
    const first = await before.intake.pushRecord({ order, end });
    await before.close();
    const validator = createTestValidator({ path, clock });
    expect(await validator.intake.pushRecord({ order, end })).toEqual(first);
    await validator.runAbandonments();
    expect(validator.decided).toEqual([]);
    await validator.close();
    rmSync(directory, { recursive: true });
  });
});

describe('an end', () => {
  it('changes nothing after a record', async () => {
    const { validator, order } = await admitOne();
    await validator.intake.pushRecord(validator.serve(order).submission);
    await expect(validator.intake.pushRecord({ order, end: endOf(order) })).rejects.toThrow(
      'the reply is recorded already',
    );
    expect(validator.find(order.fields.replyId)).toMatchObject({ state: 'recorded', feeAtomic: 86_000n });
  });

  it('changes nothing where the payer shows a record that the provider has signed', async () => {
    const { validator, order } = await admitOne();
    await validator.intake.acknowledge(createTestDelivery(order, validator.serve(order), { payer, ledger }));
    await expect(validator.intake.pushRecord({ order, end: endOf(order) })).rejects.toThrow(
      'the provider has signed a record for this order',
    );
    expect(validator.find(order.fields.replyId).state).toBe('admitted');
  });

  it.each<[string, string, (order: TestOrder, other: TestOrder) => ReturnType<typeof endOf>]>([
    ['of another key', 'the end is of another key', (order) => endOf(order, {}, createTestHybrid('stranger'))],
    ['of another order', 'the end is of another order', (_order, other) => endOf(other)],
    [
      'that nobody signed',
      'the provider did not sign',
      (order) => ({ ...endOf(order), signature: new Uint8Array(2_484) }),
    ],
    ['that cannot be read', 'malformed', (order) => ({ ...endOf(order), end: endOf(order).end.subarray(1) })],
  ])('%s is refused', async (_name, problem, make) => {
    const { validator, order } = await admitOne();
    await expect(validator.intake.pushRecord({ order, end: make(order, validator.order(1)) })).rejects.toThrow(problem);
    expect(validator.decided).toEqual([]);
    expect(validator.find(order.fields.replyId).state).toBe('admitted');
  });

  it('of an order that nobody admitted is refused before its signature is checked', async () => {
    const validator = createTestValidator();
    const order = validator.order(0);
    const end = { ...endOf(order), signature: new Uint8Array(0) };
    await expect(validator.intake.pushRecord({ order, end })).rejects.toThrow('no such reply');
  });
});
