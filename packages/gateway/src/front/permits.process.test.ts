import { describePermit, type UptoPermit } from '@ogong/chain/money/permits';
import { toHex } from '@ogong/protocol/base/bytes';
import { allowPermits, installPermits } from '@ogong/testing/chain/dev-permits';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { createPostgresPlace } from '@ogong/testing/gateway/books-place';
import { FAKE_MODEL, fakePayer } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { createPermitBench } from '@ogong/testing/gateway/permit-bench';
import { checkStaleRow } from '@ogong/testing/gateway/permits-compliance';
import { noPostgres, startTestPostgres } from '@ogong/testing/gateway/postgres-server';
import { x402Client } from '@x402/core/client';
import { UptoEvmScheme } from '@x402/evm/upto/client';
import { decodePaymentResponseHeader, wrapFetchWithPayment } from '@x402/fetch';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createChannelLedger } from '../books/channel-ledger.ts';
import { findPermit, listUnsettledPermits, namePermit, type PermitRow } from '../books/permit-store.ts';
import { reconcile } from '../books/reconcile.ts';
import { readSpending } from '../books/spending-store.ts';

const LEAST = 10n;
const payTo = `0x${toHex(fakePayer.address)}` as const;

type Member = Awaited<ReturnType<TestLedger['createMember']>>;

let ledger: TestLedger;
/** The gateway's account that sends transactions. */
let sender: Member;
let caller: Member;
let fixture: GatewayFixture;
/** Time of the chain, if it is ahead of the clock. */
let chainTime: bigint | undefined;
beforeAll(async () => {
  ledger = await startTestLedger();
  await installPermits(ledger);
  sender = await ledger.createMember();
});
afterAll(() => ledger?.stop());
beforeEach(async () => {
  caller = await ledger.createMember(10n * unit);
  await allowPermits(caller, ledger.deployment.token, 10n * unit);
  chainTime = undefined;
  fixture = await open();
});
afterEach(() => fixture.close());

const open = (mostUnsettledAtomic = 20n * unit): Promise<GatewayFixture> =>
  createGatewayFixture({
    options: { spending: { maxPricePer1kAtomic: unit } },
    payments: {
      options: {
        ...{
          deployment: ledger.deployment,
          leastAtomic: LEAST,
          confirmations: 2n,
          intervalMs: 50,
          mostUnsettledAtomic,
        },
      },
      client: async () => ({ ...sender.client, chainTime: async () => chainTime ?? sender.client.chainTime() }),
    },
  });

const body = JSON.stringify({ model: FAKE_MODEL, messages: [{ role: 'user', content: 'Hi' }], max_tokens: 4 });
/** The client that everybody uses, with a wallet that knows the scheme `upto` alone. @param reads lets it sign approvals. */
function payAs({ privateKey }: Member, reads?: { readonly rpcUrl: string }) {
  const wallet = new UptoEvmScheme(privateKeyToAccount(privateKey), reads);
  const client = new x402Client().register('eip155:*', wallet).setSpendControls({ allowedAssets: true });
  const paying = wrapFetchWithPayment(fetch, client);
  return (): Promise<Response> =>
    paying(`${fixture.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-ogong-receipt': 'inline' },
      body,
    });
}
const balanceOf = (account: `0x${string}`): Promise<bigint> => sender.client.balanceOf(account);
const listUnsettled = (): Promise<PermitRow[]> => fixture.books.read(() => listUnsettledPermits(10));
async function findOnly(): Promise<UptoPermit> {
  const [row] = await listUnsettled();
  if (row === undefined) throw new TypeError('no permit waits');
  return row.permit;
}
const readState = async (permit: UptoPermit) => (await fixture.books.read(() => findPermit(permit)))?.state;

/** Settles the only open order as the network does: with a fee, or with none after a rejection. */
async function settleReply(permit: UptoPermit, feeAtomic: bigint): Promise<void> {
  const orders = createChannelLedger(fixture.books);
  const [order] = await orders.listUnsettled(10, 0);
  if (order?.keyId !== namePermit(permit)) throw new TypeError('the permit has no open order');
  const closing = { judgedRecord: '', feeAtomic, verdict: 'accepted', detail: '', settlement: 'settled' };
  await orders.close(order.replyId, closing);
}

it('answers first and then takes the fee that the network settled, by the client that everybody uses', async () => {
  const before = await balanceOf(payTo);
  const answer = await payAs(caller)();
  expect(answer.status).toBe(200);
  const response = decodePaymentResponseHeader(answer.headers.get('payment-response') as string);
  expect(response).toMatchObject({ success: true, transaction: '', network: `eip155:${ledger.deployment.chainId}` });
  const permit = await findOnly();
  expect(await balanceOf(payTo)).toBe(before);
  const { id } = (await answer.json()) as { readonly id: string };
  const readPayment = async () => {
    const receipt = (await (await fetch(`${fixture.url}/v1/receipts/${id}`)).json()) as { readonly payment: object };
    return receipt.payment;
  };
  const named = { scheme: 'upto', payer: caller.address, nonce: `${permit.nonce}`, max_atomic: `${permit.maximum}` };
  expect(await readPayment()).toMatchObject({ ...named, taken_atomic: null, transaction: null });

  const { reserved } = await readSpending(fixture.books, namePermit(permit));
  const feeAtomic = reserved - 1n;
  expect(feeAtomic).toBeGreaterThan(LEAST);
  await settleReply(permit, feeAtomic);
  await expect.poll(() => readState(permit)).toBe('done');
  const transaction = expect.stringMatching(/^0x[0-9a-f]{64}$/);
  expect(await readPayment()).toMatchObject({ ...named, taken_atomic: `${feeAtomic}`, transaction });
  expect(await balanceOf(payTo)).toBe(before + feeAtomic);
  expect(await balanceOf(caller.address)).toBe(10n * unit - feeAtomic);
  expect(await reconcile(fixture.books)).toEqual([]);
});

it('takes nothing for a reply that the network rejects', async () => {
  expect((await payAs(caller)()).status).toBe(200);
  const permit = await findOnly();
  await settleReply(permit, 0n);
  await expect.poll(() => readState(permit)).toBe('done');
  expect(await balanceOf(caller.address)).toBe(10n * unit);
  expect(await reconcile(fixture.books)).toEqual([]);
});

it('raises a tiny fee to the least payment, and lets the payer spend the rest as credit', async () => {
  expect((await payAs(caller)()).status).toBe(200);
  const permit = await findOnly();
  await settleReply(permit, 1n);
  await expect.poll(() => readState(permit)).toBe('done');
  expect(await balanceOf(caller.address)).toBe(10n * unit - LEAST);
  const credit = await fixture.books.read(function* () {
    const parameters = [`pay:${caller.address}`];
    return (yield { sql: 'SELECT amount FROM granted WHERE account = ?', parameters }).rows[0]?.amount;
  });
  expect(credit).toBe(`${LEAST - 1n}`);
  expect(await reconcile(fixture.books)).toEqual([]);
});

it('takes a payment once, whether the gateway died before or after it was sent', async () => {
  const before = await balanceOf(payTo);
  expect((await payAs(caller)()).status).toBe(200);
  const permit = await findOnly();
  await settleReply(permit, LEAST);
  await expect.poll(() => readState(permit)).toBe('done');
  // The chain has it and the store does not.
  await fixture.books.write(function* () {
    yield { sql: "UPDATE permits SET state = 'taking', transaction_hash = ''", parameters: [] };
  });
  await expect.poll(() => readState(permit)).toBe('done');
  expect(await balanceOf(payTo)).toBe(before + LEAST);
  expect((await fixture.books.read(() => findPermit(permit)))?.transactionHash).toMatch(/^0x[0-9a-f]{64}$/);
  expect(await reconcile(fixture.books)).toEqual([]);
});

it('serves no payer again that moved its tokens away', async () => {
  expect((await payAs(caller)()).status).toBe(200);
  const permit = await findOnly();
  await caller.client.transfer(ledger.deployment.escrow, await balanceOf(caller.address));
  await settleReply(permit, LEAST);
  await expect.poll(() => readState(permit)).toBe('taking');
  chainTime = permit.deadline + 1n;
  await expect.poll(() => readState(permit)).toBe('lost');
  expect(await reconcile(fixture.books)).toEqual([]);
  await ledger.governor.transfer(caller.address, unit);
  const again = await payAs(caller)();
  expect([again.status, await again.text()]).toEqual([402, expect.stringContaining('could not be taken')]);
});

it('takes no transfer by another facilitator for the payment', async () => {
  expect((await payAs(caller)()).status).toBe(200);
  const permit = await findOnly();
  const own = { ...permit, facilitator: caller.address };
  const signature = await privateKeyToAccount(caller.privateKey).signTypedData(describePermit(ledger.deployment, own));
  await caller.client.takeByPermit({ permit: own, signature, approval: undefined }, 1n);
  await settleReply(permit, LEAST);
  await expect.poll(() => readState(permit)).toBe('taking');
  chainTime = permit.deadline + 1n;
  await expect.poll(() => readState(permit)).toBe('lost');
  expect(await reconcile(fixture.books)).toEqual([]);
});

it('takes a payment by a signed approval, of a payer that never approved Permit2', async () => {
  const before = await balanceOf(payTo);
  const payer = await ledger.createMember(10n * unit);
  expect((await payAs(payer, ledger.chain)()).status).toBe(200);
  const permit = await findOnly();
  await settleReply(permit, LEAST);
  await expect.poll(() => readState(permit)).toBe('done');
  expect(await balanceOf(payTo)).toBe(before + LEAST);
  expect(await sender.client.permitFundsOf(payer.address)).toMatchObject({
    allowanceAtomic: permit.maximum - LEAST,
    approvalNonce: 1n,
  });
  expect((await payAs(payer, ledger.chain)()).status).toBe(200);
  expect(await reconcile(fixture.books)).toEqual([]);
});

it('refuses payments beyond its limit, and a payer that lets permits spend nothing', async () => {
  const stranger = await ledger.createMember(10n * unit);
  const refused = await payAs(stranger)();
  expect([refused.status, await refused.text()]).toEqual([402, expect.stringContaining('insufficient_funds')]);
  await fixture.close();
  fixture = await open(1n);
  const full = await payAs(caller)();
  expect([full.status, await full.text()]).toEqual([402, expect.stringContaining('as many payments as it may')]);
});

describe.skipIf(noPostgres !== undefined)(`gateways with one database${noPostgres ? ` (${noPostgres})` : ''}`, () => {
  it('credit the rest of what the chain took, after another one fixed the amount', async () => {
    const server = await startTestPostgres();
    try {
      const place = await createPostgresPlace(server);
      const opened = await Promise.all([place.open(), place.open()]);
      await checkStaleRow(createPermitBench({ gateways: 2, stores: opened.map(({ books }) => books) }));
      await Promise.all(opened.map(({ close }) => close()));
    } finally {
      await server.stop();
    }
  });
});
