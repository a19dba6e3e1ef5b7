import { ChainError, type ChainErrorCode } from '@ogong/chain/errors';
import type { Address, Hex } from '@ogong/chain/hex';
import type { ApiContext } from '@ogong/host/http/api-app';
import type { WorkStore } from '@ogong/host/store/work-store';
import { systemClock } from '@ogong/host/time/clock';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { parseRequest } from '@ogong/protocol/modality/text/request/request';
import { createSqlitePlace, type OpenBooks, type TestBooksPlace } from '@ogong/testing/gateway/books-place';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findGranted } from '../books/credit-store.ts';
import { creditPayment, findPayment } from '../books/payment-store.ts';
import { nameNetwork, PAYMENT_HEADER, type PaymentOffer } from '../books/payment-wire.ts';
import { createPayments, type PaymentChain, type PaymentDesk } from './payments.ts';
import type { PermitChain } from './permits.ts';

const hex = (length: number, byte: number): Hex => `0x${byte.toString(16).padStart(2, '0').repeat(length)}`;
const deployment = { chainId: 31_337, token: hex(20, 0xee) as Address };
const payTo = hex(20, 0xdd) as Address;
const LEAST = 1_000_000n;
const RICH = hex(20, 0xcc) as Address;

let place: TestBooksPlace;
let opened: OpenBooks;
let poor: PromiseWithResolvers<bigint>;
let desk: PaymentDesk;
/** The error of sending. Undefined where the chain takes it. */
let fails: ChainErrorCode | undefined;
/** Time that the chain is ahead of the clock, in seconds. */
let aheadS: number;
/** Another gateway's work while this one waits for the lock. */
let beforeLock: () => Promise<void>;
beforeEach(async () => {
  place = await createSqlitePlace();
  opened = await place.open();
  poor = Promise.withResolvers();
  fails = undefined;
  aheadS = 0;
  beforeLock = async () => {};
  const chain = {
    balanceOf: async (account: Address) => (account === RICH ? LEAST : poor.promise),
    isAuthorizationSpent: async () => false,
    blockNumber: async () => 1n,
    chainTime: async () => BigInt(Math.floor(Date.now() / 1000) + aheadS),
    transferByAuthorization: async () => {
      if (fails !== undefined) throw new ChainError(fails, `it fails: ${fails}`);
      return { transactionHash: hex(32, 1) };
    },
  } as unknown as PaymentChain & PermitChain;
  const alone: WorkStore['alone'] = async (_, run) => {
    await beforeLock();
    return run();
  };
  desk = createPayments(
    {
      ...{ deployment, payTo, pricePer1kAtomic: 1_000n, leastAtomic: LEAST, confirmations: 1n },
      ...{ intervalMs: 1_000, keptMs: 86_400_000 },
    },
    { books: { ...opened.books, alone }, client: async () => chain, clock: systemClock, onError: () => {} },
  );
});
afterEach(async () => {
  await opened.close();
  await place.remove();
});

const createContext = (address: string, header?: string): ApiContext =>
  ({
    req: { url: 'http://gateway/', header: (name: string) => (name === PAYMENT_HEADER ? header : undefined) },
    env: { incoming: { socket: { remoteAddress: address } } },
    header: () => {},
  }) as unknown as ApiContext;

const offerOf = (from: Address): PaymentOffer => {
  const nowS = BigInt(Math.floor(Date.now() / 1000));
  const times = { validAfter: nowS - 10n, validBefore: nowS + 600n };
  return { authorization: { from, to: payTo, value: LEAST, nonce: hex(32, 3), ...times }, signature: hex(65, 4) };
};
const body = { model: 'ogong/verified/test/a', messages: [{ role: 'user', content: 'Hi' }] };
const request = parseRequest(utf8Encode(JSON.stringify(body)), 'chat');
const charge = (from: Address, address: string) =>
  desk
    .charge(createContext(address), [{ request, count: 1 }], offerOf(from), () => {})
    .catch((error: unknown) => error);

it('takes the payment of a payer who has the money, however many keys without any ask at once', async () => {
  const crowd = Array.from({ length: 16 }, (_, n) => charge(hex(20, n + 1) as Address, '10.1.0.1'));
  expect(await charge(RICH, '10.2.0.1')).toMatchObject({ id: `pay:${RICH}` });
  // They are looked up a few at a time, and only those that come from one place wait for it.
  const more = Array.from({ length: 17 }, (_, n) => charge(hex(20, n + 32) as Address, '10.1.0.1'));
  expect(await more.at(-1)).toMatchObject({ code: 'too_many_requests' });
  poor.resolve(LEAST - 1n);
  for (const error of await Promise.all([...crowd, ...more.slice(0, -1)]))
    expect(error).toMatchObject({ code: 'payment_required', message: expect.stringContaining('insufficient_funds') });
});

it('costs no more than the context of the model can bill, however many tokens the request allows', async () => {
  const asked = { ...body, max_tokens: 2_000_000 };
  const large = { request: parseRequest(utf8Encode(JSON.stringify(asked)), 'chat'), count: 20, contextSize: 100_000 };
  const error = await desk.charge(createContext('10.2.0.1'), [large], undefined, () => {}).catch((it: unknown) => it);
  expect(error).toMatchObject({ message: expect.stringContaining('may cost 2000000 atomic units') });
});

it('spends nothing of what a place may have checked on what is no payment', async () => {
  for (let n = 0; n < 200; n++)
    await expect(desk.read(createContext('10.1.0.1', 'abcd'))).rejects.toMatchObject({ code: 'invalid_request' });
  const { authorization, signature } = offerOf(RICH);
  const fields = Object.entries(authorization).map(([name, value]) => [name, String(value)]);
  const payment = {
    x402Version: 2,
    accepted: { scheme: 'exact', network: nameNetwork(deployment), asset: deployment.token },
    payload: { authorization: Object.fromEntries(fields), signature },
  };
  const header = Buffer.from(JSON.stringify(payment)).toString('base64');
  await expect(desk.read(createContext('10.1.0.1', header))).rejects.toThrow(/did not sign/);
});

it.each<[ChainErrorCode, publicCode: string, state: string]>([
  ['no-coin', 'payment_unsettled', 'paid'],
  ['timeout', 'payment_unsettled', 'paid'],
  ['reverted', 'payment_required', 'failed'],
])('sends again what the token did not refuse: %s', async (code, publicCode, state) => {
  fails = code;
  expect(await charge(RICH, '10.2.0.1')).toMatchObject({ publicCode });
  fails = undefined;
  await desk.trigger();
  const { authorization } = offerOf(RICH);
  expect(await opened.books.read(() => findPayment(authorization))).toMatchObject({ state });
});

it('takes back the credit of a payment that another gateway entered, and that the chain undid', async () => {
  fails = 'timeout';
  await charge(RICH, '10.2.0.1');
  const { authorization } = offerOf(RICH);
  const account = `pay:${RICH}`;
  beforeLock = () => opened.books.write(() => creditPayment({ authorization, account }, hex(32, 1), Date.now()));
  aheadS = 3_600;
  await desk.trigger();
  expect(await opened.books.read(() => findPayment(authorization))).toMatchObject({ state: 'undone' });
  expect(await opened.books.read(() => findGranted(account))).toBe(0n);
});
