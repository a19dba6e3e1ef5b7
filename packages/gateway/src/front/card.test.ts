import { Secret } from '@ogong/host/crypto/secret';
import { type ApiApp, createApiApp } from '@ogong/host/http/api-app';
import { createSqlitePlace, type OpenBooks, type TestBooksPlace } from '@ogong/testing/gateway/books-place';
import fc from 'fast-check';
import Stripe from 'stripe';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createAccounts } from '../books/accounts.ts';
import { listCredits } from '../books/credit-store.ts';
import { reconcile } from '../books/reconcile.ts';
import { nameAccount } from '../books/spending-store.ts';
import { createCardHandler } from './card-handler.ts';

const SECRET = 'whsec_test';
const RATE = 1_000n;
const NOW_S = 1_800_000_000;
const stripe = new Stripe('sk_test_unused');

let place: TestBooksPlace;
let opened: OpenBooks;
let app: ApiApp;
beforeEach(async () => {
  place = await createSqlitePlace();
  await open();
  await createAccounts(opened.books, Date.now).as('test').putOrganisation({ id: 'acme', name: 'Acme' });
});
afterEach(async () => {
  await opened.close();
  await place.remove();
});

async function open(): Promise<void> {
  opened = await place.open();
  app = createApiApp();
  const { books } = opened;
  const options = { secret: new Secret(SECRET), rates: new Map([['usd', RATE]]) };
  const limits = { maxBytes: 10_000, timeoutMs: 1_000 };
  const clock = { nowMs: () => NOW_S * 1_000 };
  const accounts = createAccounts(books, Date.now);
  app.post('/hooks/card', createCardHandler(options, { books, accounts, clock, bodyLimits: limits, onBooked() {} }));
}

interface TestEvent {
  readonly id: string;
  readonly type: string;
  readonly created: number;
  readonly data: { readonly object: object };
}
/** As the provider signs it, by its own test helper. */
const sign = (payload: string, { secret = SECRET, timestamp = NOW_S } = {}): string =>
  stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp });
async function tell(event: object, header?: string): Promise<number> {
  const body = JSON.stringify(event);
  const headers = { 'stripe-signature': header ?? sign(body) };
  return (await app.request('/hooks/card', { method: 'POST', headers, body }, {})).status;
}
const credit = async (): Promise<bigint> => {
  const entries = await listCredits(opened.books, nameAccount('acme'));
  return entries.reduce((sum, { amountAtomic }) => sum + amountAtomic, 0n);
};

const make = (id: string, type: string, object: object, created = NOW_S): TestEvent => ({
  ...{ id, type, created },
  data: { object },
});
const paid = (id: string, change: object = {}) =>
  make(id, 'checkout.session.completed', {
    ...{ id: 'cs_1', payment_status: 'paid', payment_intent: 'pi_1', client_reference_id: 'acme' },
    ...{ amount_total: 500, currency: 'usd', customer_details: { email: 'a@example.com' }, ...change },
  });
const refunded = (id: string, amount: number) =>
  make(id, 'charge.refunded', { payment_intent: 'pi_1', amount_refunded: amount });
const disputed = (id: string, isHeld: boolean, created: number) => {
  const type = isHeld ? 'charge.dispute.funds_withdrawn' : 'charge.dispute.funds_reinstated';
  return make(id, type, { payment_intent: 'pi_1', amount: 500 }, created);
};

it('credits a payment once, however often and by which event it is told, and keeps nothing of who paid', async () => {
  for (const event of [paid('evt_1'), paid('evt_1')]) expect(await tell(event)).toBe(200);
  expect(await tell({ ...paid('evt_2'), type: 'checkout.session.async_payment_succeeded' })).toBe(200);
  expect(await credit()).toBe(500n * RATE);
  await opened.close();
  await open();
  expect(await tell(paid('evt_1'))).toBe(200);
  expect(await credit()).toBe(500n * RATE);
  expect(await place.dump()).not.toContain('example.com');
});

it('takes back what is refunded, and what a dispute holds while it holds it', async () => {
  await tell(paid('evt_1'));
  await tell(refunded('evt_2', 100));
  await tell(refunded('evt_3', 150));
  expect(await credit()).toBe(350n * RATE);
  await tell(disputed('evt_4', true, NOW_S + 1));
  expect(await credit()).toBe(0n);
  await tell(disputed('evt_5', false, NOW_S + 2));
  expect(await credit()).toBe(350n * RATE);
  expect(await reconcile(opened.books)).toEqual([]);
});

it('comes to the same, in whatever order events come, how often, and where the process dies', async () => {
  const events = [
    paid('evt_1'),
    refunded('evt_2', 100),
    refunded('evt_3', 150),
    disputed('evt_4', true, NOW_S + 1),
    disputed('evt_5', false, NOW_S + 2),
  ];
  const order = fc
    .shuffledSubarray(events, { minLength: events.length })
    .chain((all) => fc.array(fc.constantFrom(...events), { maxLength: 5 }).map((more) => [...all, ...more]));
  await fc.assert(
    fc.asyncProperty(order, fc.nat(9), async (told, diesAfter) => {
      await opened.close();
      await place.remove();
      place = await createSqlitePlace();
      await open();
      await createAccounts(opened.books, Date.now).as('test').putOrganisation({ id: 'acme', name: 'Acme' });
      for (const [index, event] of told.entries()) {
        expect(await tell(event)).toBe(200);
        if (index !== diesAfter) continue;
        await opened.close();
        await open();
      }
      expect(await credit()).toBe(350n * RATE);
      expect(await reconcile(opened.books)).toEqual([]);
    }),
    { numRuns: 40 },
  );
});

it('believes its provider alone, and no old word', async () => {
  const body = JSON.stringify(paid('evt_1'));
  const wrong = [
    '',
    sign(body, { secret: 'whsec_other' }),
    sign(body, { timestamp: NOW_S - 301 }),
    sign(body, { timestamp: NOW_S + 301 }),
    sign(`${body} `),
    sign(body).replace(/v1=/, 'v0='),
    sign(body).replace(/^t=\d+/, `t=${NOW_S - 1}`),
  ];
  for (const header of wrong) expect([header, await tell(paid('evt_1'), header)]).toEqual([header, 401]);
  expect(await credit()).toBe(0n);
  // While a secret is replaced the provider signs with both.
  const both = `${sign(body)},v1=${'0'.repeat(64)}`;
  expect(await tell(paid('evt_1'), both)).toBe(200);
});

it.each([
  ['another organisation', paid('evt_1', { client_reference_id: 'nobody' }), 400],
  ['a currency without a rate', paid('evt_1', { currency: 'jpy' }), 400],
  ['a broken amount', paid('evt_1', { amount_total: -5 }), 400],
  ['no event', { id: 'evt_1' }, 400],
  ['a payment that is not made yet', paid('evt_1', { payment_status: 'unpaid' }), 200],
  ['something that was sold elsewhere', paid('evt_1', { client_reference_id: null }), 200],
  ['another kind of event', make('evt_1', '__proto__', {}), 200],
])('credits nothing for %s', async (_what, event, status) => {
  expect(await tell(event)).toBe(status);
  expect(await credit()).toBe(0n);
});
