import { generatePrivateKey } from '@ogong/chain/keys';
import { signAuthorization } from '@ogong/chain/money/authorizations';
import { Secret } from '@ogong/host/crypto/secret';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { createSqlitePlace, type OpenBooks, type TestBooksPlace } from '@ogong/testing/gateway/books-place';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { reconcileChain } from '../admin/reconcile-chain.ts';
import { createChannelLedger } from './channel-ledger.ts';
import { addCredit, findGranted, openCredit } from './credit-store.ts';
import { createDeposits, deriveDepositKey, listDeposits } from './deposits.ts';
import { reconcile } from './reconcile.ts';
import { listSignedDeposits, parseSignedDeposit, takeSignedDeposit } from './signed-deposits.ts';
import { nameAccount } from './spending-store.ts';

const ACME = nameAccount('acme');
const CONFIRMATIONS = 5n;

type Member = Awaited<ReturnType<TestLedger['createMember']>>;
let ledger: TestLedger;
let gateway: Member;
let donor: Member;
let place: TestBooksPlace;
let opened: OpenBooks;
let told: string[];
beforeAll(async () => {
  ledger = await startTestLedger();
  // A block for each transaction, and for nothing else.
  await rpc('evm_setIntervalMining', 0);
  await rpc('evm_setAutomine', true);
  donor = await ledger.createMember(1_000n * unit);
});
afterAll(() => ledger?.stop());
beforeEach(async () => {
  gateway = await ledger.createMember();
  place = await createSqlitePlace();
  opened = await place.open();
  told = [];
  await opened.books.write(() => openCredit(ACME, 1));
});
afterEach(async () => {
  await opened.close();
  await place.remove();
});

const rpc = <T = unknown>(method: string, ...params: unknown[]): Promise<T> =>
  ledger.governor.transactor.client.request({ method, params } as never) as Promise<T>;
const mine = (blocks: bigint) => rpc('anvil_mine', `0x${blocks.toString(16)}`);
const ledgerKey = (): Secret<Uint8Array> => new Secret(fromHex(gateway.privateKey.slice(2)));
const watch = () =>
  createDeposits(
    {
      ...{ deployment: ledger.deployment, payTo: gateway.address, ledgerKey: ledgerKey() },
      ...{ confirmations: CONFIRMATIONS, intervalMs: 1_000 },
    },
    {
      ...{ books: opened.books, client: async () => gateway.client, clock: { nowMs: () => 1 } },
      onDeposit: (account, amountAtomic) => told.push(`${account} ${amountAtomic}`),
      onError(error) {
        throw error;
      },
    },
  );
const granted = () => opened.books.read(() => findGranted(ACME));
async function openAddress(): Promise<`0x${string}`> {
  await watch().trigger();
  const [deposit] = await opened.books.read(listDeposits);
  return deposit?.address as `0x${string}`;
}

it('credits what comes to an address once it is deep, once, whatever starts again, and moves it to the gateway', async () => {
  const address = await openAddress();
  await donor.client.transfer(address, 3n * unit);
  await watch().trigger();
  expect(await granted()).toBe(0n);
  await mine(CONFIRMATIONS - 1n);
  await watch().trigger();
  expect(await granted()).toBe(0n);
  await mine(1n);
  await watch().trigger();
  expect([await granted(), told]).toEqual([3n * unit, [`${ACME} ${3n * unit}`]]);
  expect(await gateway.client.balanceOf(address)).toBe(0n);
  expect(await gateway.client.balanceOf(gateway.address)).toBe(3n * unit);

  await opened.close();
  opened = await place.open();
  // A gateway that lost its place reads the same blocks again.
  await opened.books.write(function* () {
    yield { sql: 'UPDATE seen_blocks SET next_block = 0', parameters: [] };
  });
  await watch().trigger();
  expect(await granted()).toBe(3n * unit);
  expect(await reconcile(opened.books)).toEqual([]);
  expect(await reconcileChain(opened.books, gateway.client, gateway.address)).toEqual([]);
});

it('credits nothing of a block that the chain undoes', async () => {
  const address = await openAddress();
  const snapshot = await rpc('evm_snapshot');
  await donor.client.transfer(address, 2n * unit);
  await mine(CONFIRMATIONS - 1n);
  await watch().trigger();
  await rpc('evm_revert', snapshot);
  await donor.client.transfer(address, unit);
  await mine(CONFIRMATIONS);
  await watch().trigger();
  expect(await granted()).toBe(unit);
  expect(await gateway.client.balanceOf(gateway.address)).toBe(unit);
});

it('has an address for each organisation with credit, and each only from its gateway', async () => {
  await opened.books.write(() => openCredit(nameAccount('other'), 1));
  await opened.books.write(() => openCredit('key-1', 1));
  await watch().trigger();
  const deposits = await opened.books.read(listDeposits);
  expect(deposits.map(({ account }) => account)).toEqual([ACME, nameAccount('other')]);
  expect(deposits[0]?.address).not.toBe(deposits[1]?.address);
  expect(deriveDepositKey(new Secret(new Uint8Array(32)), ACME)).not.toBe(deriveDepositKey(ledgerKey(), ACME));
});

it('is collected by the next run where one dies between credit and transfer', async () => {
  const address = await openAddress();
  await donor.client.transfer(address, unit);
  await mine(CONFIRMATIONS);
  const dying = createDeposits(
    {
      ...{ deployment: ledger.deployment, payTo: gateway.address, ledgerKey: ledgerKey() },
      ...{ confirmations: CONFIRMATIONS, intervalMs: 1_000 },
    },
    {
      books: opened.books,
      client: async () => ({
        ...gateway.client,
        transferByAuthorization: () => Promise.reject(new Error('the process died')),
      }),
      ...{ clock: { nowMs: () => 1 }, onDeposit() {}, onError() {} },
    },
  );
  await dying.trigger();
  expect([await granted(), await gateway.client.balanceOf(address)]).toEqual([unit, unit]);
  await watch().trigger();
  expect([await granted(), await gateway.client.balanceOf(gateway.address)]).toEqual([unit, unit]);
});

it('is compared with the escrow: credit without tokens and unsigned vouchers are found', async () => {
  const validator = donor;
  const { books } = opened;
  await donor.client.transfer(gateway.address, 10n * unit);
  await gateway.client.deposit(10n * unit);
  await gateway.client.admit(validator.address, 4n * unit);
  const name = validator.address.slice(2);
  const bytes = new Uint8Array(1);
  await createChannelLedger(books).reserve(
    {
      ...{ replyId: 'r', completionId: 'c', choice: 0, validator: name, keyId: 'k', keyBudgetAtomic: undefined },
      ...{ model: 'm', maxFeeAtomic: unit, spendableAtomic: 4n * unit, spentAtomic: 0n, createdMs: 1, expiresMs: 2 },
    },
    () => ({ order: bytes, signature: bytes }),
  );
  const check = () => reconcileChain(books, gateway.client, gateway.address);
  await books.write(() => addCredit({ id: 'a', account: ACME, amountAtomic: 10n * unit, detail: '', madeMs: 1 }));
  expect(await check()).toEqual([]);
  await books.write(() => addCredit({ id: 'b', account: ACME, amountAtomic: 1n, detail: '', madeMs: 1 }));
  expect(await check()).toEqual([
    { what: 'tokens behind the credit that is left', bookedAtomic: 10n * unit, foundAtomic: 10n * unit + 1n },
  ]);
  await books.write(() => addCredit({ id: 'c', account: ACME, amountAtomic: -1n, detail: '', madeMs: 1 }));
  const drawn = { ...gateway.client, channelOf: async () => ({ ...(await channel()), spent: 2n * unit }) };
  const channel = () => gateway.client.channelOf(gateway.address, fromHex(name));
  expect(await reconcileChain(books, drawn, gateway.address)).toContainEqual(
    expect.objectContaining({ bookedAtomic: unit, foundAtomic: 2n * unit }),
  );
  await createChannelLedger(books).close('r', {
    ...{ judgedRecord: '', feeAtomic: 5n, verdict: 'accept', detail: '', settlement: generatePrivateKey() },
  });
  // The gateway's store calls it settled, and the chain does not.
  expect(await check()).toContainEqual(
    expect.objectContaining({ what: expect.stringContaining(toHex(fromHex(name))), bookedAtomic: 0n, foundAtomic: 5n }),
  );
});

describe('a transfer that its payer signed', () => {
  async function sign(to: `0x${string}`, change: { readonly value?: bigint; readonly validBefore?: bigint } = {}) {
    const now = await donor.client.chainTime();
    const authorization = {
      ...{ from: donor.address, to, value: 2n * unit, validAfter: 0n, validBefore: now + 3_600n },
      nonce: generatePrivateKey(),
      ...change,
    };
    const signature = await signAuthorization(ledger.deployment, authorization, donor.privateKey);
    return parseSignedDeposit({
      signature,
      authorization: Object.fromEntries(Object.entries(authorization).map(([name, value]) => [name, `${value}`])),
    });
  }
  const take = async (offer: Awaited<ReturnType<typeof sign>>, organisation = 'acme') =>
    takeSignedDeposit(
      {
        books: opened.books,
        nowMs: Number(await donor.client.chainTime()) * 1_000,
        terms: { deployment: ledger.deployment, leastAtomic: unit },
      },
      { organisation, offer, actor: 'acme/olga' },
    );
  const state = async () => (await opened.books.read(() => listSignedDeposits(ACME))).map((row) => row.state);

  it('is sent by the gateway, counts once for any sender, and costs its payer no gas', async () => {
    const address = await openAddress();
    const offer = await sign(address);
    expect(await take(offer)).toBe(true);
    expect(await take(offer)).toBe(false);
    const gas = await ledger.governor.transactor.client.getBalance({ address: donor.address });
    await watch().trigger();
    expect(await state()).toEqual(['sent']);
    await mine(CONFIRMATIONS);
    await watch().trigger();
    expect(await granted()).toBe(2n * unit);
    expect(await ledger.governor.transactor.client.getBalance({ address: donor.address })).toBe(gas);
    await opened.books.write(function* () {
      yield { sql: "UPDATE signed_deposits SET state = 'pending'", parameters: [] };
    });
    // As after a crash between sending and noting.
    await watch().trigger();
    await mine(CONFIRMATIONS);
    await watch().trigger();
    expect([await state(), await granted()]).toEqual([['sent'], 2n * unit]);
    expect(await reconcile(opened.books)).toEqual([]);
  });

  it('is refused where it would bring nothing, or somebody else', async () => {
    const address = await openAddress();
    const now = await donor.client.chainTime();
    await expect(take(await sign(gateway.address))).rejects.toThrow('has the address');
    await expect(take(await sign(address), 'other')).rejects.toThrow('open its credit first');
    await expect(take(await sign(address, { value: unit - 1n }))).rejects.toThrow('the least is');
    await expect(take(await sign(address, { value: 10n ** 40n }))).rejects.toThrow('more than there is');
    await expect(take(await sign(address, { validBefore: now + 1n }))).rejects.toThrow('about to');
    await expect(take(await sign(address, { validBefore: now + 864_000n }))).rejects.toThrow('too long');
    const { authorization, signature } = await sign(address);
    const forged = { authorization: { ...authorization, value: 3n * unit }, signature };
    await expect(take(forged)).rejects.toThrow('did not sign');
    expect(() => parseSignedDeposit({ signature: '0x', authorization: {} })).toThrow('ERC-3009');
    expect(await state()).toEqual([]);
  });

  it('waits while its payer has too little, and ends when it lapses', async () => {
    const address = await openAddress();
    const poor = await sign(address, { value: 10n ** 30n });
    expect(await take(poor)).toBe(true);
    await watch().trigger();
    expect(await state()).toEqual(['pending']);
    await rpc('evm_increaseTime', 4_000);
    await mine(1n);
    await watch().trigger();
    expect([await state(), await granted()]).toEqual([['lapsed'], 0n]);
  });
});
