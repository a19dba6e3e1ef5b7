import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { Refusal } from '@ogong/host/link/link-error';
import { openStore, type Store } from '@ogong/host/store/store';
import { computeFeeFloor } from '@ogong/protocol/exchange/fee';
import { CHANNEL_READING_MS, MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import { verifySignedOrder } from '@ogong/protocol/verdict/claim';
import { createTestValidator, ejectProvider, ledger, payer, provider } from '@ogong/testing/validator/test-bench';
import { createTestOrder, payeeSigner } from '@ogong/testing/validator/test-reply';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VALIDATOR_SCHEMA } from '../store/schema.ts';
import { findAdmitted } from './accept-record.ts';
import { assertInTime, assertNotEjected, findChannel } from './admit-order.ts';

let store: Store;
beforeEach(() => {
  store = openStore(':memory:', { schema: VALIDATOR_SCHEMA });
});
afterEach(() => store.close());

const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

it('admits no order below the floor of a fee, if money is real; nor does who co-signs it', async () => {
  const real = { chainId: 1n, verifyingContract: new Uint8Array(20).fill(0xe5) };
  const floor = computeFeeFloor(real);
  const sign = (maxFeeAtomic: bigint, pricePer1kAtomic = 1n) =>
    createTestOrder({
      ...{ payer, ledger: real, validator: bytes(20, 2), provider, index: 0, epoch: 0n, expiresAtMs: 1 },
      bend: { maxFeeAtomic, pricePer1kAtomic },
    });
  // Intake, complaints, co-signers and readers of a verdict use this function for a signed order.
  expect(() => verifySignedOrder(crypto, real, sign(floor - 1n))).toThrow(`offers ${floor} at least`);
  expect(() => verifySignedOrder(crypto, real, sign(floor, 0n))).toThrow('has a price');
  expect(verifySignedOrder(crypto, real, sign(floor)).maxFeeAtomic).toBe(floor);
  const { intake } = createTestValidator({ ledger: real });
  await expect(intake.admit(sign(floor - 1n))).rejects.toThrow(`offers ${floor} at least`);
  await expect(intake.admit(sign(floor))).rejects.toThrow('another validator');
});

it('admits an order until it expires, and only of the epochs around the newest', () => {
  const nowMs = 1_000_000;
  const state = { clock: { nowMs: () => nowMs } };
  const check = (leftMs: number, epoch = 10n) =>
    assertInTime(state, { expiresAtMs: BigInt(nowMs + leftMs), epoch }, 10n);
  check(1);
  check(MAX_ORDER_LIFETIME_MS, 8n);
  check(1, 12n);
  expect(() => check(0)).toThrow('expired 0 ms ago');
  expect(() => check(MAX_ORDER_LIFETIME_MS + 1)).toThrow('an order lives at most');
  expect(() => check(1, 7n)).toThrow('an order of epoch 7 in epoch 10');
  expect(() => check(1, 13n)).toThrow('an order of epoch 13 in epoch 10');
});

it('admits no order of a longer reply than verifiers of other payees have room for', async () => {
  const admit = async (verifier: string | undefined, contextSize: number) => {
    const validator = createTestValidator();
    await validator.announce(provider);
    const own = verifier === 'own' ? payeeSigner : undefined;
    if (verifier !== undefined) await validator.announceVerifier(verifier, 'x', own, { contextSize });
    await validator.intake.admit(validator.order(0));
  };
  await admit('v1', 4_096);
  await expect(admit('v1', 50)).rejects.toThrow(/verifiers of this model have room for 50 tokens .*, not for \d+/);
  await admit(undefined, 50);
  await admit('own', 50);
});

it('admits none for a provider that was ejected, here or on the chain', async () => {
  const providerId = bytes(32, 1);
  const on = (isEjected: boolean) => ({ store, chain: { isEjected: async () => isEjected } });
  await assertNotEjected(on(false), providerId);
  await expect(assertNotEjected(on(true), providerId)).rejects.toThrow('ejected');
  store.transact((db) => ejectProvider(db, providerId));
  await expect(assertNotEjected(on(false), providerId)).rejects.toThrow('ejected');
});

describe("the payer's channel", () => {
  const order = { payer: bytes(20, 1), validator: bytes(20, 2) };

  it('is asked for once, as one that covers the order', async () => {
    const asked: unknown[] = [];
    const channel = async (...call: unknown[]) => {
      asked.push(call);
      return { spendable: 4n } as never;
    };
    expect(await findChannel({ chain: { channel } }, order, 5n)).toEqual({ spendable: 4n });
    expect(asked).toEqual([[order.payer, order.validator, { coversAtomic: 5n, maxAgeMs: CHANNEL_READING_MS }]]);
  });

  it('that cannot be read is a reason to ask again', async () => {
    const channel = () => Promise.reject(new Error('no chain'));
    await expect(findChannel({ chain: { channel } }, order, 5n)).rejects.toThrow('cannot be read: no chain');
  });
});

it('refuses another order under the id of an admitted one at once, and reads no channel for it', async () => {
  const readings: unknown[] = [];
  const funds = 10n ** 18n;
  const channel = { spendable: funds, spent: 0n, admitted: funds, releasing: 0n, releasableAt: 0n };
  const validator = createTestValidator({
    channel: async (...call) => {
      readings.push(call);
      return channel;
    },
  });
  const { intake, clock } = validator;
  const first = validator.order(0);
  await intake.admit(first);
  clock.advance(2 * MAX_ORDER_LIFETIME_MS);
  const second = validator.order(1, { nonce: first.fields.nonce });
  expect(second.fields.replyId).toEqual(first.fields.replyId);
  const refusal = await intake.admit(second).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(Refusal);
  expect(refusal).toMatchObject({ rawMessage: 'conflict: another order was admitted under this reply id' });
  expect(readings).toHaveLength(1);
});

it('accepts a record for the order that it was admitted under, and for no other', async () => {
  const validator = createTestValidator();
  const order = validator.order(0);
  const { store } = validator;
  const find = (signed = order) => findAdmitted({ store, crypto, ledger }, { order: signed });
  expect(() => find()).toThrow('no such reply');
  await validator.intake.admit(order);
  expect(find().orderBytes).toEqual(order.order);
  const other = validator.order(0, { maxFeeAtomic: order.fields.maxFeeAtomic + 1n });
  expect(other.fields.replyId).toEqual(order.fields.replyId);
  expect(() => find(other)).toThrow('under another order');
  expect(() => find(validator.order(1))).toThrow('no such reply');
});
