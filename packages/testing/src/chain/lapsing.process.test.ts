import { creditsAbi, escrowAbi, mintBurnAbi, ogongTokenAbi, priceOracleAbi } from '@ogong/chain/generated/abi';
import type { Address, Hex } from '@ogong/chain/hex';
import { generatePrivateKey } from '@ogong/chain/keys';
import { DEV_DOLLAR_PRICE, DEV_TOKEN_PRICE } from '@ogong/devnet/chain/dev-market';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { hashPriceQuote } from '@ogong/protocol/settlement/burn-mint';
import {
  type CreditAccount,
  computeCreditBalance,
  countLiveCredits,
  depositCredits,
  emptyCreditAccount,
  issueCredits,
  refundCredits,
} from '@ogong/protocol/settlement/credit-account';
import { encodeFunctionData, maxUint256, parseEventLogs } from 'viem';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createMinedSender, type SendMined } from './mined-sender.ts';
import { startTestLedger, type TestLedger } from './test-ledger.ts';

const SEED = Number(process.env.OGONG_SEED ?? 0x0c4e);
const CASES = process.env.OGONG_LONG === '1' ? 10_000 : 100;
const DAY = 86_400;
const CENT = 10n ** 4n;
const feedKeys = [generatePrivateKey(), generatePrivateKey(), generatePrivateKey()];
const bytes = (hex: string): Uint8Array => fromHex(hex.slice(2));
let ledger: TestLedger;
let contracts: NonNullable<TestLedger['deployment']['burnAndMint']>;
let payer: Awaited<ReturnType<TestLedger['createMember']>>;
let send: SendMined;

beforeAll(async () => {
  ledger = await startTestLedger({ feedKeys, blockTimeMs: 50, keepsStates: false });
  contracts = ledger.deployment.burnAndMint as typeof contracts;
  const { stable, mintBurn } = contracts;
  payer = await ledger.createMember();
  await ledger.governor.transferStable(payer.address, 1_000_000n * 10n ** 6n);
  const data = encodeFunctionData({ abi: ogongTokenAbi, functionName: 'approve', args: [mintBurn, maxUint256] });
  await payer.client.transactor.send('approve', stable, data);
  send = await createMinedSender(ledger);
});
afterAll(() => ledger?.stop());

const now = async (block?: bigint): Promise<bigint> => {
  const { client } = ledger.governor.transactor;
  return (await client.getBlock(block === undefined ? {} : { blockNumber: block })).timestamp;
};

/** All feeds sign the price by the chain's clock. It advances first, because a feed signs at most one price a second. */
async function post(asset: Address, price: bigint): Promise<void> {
  const { client } = ledger.governor.transactor;
  await client.request({ method: 'evm_increaseTime', params: [1] } as never);
  await client.request({ method: 'evm_mine' } as never);
  const time = await now();
  const domain = { chainId: BigInt(ledger.deployment.chainId), verifyingContract: bytes(contracts.oracle) };
  const digest = hashPriceQuote(crypto, domain, { asset: bytes(asset), price, time });
  const quotes = feedKeys.map((key) => {
    const signature: Hex = `0x${toHex(createNodeLedgerSigner(bytes(key)).signDigest(digest))}`;
    return { price, time, signature };
  });
  const data = encodeFunctionData({ abi: priceOracleAbi, functionName: 'post', args: [asset, quotes] });
  await send(payer.privateKey, contracts.oracle, data);
}

it(`credits lapse exactly when the protocol says so, in ${CASES} actions`, async () => {
  const random = createSeededRandom(SEED);
  const { escrow, token } = ledger.deployment;
  const { stable, mintBurn } = contracts;
  const { client } = ledger.governor.transactor;
  const inEscrow = (functionName: 'deposit' | 'withdraw', amount: bigint) =>
    send(payer.privateKey, escrow, encodeFunctionData({ abi: escrowAbi, functionName, args: [amount] }));
  const counts = { issued: 0, deposited: 0, withdrawn: 0, lapsed: 0 };
  let account: CreditAccount = emptyCreditAccount;
  let escrowed = 0n;
  for (let done = 0; done < CASES; ) {
    const deed = Math.floor(random() * 4);
    const part = BigInt(Math.floor(random() * 101));
    const time = await now();
    if (deed === 0) {
      await client.request({ method: 'evm_increaseTime', params: [Math.floor(random() * 9 * DAY)] } as never);
      await client.request({ method: 'evm_mine' } as never);
      done++;
    } else if (deed === 1) {
      await post(token, DEV_TOKEN_PRICE);
      await post(stable, DEV_DOLLAR_PRICE);
      const args = [stable, (part + 1n) * CENT, 0n, maxUint256] as const;
      const data = encodeFunctionData({ abi: mintBurnAbi, functionName: 'topUp', args });
      const { logs, blockNumber } = await send(payer.privateKey, mintBurn, data);
      const [event] = parseEventLogs({ abi: creditsAbi, eventName: 'Issued', logs, strict: true });
      account = issueCredits(account, (event as NonNullable<typeof event>).args.amount, await now(blockNumber));
      counts.issued++;
      done++;
    } else if (deed === 2) {
      // A block comes a second later at the earliest. Credits that lapse by then cannot be deposited, so some are left.
      const amount = (computeCreditBalance(account, time + 2n) * part) / 100n;
      if (amount === 0n) continue;
      const { blockNumber } = await inEscrow('deposit', amount);
      account = depositCredits(account, amount, await now(blockNumber));
      escrowed += amount;
      counts.deposited++;
      done++;
    } else {
      const amount = (countLiveCredits(account, escrowed, time + 2n) * part) / 100n;
      if (amount === 0n) continue;
      const { blockNumber } = await inEscrow('withdraw', amount);
      const at = await now(blockNumber);
      const live = countLiveCredits(account, escrowed, at);
      if (live < escrowed) counts.lapsed++;
      escrowed = live - amount;
      account = refundCredits(account, amount, at);
      counts.withdrawn++;
      done++;
    }
    const args = [payer.address] as const;
    const contract = { address: contracts.credits, abi: creditsAbi } as const;
    const balance = await client.readContract({ ...contract, functionName: 'balanceOf', args });
    expect(balance, `seed ${SEED}, deed ${done}`).toBe(computeCreditBalance(account, await now()));
    const free = await client.readContract({ address: escrow, abi: escrowAbi, functionName: 'freeOf', args });
    expect(free, `seed ${SEED}, deed ${done}`).toBe(escrowed);
  }
  console.log(`lapsing from seed ${SEED}: ${JSON.stringify(counts)}`);
  for (const [what, count] of Object.entries(counts)) expect(count, what).toBeGreaterThan(0);
}, 3_600_000);
