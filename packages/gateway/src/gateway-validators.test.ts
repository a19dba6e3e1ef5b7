import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { Refusal } from '@ogong/host/link/link-error';
import { equalBytes, fromBase64, fromHex, toHex } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { hashRecord } from '@ogong/protocol/commitment/record';
import { findValidator } from '@ogong/protocol/crypto/quorum';
import { findAdmissionProblem, type SignedAdmission } from '@ogong/protocol/exchange/admission';
import { hashDelivery, parseDelivery } from '@ogong/protocol/exchange/delivery';
import { verifyHeld } from '@ogong/protocol/exchange/held-delivery';
import { verifyIntake } from '@ogong/protocol/exchange/intake-receipt';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { PROVIDER_HEADER } from '@ogong/protocol/http/routes';
import { parseReceipt } from '@ogong/protocol/stage1/receipt';
import type { SignedRecord } from '@ogong/protocol/verdict/claim';
import { verifyDelivery } from '@ogong/protocol/verdict/delivered-record';
import { createClient } from '@ogong/sdk';
import { chat, openClient } from '@ogong/testing/gateway/gateway-client';
import { createGatewayFixture, type FixtureOptions, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import type OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';

type HeldJson = Readonly<Record<'validator' | 'delivery' | 'signature', string>>;

let fixture: GatewayFixture;
afterEach(() => fixture.close());

async function open(options: FixtureOptions = {}): Promise<OpenAI> {
  fixture = await createGatewayFixture(options);
  return openClient(fixture);
}

describe('validators', () => {
  it('are told which record was given, and hear it when they are back', async () => {
    const client = await open();
    const { network } = fixture;
    await client.chat.completions.create(chat);
    await expect.poll(() => network.deliveries.length).toBe(1);
    network.deadValidators.add(0).add(1);
    await client.chat.completions.create(chat);
    const given = network.orders.map(({ orderHash }) => toHex(orderHash));
    network.deadValidators.clear();
    await expect.poll(() => network.deliveries.length).toBe(2);
    const { ledger } = network.chain;
    for (const { order, delivery, record, header, headerProof } of network.deliveries) {
      const named = nameOrder(crypto, ledger, parseOrder(order!.order));
      const bound = { ...(record as SignedRecord), header, headerProof };
      const { orderHash } = verifyDelivery(crypto, { ledger, order: named }, { ...delivery!, bound });
      expect(given).toContain(toHex(orderHash));
    }
    // The other validator hears the same, with the word of the handling one for the order.
    await expect.poll(() => network.heard.length).toBe(2);
    const signed = (one: (typeof network.heard)[number]) => toHex(one.delivery!.signature);
    expect(new Set(network.heard.map(signed))).toEqual(new Set(network.deliveries.map(signed)));
    for (const told of network.heard) {
      const named = nameOrder(crypto, ledger, parseOrder(told.order!.order));
      const validators = network.chain.validators();
      const signingKeys = [findValidator(validators, named.validator)!.signingKey];
      const admission = told.admission as SignedAdmission;
      expect(findAdmissionProblem(crypto, { ledger, order: named, signingKeys }, admission)).toBeUndefined();
    }
    // Nobody acknowledges a reply that fails its check.
    network.providers[0]!.behaviour = { signedText: 'something else' };
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ code: 'ogong_check_failed' });
    await expect.poll(() => network.complaints.length).toBe(1);
    expect(network.deliveries).toHaveLength(2);
  });

  it('sign for the record when they have it, which completes the receipt', async () => {
    const client = await open();
    const { network, url } = fixture;
    network.awaits = 1;
    await client.chat.completions.create(chat);
    const id = toHex(network.orders[0]!.replyId);
    const read = async () => parseReceipt(await (await fetch(`${url}/v1/receipts/${id}`)).json());
    await expect.poll(async () => (await read()).intake).toBeDefined();
    const { checks } = (await (await fetch(`${url}/v1/receipts/${id}`)).json()) as { checks: Check[] };
    expect(checks.filter(({ id: name }) => name === 'intake')).toMatchObject([{ status: 'pass' }]);
    expect(network.deliveries).toHaveLength(2);
    // Both validators keep what this gateway was given, and sign for that.
    const shown = async () => (await (await fetch(`${url}/v1/receipts/${id}`)).json()) as { held: HeldJson[] };
    await expect.poll(async () => (await shown()).held.length).toBe(2);
    for (const { validator: name, delivery: told, signature } of (await shown()).held) {
      const [by, signingKey] = [fromHex(name.slice(2)), fromHex(name.slice(2))];
      const delivery = hashDelivery(crypto, network.chain.ledger, parseDelivery(fromBase64(told)));
      const word = { validator: by, delivery, signature: fromBase64(signature) };
      expect(verifyHeld(crypto, { ledger: network.chain.ledger, signingKey }, word)).toBe(true);
    }
    const { order, record, ledger, intake } = await read();
    const { orderHash, validator } = nameOrder(crypto, ledger, parseOrder(order.bytes));
    const named = { ...intake!, validator, orderHash, recordHash: hashRecord(crypto, record.bytes) };
    expect(verifyIntake(crypto, { ledger, signingKey: validator }, named)).toBe(true);
  });

  it('that sign for something else complete no receipt, and are asked again', async () => {
    const client = await open();
    const { network, url } = fixture;
    network.bendIntake = (signature) => signature.map((byte, i) => (i === 3 ? byte ^ 1 : byte));
    await client.chat.completions.create(chat);
    await expect.poll(() => network.deliveries.length).toBeGreaterThan(1);
    const id = toHex(network.orders[0]!.replyId);
    expect(parseReceipt(await (await fetch(`${url}/v1/receipts/${id}`)).json()).intake).toBeUndefined();
    network.bendIntake = (signature) => signature;
    const read = async () => parseReceipt(await (await fetch(`${url}/v1/receipts/${id}`)).json());
    await expect.poll(async () => (await read()).intake).toBeDefined();
  });

  it('that sign for another delivery are asked again, and their signature is not kept', async () => {
    const client = await open();
    const { network, url } = fixture;
    network.bendHeld = (signature) => signature.map((byte, i) => (i === 3 ? byte ^ 1 : byte));
    await client.chat.completions.create(chat);
    await expect.poll(() => network.heard.length).toBeGreaterThan(1);
    const id = toHex(network.orders[0]!.replyId);
    const shown = async () => (await (await fetch(`${url}/v1/receipts/${id}`)).json()) as { held: HeldJson[] };
    expect((await shown()).held).toEqual([]);
    network.bendHeld = (signature) => signature;
    await expect.poll(async () => (await shown()).held.length).toBe(2);
  });

  it('that never admitted the order have the reply refused', async () => {
    const signature = new Uint8Array(65);
    const client = await open({ providers: [{ bendAdmission: (admission) => ({ ...admission, signature }) }] });
    const call = client.chat.completions.create(chat);
    await expect(call).rejects.toMatchObject({ message: expect.stringContaining('admission: the validator') });
  });

  it('stand in for one another', async () => {
    const client = await open();
    await client.chat.completions.create(chat);
    const { network } = fixture;
    const first = network.orders[0]!.validator;
    await client.chat.completions.create(chat);
    expect(network.orders[1]!.validator).toEqual(first);
    network.deadValidators.add(
      network.chain.validators().findIndex(({ address }) => Buffer.compare(address, first) === 0),
    );
    // The first failure is what makes the gateway look.
    network.providers[0]!.behaviour = { dieAfter: 0 };
    await expect(client.chat.completions.create(chat)).rejects.toThrow();
    network.providers[0]!.behaviour = {};
    await client.chat.completions.create(chat);
    expect(network.orders.at(-1)!.validator).not.toEqual(first);
    // The complaint waits for the dead one and is heard when it is back.
    expect(network.complaints).toEqual([]);
    network.deadValidators.clear();
    await expect.poll(() => network.complaints.length).toBe(1);
    network.deadValidators.add(0).add(1);
    network.providers[0]!.behaviour = { dieAfter: 0 };
    await expect(client.chat.completions.create(chat)).rejects.toThrow();
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ code: 'validator_unreachable' });
  });

  it('that are away are no fault of a provider: the next one is asked, and the router hears of no refusal', async () => {
    const client = await open({ providers: [{ asksValidator: true }] });
    const { network } = fixture;
    await client.chat.completions.create(chat);
    const first = network.orders[0]!.validator;
    network.deadValidators.add(
      network.chain.validators().findIndex(({ address }) => Buffer.compare(address, first) === 0),
    );
    await client.chat.completions.create(chat);
    expect(network.orders.at(-1)!.validator).not.toEqual(first);
    const outcomes = () => network.reports.map(({ outcome }) => outcome).sort();
    await expect.poll(outcomes).toEqual(['ok', 'ok', 'unused']);
    // Nor does a test of this provider count.
    network.deadValidators.add(0).add(1);
    const named = { headers: { [PROVIDER_HEADER]: toHex(network.providers[0]!.id) } };
    await expect(client.chat.completions.create(chat, named)).rejects.toMatchObject({ code: 'validator_unreachable' });
    expect(network.complaints).toEqual([]);
  });

  it('that are away hide no refusal of a provider before', async () => {
    const client = await open();
    const { network } = fixture;
    await client.chat.completions.create(chat);
    network.providers[0]!.behaviour = { refuse: new Refusal('unavailable', 'its slots are taken') };
    network.deadValidators.add(0).add(1);
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ code: 'provider_busy' });
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ code: 'validator_unreachable' });
  });

  it('that answer this gateway are no excuse for a provider', async () => {
    const refuse = new Refusal('not-admitted', 'the validator did not admit the order: it is down');
    const client = await open({ providers: [{ refuse }] });
    const { network } = fixture;
    const named = { headers: { [PROVIDER_HEADER]: toHex(network.providers[0]!.id) } };
    const failed = { status: 503, code: 'order_not_admitted' };
    await expect(client.chat.completions.create(chat, named)).rejects.toMatchObject(failed);
    const outcomes = () => network.reports.map(({ outcome }) => outcome);
    await expect.poll(outcomes).toEqual(['refused', 'refused']);
    expect(network.complaints).toEqual([]);
  });

  it.each([
    ['plain', false, true],
    ['sealed', true, true],
    ['plain, with a signed end', false, 'and signs an end'],
    ['sealed, with a signed end', true, 'and signs an end'],
  ] as const)(
    'that answer this gateway and admit nothing are left, once three orders in a row say so (%s)',
    async (_, isSealed, asksValidator) => {
      const client = await open({ providers: [{ asksValidator, seals: true }] });
      const { network, url: baseUrl } = fixture;
      const { ledger, network: contracts } = network.chain;
      const trust = { ledger, settlement: contracts.settlement };
      // The fixture's parties are in no list.
      const allow = ['router', 'validator', 'admission', 'intake', 'model-root'];
      const sealing = createClient({ baseUrl, trust, allow, isSealed: true });
      await client.chat.completions.create(chat);
      const first = network.orders[0]!.validator;
      const unwilling = network.chain.validators().findIndex(({ address }) => equalBytes(address, first));
      const named = { headers: { [PROVIDER_HEADER]: toHex(network.providers[0]!.id) } };
      const refused = { status: 503, code: 'order_not_admitted' };
      network.unwillingValidators.add(unwilling);
      await expect(client.chat.completions.create(chat, named)).rejects.toMatchObject(refused);
      // It admits one in between: those before count no more.
      network.unwillingValidators.clear();
      if (isSealed) await sealing.chat.completions.create(chat);
      else await client.chat.completions.create(chat);
      expect(network.orders.at(-1)!.validator).toEqual(first);
      network.unwillingValidators.add(unwilling);
      await expect(client.chat.completions.create(chat, named)).rejects.toMatchObject(refused);
      // The third in a row, and the same provider once more.
      await client.chat.completions.create(chat, named);
      expect(network.orders.at(-1)!.validator).not.toEqual(first);
      await client.chat.completions.create(chat);
      expect(network.orders.at(-1)!.validator).not.toEqual(first);
    },
  );

  it('set free what their verdicts do not charge', async () => {
    const client = await open();
    const { network } = fixture;
    await client.chat.completions.create({ ...chat, max_tokens: 100 });
    const { replyId, cumulativeAtomic } = network.orders[0]!;
    network.statuses.set(Buffer.from(replyId).toString('hex'), {
      state: 'audited',
      verdict: 'reject',
      feeAtomic: 26_000n,
      recordHash: new Uint8Array(32).fill(7),
    });
    const path = `${fixture.url}/v1/receipts/${Buffer.from(replyId).toString('hex')}?compact=1`;
    const read = async () => (await (await fetch(path)).json()) as { status: { verdict: string; record_hash: string } };
    await expect.poll(async () => (await read()).status.verdict).toBe('reject');
    expect((await read()).status.record_hash).toBe('07'.repeat(32));
    await client.chat.completions.create({ ...chat, max_tokens: 100 });
    expect(network.orders[1]!.cumulativeAtomic).toBe(cumulativeAtomic);
  });

  it('are not promised more than the channel holds', async () => {
    const client = await open();
    fixture.network.setChannel({ admitted: 10n, spent: 0n, releasing: 0n, releasableAt: 0n, spendable: 10n });
    await expect(client.chat.completions.create(chat)).rejects.toMatchObject({ status: 503, code: 'escrow_exhausted' });
    expect(fixture.network.orders).toEqual([]);
  });
});
