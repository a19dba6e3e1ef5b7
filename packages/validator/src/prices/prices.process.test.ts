import type { Address } from '@ogong/chain/hex';
import { generatePrivateKey } from '@ogong/chain/keys';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { fromHex } from '@ogong/protocol/base/bytes';
import { MINT_EPOCH_S } from '@ogong/protocol/settlement/burn-mint';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PriceReading } from './price-source.ts';
import { openPricingState, type PricingState, signOwnQuote } from './price-state.ts';
import { stepMintEpochs } from './step-mint-epochs.ts';
import { stepPrices } from './step-prices.ts';

const feedKeys = [generatePrivateKey(), generatePrivateKey(), generatePrivateKey()];
const HOUR_S = 3_600;
/** Of the test's chain. */
const DEV_TOKEN_PRICE = 10n ** 17n;
const DEV_DOLLAR_PRICE = 10n ** 30n;
let ledger: TestLedger;
let validators: Awaited<ReturnType<TestLedger['createValidator']>>[];
let states: PricingState[];
let told: PriceReading;
const heard: string[] = [];
const closed: bigint[] = [];

const bytes = (address: string): Uint8Array => fromHex(address.slice(2), 20);
const now = async (): Promise<bigint> => (await ledger.governor.transactor.client.getBlock()).timestamp;

async function pass(seconds: number): Promise<void> {
  const rpc = ledger.governor.transactor.client;
  await rpc.request({ method: 'evm_increaseTime', params: [seconds] } as never);
  await rpc.request({ method: 'evm_mine' } as never);
}

beforeAll(async () => {
  ledger = await startTestLedger({ feedKeys, blockTimeMs: 50 });
  validators = [await ledger.createValidator(), await ledger.createValidator(), await ledger.createValidator()];
  const members = validators.map(({ address }) => ({
    ...{ address: bytes(address), signingKey: bytes(address), stake: 1n, endpoint: '' },
    ...{ certHash: new Uint8Array(32), vrfKey: new Uint8Array(32) },
  }));
  const { chainId, token, burnAndMint } = ledger.deployment;
  const domain = { chainId: BigInt(chainId), verifyingContract: bytes(burnAndMint?.oracle ?? '') };
  states = validators.map(({ client, address }, i) =>
    openPricingState({
      ...{ crypto, domain, token, validator: bytes(address) },
      key: createNodeLedgerSigner(fromHex((feedKeys[i] as string).slice(2), 32)),
      chain: { client: async () => client, validators: () => members },
      read: async () => told,
      ask(peer, asset) {
        const at = members.findIndex(({ address: one }) => one === peer.address);
        return signOwnQuote(states[at] as PricingState, asset);
      },
      onPosted: (asset, price, quotes) => heard.push(`${asset === token ? 'token' : 'stable'} ${price} by ${quotes}`),
      onTooFew: (_asset, quotes) => heard.push(`too few ${quotes}`),
      onSilent: (error) => heard.push(String(error)),
      onError: (error) => heard.push((error as Error).message),
    }),
  );
});
afterAll(() => ledger?.stop());

/** All daemons take a step. @param who those of them that answer and post */
async function step(nanoUsd: bigint, who: readonly number[] = [0, 1, 2]): Promise<void> {
  const stable = ledger.deployment.burnAndMint?.stable as Address;
  told = { at: await now(), tokenNanoUsd: nanoUsd, assets: new Map([[stable, 1_000_000_000n]]) };
  for (const [i, state] of states.entries()) state.reading = who.includes(i) ? told : undefined;
  heard.length = 0;
  for (const i of who) await stepPrices(states[i] as PricingState, new AbortController().signal);
}

const prices = async () => ledger.governor.pricesOf(ledger.deployment.token);

describe('prices of a network that burns and mints', () => {
  it('are kept by the daemons of validators, and pay for the work of an epoch that a daemon closes', async () => {
    // The chain's owner has posted them at the beginning, for a day.
    await step(100_000_000n);
    expect(heard).toEqual([]);
    await pass(25 * HOUR_S);
    await expect(prices()).rejects.toThrow('refused with NoPrice');
    await step(100_000_000n);
    const posted = [...heard];
    for (let i = 0; i < 8 && posted.length < 2; i++) {
      // Somebody's turn comes, within a minute of the chain. Each asset has turns of its own, by the second of its last price.
      await pass(20);
      await step(100_000_000n);
      posted.push(...heard);
    }
    expect(posted.toSorted()).toEqual([`stable ${DEV_DOLLAR_PRICE} by 3`, `token ${DEV_TOKEN_PRICE} by 3`]);
    expect((await prices()).spot).toBe(DEV_TOKEN_PRICE);

    // They follow the market, with two of three feeds, and believe a jump when it is said again an hour later.
    const post = async (nanoUsd: bigint, who: readonly number[]) => {
      for (let i = 0; i < 9; i++) {
        await step(nanoUsd, who);
        if (heard.some((line) => line.startsWith('token'))) return;
        await pass(20);
      }
    };
    await post(103_000_000n, [0, 2]);
    expect(heard).toContain('token 103000000000000000 by 2');
    await post(150_000_000n, [0, 1, 2]);
    await expect(prices()).rejects.toThrow('refused with NoPrice');
    await step(150_000_000n);
    expect(heard.filter((line) => line.startsWith('token'))).toEqual([]);
    await pass(HOUR_S);
    await post(150_000_000n, [0, 1, 2]);
    expect((await prices()).spot).toBe(150_000_000_000_000_000n);
    await pass(7 * HOUR_S);
    for (let i = 0; i < 9; i++) {
      await step(150_000_000n, [1]);
      await pass(20);
    }
    expect(heard).toContain('too few 1');

    const stable = ledger.deployment.burnAndMint?.stable as Address;
    const payer = await ledger.createMember();
    await ledger.governor.transferStable(payer.address, 1_000n * 10n ** 6n);
    await post(100_000_000n, [0, 1, 2]);
    await pass(HOUR_S);
    await post(100_000_000n, [0, 1, 2]);
    // The average follows within two hours.
    await pass(2 * HOUR_S);
    await payer.client.topUp(stable, 1_000n * 10n ** 6n, 1n, (await now()) + 600n);
    const [handler] = validators as [(typeof validators)[0]];
    await payer.client.deposit(500n * unit);
    await payer.client.admit(handler.address, 500n * unit);
    const head = `0x${'11'.repeat(32)}` as const;
    const call = await ledger.signBatch(
      {
        batch: {
          validator: handler.address,
          sequence: 1n,
          logHead: head,
          logLength: 1n,
          recordsRoot: head,
          replies: 1,
        },
        debits: [await ledger.signDebit(payer.privateKey, handler.address, 100n * unit, 100n * unit)],
        lines: [
          {
            providerId: `0x${'01'.repeat(32)}`,
            payee: payer.address,
            router: `0x${'00'.repeat(20)}`,
            gross: 100n * unit,
          },
        ],
        ejections: [],
        tallies: [],
      },
      validators.map(({ privateKey }) => privateKey),
    );
    await handler.client.settle(call);
    // A claim now counts in an epoch that continues for a while.
    if (MINT_EPOCH_S - ((await now()) % MINT_EPOCH_S) < 600n) await pass(600);
    const receipt = await handler.client.claim();
    const { timestamp } = await ledger.governor.transactor.client.getBlock({ blockNumber: receipt.blockNumber });
    const epoch = timestamp / MINT_EPOCH_S;
    const close = async () => {
      for (const [i, { validator, chain, token }] of states.entries()) {
        const { client } = validators[i] as (typeof validators)[0];
        const minting = { client: async () => client, validators: chain.validators };
        await stepMintEpochs({ token, validator, chain: minting, onClosed: (number) => closed.push(number) });
      }
    };
    await close();
    expect(closed).toEqual([]);
    await pass(Number(MINT_EPOCH_S) + 300);
    await close();
    await close();
    expect(closed).toEqual([epoch]);
    const [share] = await ledger.governor.mintSharesOf(handler.address);
    // Half of the validator's five dollars: without a roster the rest is verification's.
    expect(share).toMatchObject({ number: epoch, isClosed: true, own: (5n * unit) / 2n });
    await handler.client.claimMint(epoch);
    expect(await ledger.governor.mintSharesOf(handler.address)).toEqual([]);
    expect(await ledger.governor.stableBalanceOf(handler.address)).toBeGreaterThan(0n);
  }, 240_000);
});
