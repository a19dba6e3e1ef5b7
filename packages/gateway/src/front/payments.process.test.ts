import { connect } from 'node:net';
import { join } from 'node:path';
import { ChainError } from '@ogong/chain/errors';
import type { Hex } from '@ogong/chain/hex';
import { computeAddress, generatePrivateKey } from '@ogong/chain/keys';
import { describeAuthorization } from '@ogong/chain/money/authorizations';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { parseReceipt } from '@ogong/protocol/stage1/receipt';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { FAKE_MODEL, fakePayer } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { addTestKey } from '@ogong/testing/gateway/test-keys';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { x402Client, x402HTTPClient } from '@x402/core/client';
import { ExactEvmScheme } from '@x402/evm/exact/client';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { createChannelLedger } from '../books/channel-ledger.ts';
import { findPayment } from '../books/payment-store.ts';
import { createReceiptStore } from '../books/receipt-store.ts';
import { reconcile } from '../books/reconcile.ts';
import { readSpending } from '../books/spending-store.ts';

const LEAST = unit;
const payTo = `0x${toHex(fakePayer.address)}` as Hex;

type Member = Awaited<ReturnType<TestLedger['createMember']>>;

let ledger: TestLedger;
/** The caller that pays. */
let caller: Member;
let fixture: GatewayFixture;
/** Sender of the gateway's transactions. Its own account has no key here, so that another one pays their gas. */
let sender: Member;
let isDown: boolean;
let beforeIt: (() => Promise<unknown>) | undefined;
beforeAll(async () => {
  ledger = await startTestLedger();
  sender = await ledger.createMember();
});
afterAll(() => ledger?.stop());
beforeEach(async () => {
  caller = await ledger.createMember(10n * unit);
  isDown = false;
  beforeIt = undefined;
  fixture = await open();
});
afterEach(() => fixture.close());

/** Sends it after whatever else is sent first. A transfer that began while the chain was reachable also ends with it. */
async function send(...asked: Parameters<typeof sender.client.transferByAuthorization>) {
  if (isDown) throw new ChainError('rpc-unreachable', 'the chain is away');
  await beforeIt?.();
  beforeIt = undefined;
  return sender.client.transferByAuthorization(...asked);
}

const open = (
  confirmations = 2n,
  http: { readonly maxRequests?: number; readonly maxRequestsPerKey?: number } = {},
  keysPath?: string,
): Promise<GatewayFixture> =>
  createGatewayFixture({
    ...(keysPath !== undefined && { keysPath }),
    options: { http, spending: { maxPricePer1kAtomic: 2_000_000n } },
    payments: {
      options: { deployment: ledger.deployment, leastAtomic: LEAST, confirmations, intervalMs: 50 },
      client: async () => {
        if (isDown) throw new ChainError('rpc-unreachable', 'the chain is away');
        return { ...sender.client, transferByAuthorization: send };
      },
    },
  });

const body = JSON.stringify({ model: FAKE_MODEL, messages: [{ role: 'user', content: 'Hi' }], max_tokens: 4 });
const ask = (headers: Record<string, string> = {}, path = '/v1/chat/completions', text = body): Promise<Response> =>
  fetch(`${fixture.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-ogong-receipt': 'inline', ...headers },
    body: text,
  });

/** The reference client of x402, with a wallet of its own. */
function createWallet(member: Member): x402HTTPClient {
  const wallet = new ExactEvmScheme(privateKeyToAccount(member.privateKey));
  // By itself it spends well-known tokens alone.
  const client = new x402Client().register('eip155:*', wallet).setSpendControls({ allowedAssets: true });
  return new x402HTTPClient(client);
}
async function sign(wallet: x402HTTPClient, refused: Response): Promise<Record<string, string>> {
  const required = wallet.getPaymentRequiredResponse((name) => refused.headers.get(name), await refused.json());
  return wallet.encodePaymentSignatureHeader(await wallet.createPaymentPayload(required));
}
const balanceOf = (account: Hex): Promise<bigint> => sender.client.balanceOf(account);

it('asks a caller without a key for money, takes it on the chain by the client that everybody uses, and answers', async () => {
  const wallet = createWallet(caller);
  const refused = await ask();
  expect(refused.status).toBe(402);
  const before = await balanceOf(payTo);
  const answer = await ask(await sign(wallet, refused));
  expect(answer.status).toBe(200);
  const settled = wallet.getPaymentSettleResponse((name) => answer.headers.get(name));
  expect(settled).toMatchObject({ success: true, network: `eip155:${ledger.deployment.chainId}` });
  expect(settled.payer?.toLowerCase()).toBe(caller.address);
  expect(await balanceOf(payTo)).toBe(before + LEAST);
  expect(await balanceOf(caller.address)).toBe(9n * unit);
  // The receipt comes with the answer, since nobody can ask for it without a key.
  const { ogong } = (await answer.json()) as { readonly ogong: { readonly receipts: readonly object[] } };
  expect(ogong.receipts[0]).toMatchObject({ receipt: expect.any(Object), checks: expect.any(Array) });
  const { reserved } = await readSpending(fixture.books, `pay:${caller.address}`);
  expect(reserved).toBeGreaterThan(0n);
  expect(await reconcile(fixture.books)).toEqual([]);

  // The rest of the payment pays for the next reply: that payment is signed, and stays with its payer.
  const next = await ask(await sign(wallet, await ask()));
  expect(next.status).toBe(200);
  expect(wallet.getPaymentSettleResponse((name) => next.headers.get(name)).transaction).toBe('');
  expect(await balanceOf(caller.address)).toBe(9n * unit);
});

it('takes each payment once, whatever it paid for', async () => {
  const wallet = createWallet(caller);
  const headers = await sign(wallet, await ask());
  const both = await Promise.all([ask(headers), ask(headers)]);
  expect(both.map(({ status }) => status).sort()).toEqual([200, 402]);
  const again = await ask(headers);
  expect(again.status).toBe(402);
  expect(await again.text()).toContain('nonce_already_used');
  expect(await balanceOf(caller.address)).toBe(9n * unit);
});

it('pays in the words of every API that answers for money, and has no other way past a missing key', async () => {
  for (const path of ['/v1/usage', '/v1/receipts/aa', '/metrics']) {
    expect([path, (await fetch(`${fixture.url}${path}`)).status]).toEqual([path, 401]);
  }
  expect((await ask({ authorization: 'Bearer ogong-wrong' })).status).toBe(401);
  for (const placeholder of [{ authorization: 'Bearer none' }, { 'x-api-key': 'sk-x402' }]) {
    const refused = await ask(placeholder);
    expect([refused.status, refused.headers.has('payment-required')]).toEqual([402, true]);
  }
  const listed = await fetch(`${fixture.url}/v1/models`, { headers: { authorization: 'Bearer none' } });
  expect(await listed.json()).toMatchObject({ data: [{ id: FAKE_MODEL }, {}, {}, {}] });
  const wallet = createWallet(caller);
  const message = JSON.stringify({ model: FAKE_MODEL, messages: [{ role: 'user', content: 'Hi' }], max_tokens: 4 });
  const vector = JSON.stringify({ model: FAKE_MODEL, input: 'a' });
  for (const [path, text] of [
    ['/v1/messages', message],
    ['/v1/embeddings', vector],
  ] as const) {
    const refused = await ask({}, path, text);
    expect([path, refused.status]).toEqual([path, 402]);
    expect([path, (await ask(await sign(wallet, refused), path, text)).status]).toEqual([path, 200]);
  }
  const stream = JSON.stringify({ ...JSON.parse(body), stream: true });
  const streamed = await ask(await sign(wallet, await ask({}, undefined, stream)), undefined, stream);
  expect(streamed.headers.get('payment-response')).not.toBeNull();
  expect(await streamed.text()).toContain('[DONE]');
});

/** A payment with one thing changed. */
async function forge(change: Partial<Forgery> = {}): Promise<Record<string, string>> {
  const nowS = BigInt(Math.floor(Date.now() / 1000));
  const { key = caller.privateKey, network = 31_337, asset = ledger.deployment.token, isOwn, ...changed } = change;
  const authorization = {
    ...{
      from: isOwn ? computeAddress(key) : caller.address,
      to: payTo,
      value: LEAST,
      validAfter: 0n,
      validBefore: nowS + 60n,
    },
    ...{ nonce: generatePrivateKey(), ...changed },
  };
  const signature = await privateKeyToAccount(key).signTypedData(
    describeAuthorization({ chainId: network, token: asset }, authorization),
  );
  const shown = Object.fromEntries(Object.entries(authorization).map(([name, value]) => [name, `${value}`]));
  const payment = {
    x402Version: 2,
    accepted: { scheme: 'exact', network: `eip155:${network}`, asset },
    payload: { signature, authorization: shown },
  };
  return { 'payment-signature': Buffer.from(JSON.stringify(payment)).toString('base64') };
}
interface Forgery {
  /** Signed by the account that it names. */
  readonly isOwn: boolean;
  readonly from: Hex;
  readonly nonce: Hex;
  readonly key: Hex;
  readonly network: number;
  readonly asset: Hex;
  readonly to: Hex;
  readonly value: bigint;
  readonly validAfter: bigint;
  readonly validBefore: bigint;
}
const later = (seconds: number): bigint => BigInt(Math.floor(Date.now() / 1000) + seconds);

it.each<[what: string, change: () => Partial<Forgery>, status: number, says: string]>([
  ['nothing wrong', () => ({}), 200, ''],
  ['another signer', () => ({ key: generatePrivateKey() }), 402, 'did not sign'],
  ['another recipient', () => ({ to: ledger.deployment.token }), 402, 'and not'],
  ['less than it costs', () => ({ value: LEAST - 1n }), 402, 'of 1000000000000000000 atomic units'],
  ['more than its payer has', () => ({ value: 11n * unit }), 402, 'insufficient_funds'],
  ['a time to come', () => ({ validAfter: later(600), validBefore: later(900) }), 402, 'not good yet'],
  ['a time that is over', () => ({ validBefore: later(-1) }), 402, 'lapsed'],
  ['a time that is long', () => ({ validBefore: later(7_200) }), 402, 'good for too long'],
  ['another chain', () => ({ network: 1 }), 400, 'no payment of ours'],
  ['another token', () => ({ asset: `0x${'11'.repeat(20)}` as Hex }), 400, 'no payment of ours'],
])('looks at each payment before it sends it: %s', async (_what, change, status, says) => {
  const before = await balanceOf(payTo);
  const answer = await ask(await forge(change()));
  expect(answer.status).toBe(status);
  expect(await answer.text()).toContain(says);
  if (status !== 200) expect(await balanceOf(payTo)).toBe(before);
});

it.each([
  'no base64!',
  Buffer.from('{').toString('base64'),
  Buffer.from('{"x402Version":1}').toString('base64'),
  'A'.repeat(9_000),
])('refuses what is no payment: %.20s', async (header) => {
  expect((await ask({ 'payment-signature': header })).status).toBe(400);
});

it('answers nobody who uses the nonce of a payment for another transfer while it is sent', async () => {
  const read = (headers: Record<string, string>) => {
    const { payload } = JSON.parse(Buffer.from(headers['payment-signature'] as string, 'base64').toString());
    const { value, validBefore, ...given } = payload.authorization;
    return [
      { ...given, validAfter: 0n, value: BigInt(value), validBefore: BigInt(validBefore) },
      payload.signature,
    ] as const;
  };
  const nonce = generatePrivateKey();
  const own = read(await forge({ nonce, to: caller.address }));
  beforeIt = () => caller.client.transferByAuthorization(...own);
  const before = await balanceOf(payTo);
  const answer = await ask(await forge({ nonce }));
  expect([answer.status, await answer.text()]).toEqual([402, expect.stringContaining('does not take this transfer')]);
  expect(await balanceOf(payTo)).toBe(before);
  expect(await fixture.books.read(() => findPayment({ from: caller.address, nonce }))).toMatchObject({
    state: 'pending',
  });
  expect((await readSpending(fixture.books, `pay:${caller.address}`)).reserved).toBe(0n);
});

it('credits a payment that somebody else sent first, and one whose gateway died before it noted it', async () => {
  const stolen = await forge();
  const { payload } = JSON.parse(Buffer.from(stolen['payment-signature'] as string, 'base64').toString());
  const given = payload.authorization;
  const authorization = {
    ...given,
    ...{ value: BigInt(given.value), validAfter: 0n, validBefore: BigInt(given.validBefore) },
  };
  const nonce = authorization.nonce;
  beforeIt = () => caller.client.transferByAuthorization(authorization, payload.signature);
  expect((await ask(stolen)).status).toBe(200);
  await expect
    .poll(async () => (await fixture.books.read(() => findPayment({ from: caller.address, nonce })))?.state)
    .toBe('final');

  // The chain has it and the store does not: the loop finds it, once.
  await fixture.books.write(function* () {
    yield { sql: "UPDATE payments SET state = 'pending', transaction_hash = ''", parameters: [] };
    yield { sql: "DELETE FROM credits WHERE id LIKE 'chain:%'", parameters: [] };
    yield { sql: "UPDATE granted SET amount = '0'", parameters: [] };
  });
  await expect.poll(() => reconcile(fixture.books)).toEqual([]);
  await expect
    .poll(async () => (await fixture.books.read(() => findPayment({ from: caller.address, nonce })))?.state)
    .toBe('final');
});

it('keeps a payment while the chain is away, and takes back what the chain undid', async () => {
  await fixture.close();
  fixture = await open(100_000n);
  isDown = true;
  const away = await ask(await forge());
  expect([away.status, await away.text()]).toEqual([503, expect.stringContaining('payment_unsettled')]);
  isDown = false;
  const wallet = createWallet(caller);
  const snapshot = await ledger.governor.transactor.client.request({ method: 'evm_snapshot' } as never);
  const paid = await ask(await sign(wallet, await ask()));
  expect(paid.status).toBe(200);
  // The chain forgets the block, and before the gateway sends it again its payer has spent the money elsewhere.
  isDown = true;
  await ledger.governor.transactor.client.request({ method: 'evm_revert', params: [snapshot] } as never);
  await caller.client.transfer(ledger.deployment.escrow, await balanceOf(caller.address));
  isDown = false;
  const account = `pay:${caller.address}`;
  const readGranted = () =>
    fixture.books.read(function* () {
      const { rows } = yield { sql: 'SELECT amount FROM granted WHERE account = ?', parameters: [account] };
      return rows[0]?.amount;
    });
  await expect.poll(readGranted).toBe('0');
  expect(await reconcile(fixture.books)).toEqual([]);
});

it('keeps no place for callers that have not paid, however many begin and then stay silent', async () => {
  await fixture.close();
  fixture = await open(2n, { maxRequests: 2, maxRequestsPerKey: 1 });
  const { hostname, port } = new URL(fixture.url);
  const crowd = await Promise.all(
    Array.from({ length: 12 }, async (_, n) => {
      const { 'payment-signature': payment } = await forge({ key: generatePrivateKey(), isOwn: true });
      const socket = connect({ host: hostname, port: Number(port) });
      socket.on('error', () => {});
      const head = 'POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n';
      const paid = n % 2 === 0 ? `payment-signature: ${payment}\r\n` : '';
      socket.write(`${head}${paid}content-length: 4096\r\n\r\n{`);
      return socket;
    }),
  );
  try {
    for (let n = 0; n < 3; n++) expect((await ask(await forge())).status).toBe(200);
  } finally {
    for (const socket of crowd) socket.destroy();
  }
});

it.each([
  ['/v1/chat/completions', { guided_grammar: 'root ::= (' }],
  ['/v1/completions', { messages: undefined, prompt: ['a', 'b'], guided_grammar: 'root ::= (' }],
  ['/v1/messages', { output_config: { format: { type: 'json_schema', schema: { type: 'poem' } } } }],
])('names the price of a request and takes the payment before it converts a schema: %s', async (path, form) => {
  const text = JSON.stringify({ ...JSON.parse(body), ...form });
  const refused = await ask({}, path, text);
  expect(refused.status).toBe(402);
  const wallet = createWallet(caller);
  expect((await ask(await sign(wallet, refused), path, text)).status).toBe(400);
  // The payment stays with its payer as credit.
  const next = await ask(await sign(wallet, await ask()));
  expect(next.status).toBe(200);
  expect(wallet.getPaymentSettleResponse((name) => next.headers.get(name)).transaction).toBe('');
});

it('reads no long body before somebody pays for it', async () => {
  const long = JSON.stringify({ model: FAKE_MODEL, messages: [{ role: 'user', content: 'a'.repeat(300_000) }] });
  expect((await ask({}, undefined, long)).status).toBe(413);
  expect((await ask(await forge(), undefined, long)).status).toBe(413);
  expect(await balanceOf(caller.address)).toBe(10n * unit);
});

it('gives each payer places of its own, and takes no money where there is none', async () => {
  await fixture.close();
  fixture = await open(2n, { maxRequests: 3, maxRequestsPerKey: 1 });
  const other = await ledger.createMember(10n * unit);
  const [provider] = fixture.network.providers;
  if (provider) provider.behaviour = { hangAfter: 1 };
  const streamed = JSON.stringify({ ...JSON.parse(body), stream: true });
  const left = new AbortController();
  const held = await fetch(`${fixture.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(await forge()) },
    body: streamed,
    signal: left.signal,
  });
  expect(held.status).toBe(200);
  if (provider) provider.behaviour = {};
  const paid = await balanceOf(payTo);
  const second = await ask(await forge());
  expect([second.status, await second.text()]).toEqual([429, expect.stringContaining('1 requests running')]);
  expect(await balanceOf(payTo)).toBe(paid);
  expect((await ask(await forge({ from: other.address, key: other.privateKey }))).status).toBe(200);
  left.abort();
  await held.text().catch(() => undefined);
});

/** Settles a delivered reply as the network does. @returns the transaction. */
async function settleReply(replyId: string): Promise<string> {
  const transaction = `0x${'5e'.repeat(32)}`;
  const order = await createChannelLedger(fixture.books).find(replyId);
  const recordHash = fromHex(order?.heldRecord ?? '');
  fixture.network.settled.set(replyId, { entry: new Uint8Array([7]), index: 1, proof: [recordHash], transaction });
  const verdict = { state: 'settled', verdict: 'accept', feeAtomic: order?.heldFeeAtomic ?? 0n, transaction };
  fixture.network.statuses.set(replyId, { ...verdict, detail: '', recordHash });
  await expect.poll(async () => (await createChannelLedger(fixture.books).find(replyId))?.settlement).toBe(transaction);
  return transaction;
}
/** The part of an answer about its receipts. */
interface Told {
  readonly receipts: readonly { readonly reply_id: string }[];
  readonly settlement_type: string;
  readonly payment?: object;
}
async function askAs(type: string | undefined, headers: Record<string, string>, text = body) {
  const answer = await ask({ ...headers, ...(type && { 'x-settlement-type': type }) }, undefined, text);
  const shown = await answer.text();
  expect([answer.status, shown]).toEqual([200, expect.any(String)]);
  const last = text === body ? shown : (shown.split('\n\n').findLast((event) => event.includes('"ogong"')) ?? '');
  const { ogong } = JSON.parse(last.replace(/^data: /, '')) as { readonly ogong: Told };
  return { ogong, shown, replyId: ogong.receipts[0]?.reply_id ?? '' };
}
/** The texts of a receipt. */
interface Receipted {
  readonly request: string;
  readonly response: string;
}
async function read(path: string, headers: Record<string, string> = {}) {
  const answer = await fetch(`${fixture.url}${path}`, { headers });
  return { status: answer.status, body: (await answer.json()) as Receipted };
}
const NO_RECEIPT = { status: 404, body: { error: { code: 'receipt_not_found' } } };

it('publishes a whole receipt for a payer that chose it, and nothing of any other reply', async () => {
  const before = await balanceOf(payTo);
  const wrong = await ask({ ...(await forge()), 'x-settlement-type': 'everything' });
  expect([wrong.status, await wrong.text()]).toEqual([400, expect.stringContaining('private, batch, individual')]);
  expect(await balanceOf(payTo)).toBe(before);

  const shown = await askAs('individual', await forge());
  const nonce = expect.stringMatching(/^0x[0-9a-f]{64}$/);
  const payment = {
    ...{ scheme: 'exact', network: `eip155:${ledger.deployment.chainId}`, asset: ledger.deployment.token },
    ...{ payer: caller.address, nonce, max_atomic: `${LEAST}`, taken_atomic: `${LEAST}`, transaction: nonce },
  };
  expect(shown.ogong).toMatchObject({ settlement_type: 'individual', payment });
  const stream = JSON.stringify({ ...JSON.parse(body), stream: true });
  const batch = await askAs(undefined, await forge(), stream);
  // Credit of the first payment pays for this one.
  const unused = { ...payment, taken_atomic: '0', transaction: null };
  expect(batch.ogong).toMatchObject({ settlement_type: 'batch', payment: unused });
  const hidden = await askAs('private', await forge());
  expect(hidden.ogong).toMatchObject({ settlement_type: 'private', payment: unused });

  // Without a key, the answer's id alone leads to its receipt. The id of a reply is public.
  const own = await read(`/v1/receipts/${JSON.parse(shown.shown).id}`);
  expect(own).toMatchObject({ status: 200, body: { reply_id: shown.replyId, payment } });
  expect((await read(`/v1/receipts/${shown.replyId}`)).status).toBe(401);
  const path = `/public/receipts/${shown.replyId}`;
  expect(await read(path)).toMatchObject({ status: 404, body: { error: { code: 'receipt_not_settled' } } });
  const transaction = await settleReply(shown.replyId);
  const { status, body: receipt } = await read(path);
  expect([status, receipt]).toMatchObject([
    200,
    {
      ...{ reply_id: shown.replyId, settlement_type: 'individual', payment },
      status: { state: 'settled', settlement: transaction },
      settled: { entry: '0x07', index: 1, transaction },
    },
  ]);
  expect(JSON.parse(Buffer.from(receipt.request, 'base64').toString())).toMatchObject(JSON.parse(body));
  expect(shown.shown).toContain(JSON.stringify(Buffer.from(receipt.response, 'base64').toString()).slice(1, -1));
  expect(parseReceipt(receipt).opening).toHaveProperty('bytes');
  for (const other of [batch, hidden]) {
    await settleReply(other.replyId);
    expect(await read(`/public/receipts/${other.replyId}`)).toMatchObject(NO_RECEIPT);
  }
});

it('drops the receipt of a private call once the verdict is known, and tells the owner why', async () => {
  const directory = createTestDirectory('payments');
  try {
    const keysPath = join(directory.path, 'accounts.db');
    const { secret } = await addTestKey({ path: keysPath });
    await fixture.close();
    fixture = await open(2n, {}, keysPath);
    const headers = { authorization: `Bearer ${secret}` };
    const [hidden, plain] = [await askAs('private', headers), await askAs('batch', headers)];
    expect(hidden.ogong).not.toHaveProperty('payment');
    const receipts = createReceiptStore(fixture.books);
    const laterMs = Date.now() + 60_000;
    const readOwn = (replyId: string) => read(`/v1/receipts/${replyId}`, headers);
    expect(await receipts.dropPrivate(laterMs)).toBe(0);
    const kept = { settlement_type: 'private', payment: null };
    expect(await readOwn(hidden.replyId)).toMatchObject({ status: 200, body: kept });
    await settleReply(hidden.replyId);
    await settleReply(plain.replyId);
    expect(await receipts.dropPrivate(laterMs)).toBe(1);
    const gone = { status: 404, body: { error: { code: 'receipt_private' } } };
    expect(await readOwn(hidden.replyId)).toMatchObject(gone);
    expect(await readOwn(JSON.parse(hidden.shown).id)).toMatchObject(gone);
    expect(await read(`/v1/receipts/${hidden.replyId}/opening`, headers)).toMatchObject(gone);
    expect(await readOwn(plain.replyId)).toMatchObject({ status: 200, body: { settlement_type: 'batch' } });
    expect(await read(`/v1/receipts/${JSON.parse(plain.shown).id}`)).toMatchObject(NO_RECEIPT);
  } finally {
    directory.remove();
  }
});
