import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generatePrivateKey } from '@ogong/chain/keys';
import { DEV_DOLLAR_PRICE, DEV_TOKEN_PRICE, postDevPrice } from '@ogong/devnet/chain/dev-market';
import type { Command } from '@ogong/host/lifecycle/command';
import { EXIT } from '@ogong/host/log/errors';
import { computeLeastSale, MINT_EPOCH_S } from '@ogong/protocol/settlement/burn-mint';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { claimCommand } from './claim-command.ts';
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
  ledger = await startTestLedger({ feedKeys, blockTimeMs: 50 });
  writeFileSync(deployment, JSON.stringify({ ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl }));
  validator = await ledger.createValidator();
}, 120_000);
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

async function post(): Promise<void> {
  const { token, burnAndMint } = ledger.deployment;
  await postDevPrice(ledger.governor, feedKeys, { asset: token, price: DEV_TOKEN_PRICE });
  await postDevPrice(ledger.governor, feedKeys, { asset: burnAndMint?.stable ?? '0x', price: DEV_DOLLAR_PRICE });
}

let sequence = 0n;
let spent = 0n;
/** A reply of 100 dollars: five are the validator's. */
async function work(payer: Member): Promise<void> {
  const [head, providerId, router] = [`0x${'11'.repeat(32)}`, `0x${'01'.repeat(32)}`, `0x${'00'.repeat(20)}`] as const;
  sequence++;
  spent += 100n * unit;
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
  it('put nothing down for a key: credits pass to nobody', async () => {
    const by = ['--provider', 'ab'.repeat(32), '--keypair', keypair(await createPayer())];
    await expect(run(bondCommand, 'add', '--amount', '1', ...by)).rejects.toThrow('this network pays in credits');
  }, 60_000);

  it('top up with the stablecoin, and say before what it would do', async () => {
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
    // An approved asset is tried on the chain before it is sent.
    const planned = JSON.parse(await topUp(payer, '--amount', '10', '--dry-run', '--json'));
    expect(planned).toMatchObject({ dryRun: true, transactions: [{ what: 'top up', gas: expect.any(String) }] });
  }, 60_000);

  it('top up with the token itself, and refuse what is none, too much, too fine or too dear', async () => {
    const payer = await createPayer();
    const token = ledger.deployment.token.slice(2);
    const before = BigInt((await show(payer)).credits);
    await topUp(payer, '--amount', '20 OROG', '--asset', token);
    expect(BigInt((await show(payer)).credits) - before).toBe(2n * unit);
    await expect(topUp(payer, '--amount', '31', '--asset', token)).rejects.toThrow('has 30 OROG, not 31 OROG');
    await expect(topUp(payer, '--amount', '0.0000001')).rejects.toThrow('at most 6 digits');
    await expect(topUp(payer, '--amount', '1 ETH')).rejects.toThrow('--amount 1 ETH');
    await expect(topUp(payer, '--amount', '10', '--slippage', '0')).rejects.toThrow('TooFewCredits');
    await expect(topUp(payer, '--amount', '10', '--slippage', '0', '--dry-run')).rejects.toThrow('TooFewCredits');
    await expect(
      topUp(payer, '--amount', '1', '--asset', ledger.deployment.burnAndMint?.credits.slice(2) as string),
    ).rejects.toThrow();
  }, 60_000);

  it('pay what was earned: sold for the stablecoin, or as tokens', async () => {
    const payer = await createPayer();
    await topUp(payer, '--amount', '250');
    const escrow = (...argv: string[]) => run(escrowCommand, ...argv, '--keypair', keypair(payer));
    expect(await escrow('deposit', '--amount', '200')).toContain('deposit 200 credits');
    await escrow('admit', '--validator', validator.address.slice(2), '--amount', '200 credits');
    await work(payer);
    // Without a roster half of the validator's five dollars is verification's.
    const earned = (5n * unit) / 2n;
    expect(JSON.parse(await run(walletCommand, '--address', validator.address.slice(2), '--json')).credit).toBe(
      `${earned}`,
    );
    // Credit counts in the epoch in which it is taken.
    expect(await claim(validator)).toContain('done: claim credit and what was earned');
    expect((await show(validator)).earned).toEqual([
      { epoch: expect.any(Number), dollars: `${earned}`, isClosed: false },
    ]);
    expect(await claim(validator, '--dry-run')).toContain('there is nothing to do');
    await pass(Number(MINT_EPOCH_S));
    await post();
    const planned = JSON.parse(await claim(validator, '--dry-run', '--json'));
    expect(planned.transactions.map(({ what }: { what: string }) => what)).toEqual(['close an epoch', 'claim a mint']);
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
  }, 120_000);

  it('show where tokens and credits are, in their units', async () => {
    const payer = await createPayer();
    const supply = JSON.parse(await run(supplyCommand, '--json'));
    expect(BigInt(supply.total) > 900_000_000n * unit).toBe(true);
    expect(BigInt(supply.backing) * 10n ** 17n >= BigInt(supply.credits) * unit).toBe(true);
    expect(await run(supplyCommand)).toContain('burned for credits, minted for work');
    expect(await run(walletCommand, '--address', payer.address.slice(2))).toMatch(/tokens +50 OROG\ncredits +\d/);
  });
});

it('what is left is the newest of what was issued', () => {
  const issued = [10n, 20n, 5n].map((amount, i) => ({ amount, until: BigInt(i) }));
  expect(listRemaining(issued, 12n)).toEqual([
    { amount: 7n, until: 1n },
    { amount: 5n, until: 2n },
  ]);
  expect(listRemaining(issued, 0n)).toEqual([]);
});
