import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generatePrivateKey } from '@ogong/chain/keys';
import { DEV_DOLLAR_PRICE, DEV_TOKEN_PRICE, postDevPrice } from '@ogong/devnet/chain/dev-market';
import type { Command } from '@ogong/host/lifecycle/command';
import { EXIT } from '@ogong/host/log/errors';
import { computeLeastSale, MINT_EPOCH_S, MINT_EPOCHS_PER_YEAR } from '@ogong/protocol/settlement/burn-mint';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { claimCommand, withdrawCommand } from './claim-command.ts';
import { creditsCommand, listRemaining } from './credits-command.ts';
import { escrowCommand } from './escrow-command.ts';
import { supplyCommand, walletCommand } from './show-commands.ts';
import { bondCommand } from './stake-command.ts';

const folder = mkdtempSync(join(tmpdir(), 'ogong-credit-commands-'));
const deployment = join(folder, 'deployment.json');
const feedKeys = [generatePrivateKey(), generatePrivateKey(), generatePrivateKey()];
let ledger: TestLedger;
type Member = Awaited<ReturnType<TestLedger['createMember']>>;
let validator: Member;

beforeAll(async () => {
  // An epoch carries some 31 burned tokens, three credits.
  ledger = await startTestLedger({ feedKeys, blockTimeMs: 50, yearlyCap: 30n * unit * MINT_EPOCHS_PER_YEAR });
  writeFileSync(deployment, JSON.stringify({ ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl }));
  validator = await ledger.createValidator();
});
afterAll(async () => {
  await ledger?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function keypair({ address, privateKey }: Member): string {
  const path = join(folder, address);
  writeFileSync(path, privateKey.slice(2), { mode: 0o600 });
  return path;
}

async function run(command: Command, ...argv: string[]): Promise<string> {
  const written: string[] = [];
  const output = { write: (piece: string) => void written.push(piece), writeError: () => {} };
  expect(await command.run([...argv, '--deployment', deployment], output)).toBe(EXIT.ok);
  return written.join('');
}

const topUp = (payer: Member, ...argv: string[]) => run(creditsCommand, 'top-up', ...argv, '--keypair', keypair(payer));
/** With 50 tokens and 300 dollars. */
async function createPayer(): Promise<Member> {
  const payer = await ledger.createMember(50n * unit);
  await ledger.governor.transferStable(payer.address, 300n * 10n ** 6n);
  return payer;
}
const show = async ({ address }: Member) =>
  JSON.parse(await run(creditsCommand, 'show', '--address', address.slice(2), '--json'));
const claim = async (member: Member, ...argv: string[]) => run(claimCommand, '--keypair', keypair(member), ...argv);

async function pass(seconds: number): Promise<void> {
  const rpc = ledger.governor.transactor.client;
  await rpc.request({ method: 'evm_increaseTime', params: [seconds] } as never);
  await rpc.request({ method: 'evm_mine' } as never);
}

/** To the start of an epoch: the steps that follow are all of one. */
async function passToEpoch(): Promise<void> {
  const { timestamp } = await ledger.governor.transactor.client.getBlock();
  await pass(Number(MINT_EPOCH_S - (timestamp % MINT_EPOCH_S)));
}

async function post(): Promise<void> {
  const { token, burnAndMint } = ledger.deployment;
  await postDevPrice(ledger.governor, feedKeys, { asset: token, price: DEV_TOKEN_PRICE });
  await postDevPrice(ledger.governor, feedKeys, { asset: burnAndMint?.stable ?? '0x', price: DEV_DOLLAR_PRICE });
}

let sequence = 0n;
/** By payer. */
const spentBy = new Map<string, bigint>();
/** A reply of 100 dollars: five are the validator's. */
async function work(payer: Member): Promise<void> {
  const [head, providerId, router] = [`0x${'11'.repeat(32)}`, `0x${'01'.repeat(32)}`, `0x${'00'.repeat(20)}`] as const;
  sequence++;
  const spent = (spentBy.get(payer.address) ?? 0n) + 100n * unit;
  spentBy.set(payer.address, spent);
  const { address } = validator;
  const batch = { validator: address, sequence, logHead: head, logLength: sequence, recordsRoot: head, replies: 1 };
  const call = await ledger.signBatch(
    {
      batch,
      debits: [await ledger.signDebit(payer.privateKey, address, 100n * unit, spent)],
      lines: [{ providerId, payee: payer.address, router, gross: 100n * unit }],
      ...{ ejections: [], tallies: [] },
    },
    [validator.privateKey],
  );
  await validator.client.settle(call);
}

describe('commands for credits', () => {
  it('bond no key: credits cannot be transferred', async () => {
    const by = ['--provider', 'ab'.repeat(32), '--keypair', keypair(await createPayer())];
    await expect(run(bondCommand, 'add', '--amount', '1', ...by)).rejects.toThrow('this network pays in credits');
  });

  it('top up with the stablecoin, and show the plan before', async () => {
    const payer = await createPayer();
    const preview = await topUp(payer, '--amount', '250', '--dry-run');
    expect(preview).toContain('nothing was sent. It would: top up with 250 of the stablecoin');
    expect(preview).toContain('then top up');
    expect(await show(payer)).toMatchObject({ credits: '0', remaining: [] });
    const done = JSON.parse(await topUp(payer, '--amount', '250', '--json'));
    expect(done).toMatchObject({ amount: '250000000', worth: `${250n * unit}`, least: `${(2_475n * unit) / 10n}` });
    const { credits, remaining, prices } = await show(payer);
    expect(credits).toBe(done.issued);
    expect(BigInt(credits) >= BigInt(done.least) && BigInt(credits) <= 250n * unit).toBe(true);
    expect(remaining).toEqual([{ amount: credits, until: expect.any(Number) }]);
    expect(prices.token.price).toBe(`${DEV_TOKEN_PRICE}`);
    expect(await run(creditsCommand, 'show', '--address', payer.address.slice(2))).toContain('token            $0.1');
    // It was allowed to take that much, and no more.
    const planned = JSON.parse(await topUp(payer, '--amount', '10', '--dry-run', '--json'));
    const { mintBurn: spender } = ledger.deployment.burnAndMint ?? {};
    const [approve, then] = planned.transactions;
    expect(approve).toMatchObject({
      what: 'approve',
      gas: expect.any(String),
      approval: { spender, amount: '10000000' },
    });
    expect(then).toMatchObject({ what: 'top up', gas: null });
  });

  it('top up with the token itself, and refuse an amount that is invalid, too large, too fine or too dear', async () => {
    const payer = await createPayer();
    const token = ledger.deployment.token.slice(2);
    const before = BigInt((await show(payer)).credits);
    await topUp(payer, '--amount', '20 OROG', '--asset', token);
    expect(BigInt((await show(payer)).credits) - before).toBe(2n * unit);
    await expect(topUp(payer, '--amount', '31', '--asset', token)).rejects.toThrow('has 30 OROG, not 31 OROG');
    await expect(topUp(payer, '--amount', '0.0000001')).rejects.toThrow('at most 6 digits');
    await expect(topUp(payer, '--amount', '1 ETH')).rejects.toThrow('--amount 1 ETH');
    await expect(topUp(payer, '--amount', '10', '--slippage', '0')).rejects.toThrow('TooFewCredits');
    // The allowance of a refused call is there for the next one, which is tried before it is sent.
    await expect(topUp(payer, '--amount', '10', '--slippage', '0', '--dry-run')).rejects.toThrow('TooFewCredits');
    const more = JSON.parse(await topUp(payer, '--amount', '11', '--dry-run', '--json'));
    expect(more.transactions.map(({ approval }: { approval?: { amount: string } }) => approval?.amount)).toEqual([
      ...['0', '11000000', undefined],
    ]);
    const tried = JSON.parse(await topUp(payer, '--amount', '10', '--dry-run', '--json'));
    expect(tried.transactions).toMatchObject([{ what: 'top up', gas: expect.any(String) }]);
    await expect(
      topUp(payer, '--amount', '1', '--asset', ledger.deployment.burnAndMint?.credits.slice(2) as string),
    ).rejects.toThrow();
  });

  it('pay earnings: sold for the stablecoin, or as tokens', async () => {
    const payer = await createPayer();
    await topUp(payer, '--amount', '250');
    const escrow = (...argv: string[]) => run(escrowCommand, ...argv, '--keypair', keypair(payer));
    await expect(escrow('deposit', '--amount', '200 OROG')).rejects.toThrow('counts that in credits, not in OROG');
    const staked = run(bondCommand, 'add', '--amount', '1 credit', '--keypair', keypair(payer));
    await expect(staked).rejects.toThrow('counts that in OROG, not in credits; write "1 OROG"');
    expect(await escrow('deposit', '--amount', '200')).toContain('deposit 200 credits');
    await escrow('admit', '--validator', validator.address.slice(2), '--amount', '200 credits');
    await work(payer);
    // Without a roster half of the validator's five dollars is verification's.
    const earned = (5n * unit) / 2n;
    expect(JSON.parse(await run(walletCommand, '--address', validator.address.slice(2), '--json')).credit).toBe(
      `${earned}`,
    );
    // Credit counts in the epoch in which it is taken.
    await passToEpoch();
    expect(await claim(validator)).toContain('done: claim credit and what was earned');
    expect((await show(validator)).earned).toEqual([
      { epoch: expect.any(Number), dollars: `${earned}`, isClosed: false },
    ]);
    expect(await claim(validator, '--dry-run')).toContain('there is nothing to do');
    expect(await claim(validator)).toContain('nothing was sent, there is nothing to do');
    await pass(Number(MINT_EPOCH_S));
    await post();
    const planned = JSON.parse(await claim(validator, '--dry-run', '--json'));
    expect(planned.transactions.map(({ what }: { what: string }) => what)).toEqual(['close an epoch', 'claim a mint']);
    expect(planned).toMatchObject({ credit: '0', epochs: [{ credits: `${earned}` }], running: '0' });
    await expect(claim(validator, '--slippage', '0.1')).rejects.toThrow('TooLittle');
    await claim(validator, '--slippage', '1');
    const paid = await ledger.governor.stableBalanceOf(validator.address);
    // 0.95 of it, less than a hundredth lost in the pool.
    const tokens = (475n * unit) / 20n;
    expect(paid >= computeLeastSale(tokens, DEV_TOKEN_PRICE, DEV_DOLLAR_PRICE)).toBe(true);
    expect(paid < 2_375_000n).toBe(true);
    expect((await show(validator)).earned).toEqual([]);

    await work(payer);
    await claim(validator, '--payout', 'tokens');
    expect((await show(validator)).payout).toBe('tokens');
    await pass(Number(MINT_EPOCH_S));
    await post();
    await claim(validator);
    expect(await ledger.governor.stableBalanceOf(validator.address)).toBe(paid);
    expect(await ledger.governor.balanceOf(validator.address)).toBe(tokens);
  });

  it('take the part that the epoch can pay, announce it, and leave the rest', async () => {
    const payer = await createPayer();
    await payer.client.stake(10n * unit);
    await topUp(payer, '--amount', '250');
    const escrow = (...argv: string[]) => run(escrowCommand, ...argv, '--keypair', keypair(payer));
    await escrow('deposit', '--amount', '200');
    await escrow('admit', '--validator', validator.address.slice(2), '--amount', '200 credits');
    await work(payer);
    await pass(Number(MINT_EPOCH_S));
    await passToEpoch();
    const by = [
      '--provider',
      '01'.repeat(32),
      '--payee',
      payer.address.slice(2),
      '--keypair',
      keypair(payer),
      '--json',
    ];
    const withdraw = async (...argv: string[]) => JSON.parse(await run(withdrawCommand, ...by, ...argv));
    const planned = await withdraw('--dry-run');
    expect(planned).toMatchObject({ withdrawable: `${80n * unit}`, transactions: [{ what: expect.any(String) }] });
    const carried = BigInt(planned.carried);
    expect(carried > 3n * unit && carried < 4n * unit).toBe(true);
    expect(await withdraw()).toMatchObject({ carried: planned.carried });
    // The epoch has nothing left.
    const later = await withdraw();
    expect(later).toMatchObject({ withdrawable: `${80n * unit - carried}`, carried: '0', transactions: [] });
    expect(JSON.parse(await claim(validator, '--dry-run', '--json'))).toMatchObject({ carried: '0' });
    await pass(Number(MINT_EPOCH_S));
    await withdraw();
    expect(BigInt((await withdraw('--dry-run')).withdrawable) < 80n * unit - carried).toBe(true);
  });

  it('show where tokens and credits are, in their units', async () => {
    const payer = await createPayer();
    const supply = JSON.parse(await run(supplyCommand, '--json'));
    expect(BigInt(supply.total) > 900_000_000n * unit).toBe(true);
    expect(BigInt(supply.backing) * 10n ** 17n >= BigInt(supply.credits) * unit).toBe(true);
    expect(await run(supplyCommand)).toContain('burned for credits, minted for work');
    expect(await run(walletCommand, '--address', payer.address.slice(2))).toMatch(/tokens +50 OROG\ncredits +\d/);
  });
});

it('the remainder is the newest part of the issue', () => {
  const issued = [10n, 20n, 5n].map((amount, i) => ({ amount, until: BigInt(i) }));
  expect(listRemaining(issued, 12n)).toEqual([
    { amount: 7n, until: 1n },
    { amount: 5n, until: 2n },
  ]);
  expect(listRemaining(issued, 0n)).toEqual([]);
});
