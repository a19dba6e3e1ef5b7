import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ChainClient, createChainClient } from '@ogong/chain/client';
import { noDelays, noHolding } from '@ogong/chain/deploy/deploy';
import { deployContracts } from '@ogong/chain/deploy/deploy-contracts';
import type { Deployment } from '@ogong/chain/deployment';
import type { Hex } from '@ogong/chain/hex';
import { computeAddress, generatePrivateKey } from '@ogong/chain/keys';
import { cosignersOf } from '@ogong/chain/validators/cosigners';
import { EXIT } from '@ogong/host/log/errors';
import { dropFunctions } from '@ogong/testing/chain/drop-functions';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrateCommand } from './migrate-command.ts';

const DAY = 86_400;
const folder = mkdtempSync(join(tmpdir(), 'ogong-migrate-'));
let ledger: TestLedger;
let next: Deployment;
let reader: ChainClient;
type Member = Awaited<ReturnType<TestLedger['createMember']>>;

beforeAll(async () => {
  ledger = await startTestLedger({ blockTimeMs: 50 });
  const privateKey = generatePrivateKey();
  await ledger.chain.setBalance(computeAddress(privateKey), 1_000n * unit);
  const { rpcUrl, chainId } = ledger.chain;
  const recipients = { verification: ledger.treasury, treasury: ledger.treasury, license: ledger.treasury };
  next = await deployContracts({
    ...{ rpcUrl, chainId, privateKey, recipients, delays: noDelays, holding: noHolding },
    ...{ token: ledger.deployment.token, limits: { minimumValidatorBond: 100n * unit } },
  });
  reader = await createChainClient({ rpcUrl, deployment: next });
  for (const [name, deployment] of [['old', ledger.deployment] as const, ['new', next] as const]) {
    writeFileSync(join(folder, `${name}.json`), JSON.stringify({ ...deployment, rpcUrl }));
  }
});
afterAll(async () => {
  await ledger?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const file = (name: string): string => join(folder, `${name}.json`);

async function migrate(member: Member, ...argv: string[]): Promise<string> {
  return migrateFrom('old', member, ...argv);
}

async function migrateFrom(from: string, { address, privateKey }: Member, ...argv: string[]): Promise<string> {
  const keypair = join(folder, address);
  writeFileSync(keypair, privateKey.slice(2), { mode: 0o600 });
  const written: string[] = [];
  const output = { write: (piece: string) => void written.push(piece), writeError: () => {} };
  const where = ['--from', file(from), '--deployment', file('new'), '--keypair', keypair];
  expect(await migrateCommand.run([...where, ...argv], output)).toBe(EXIT.ok);
  return written.join('');
}
const migrateJson = async (member: Member, ...argv: string[]) => JSON.parse(await migrate(member, '--json', ...argv));

async function pass(seconds: number): Promise<void> {
  const rpc = ledger.governor.transactor.client;
  await rpc.request({ method: 'evm_increaseTime', params: [seconds] } as never);
  await rpc.request({ method: 'evm_mine' } as never);
}

/** All tokens that the two networks hold for anybody. */
async function sumOfContracts(): Promise<bigint> {
  const { escrow, staking, earnings } = ledger.deployment;
  const held = await Promise.all(
    [escrow, staking, earnings, next.escrow, next.staking, next.earnings].map((one) => reader.balanceOf(one)),
  );
  return held.reduce((sum, one) => sum + one, 0n);
}

describe('a network that takes over from an earlier one', () => {
  it('keeps the token, and every claim on the old contracts comes over, to the unit', async () => {
    expect(next.token).toBe(ledger.deployment.token);
    expect(next.escrow).not.toBe(ledger.deployment.escrow);
    const validator = await ledger.createValidator();
    const provider = await ledger.createMember(70n * unit);
    const payer = await ledger.createMember(100n * unit);
    await provider.client.stake(40n * unit);
    await provider.client.prioritize(30n * unit);
    await payer.client.deposit(100n * unit);
    await payer.client.admit(validator.address, 60n * unit);
    const providerId: Hex = `0x${'ab'.repeat(32)}`;
    const before = await sumOfContracts();

    // The old network pays its orders while the new one exists already. A pot that exists before the end of the day fills.
    const { timestamp } = await ledger.governor.transactor.client.getBlock();
    if (Number(timestamp) % DAY > DAY - 600) await pass(600);
    await ledger.governor.takeRoster([validator.address]);
    const pots = cosignersOf(ledger.deployment);
    const word: Hex = `0x${'11'.repeat(32)}`;
    const head = { validator: validator.address, sequence: 1n, logHead: word, logLength: 1n, recordsRoot: word };
    const call = await ledger.signBatch(
      {
        batch: { ...head, replies: 1 },
        debits: [await ledger.signDebit(payer.privateKey, validator.address, 10n * unit, 10n * unit)],
        lines: [{ providerId, payee: provider.address, router: `0x${'00'.repeat(20)}`, gross: 10n * unit }],
        ...{ ejections: [], tallies: [] },
      },
      [validator.privateKey],
    );
    await validator.client.settle(call);
    const earned = (await ledger.governor.earningsOf(providerId, provider.address)).withdrawable;
    // Half of a hundredth.
    const potted = await ledger.governor.creditOf(pots);
    expect(potted).toBe(unit / 20n);

    // The plan and the actions.
    const planned = await migrateJson(payer, '--dry-run');
    expect(planned.transactions.map(({ what }: { what: string }) => what)).toEqual([
      ...['request release', 'withdraw', 'approve', 'deposit'],
    ]);
    expect(await reader.freeOf(payer.address)).toBe(0n);
    expect(await migrateJson(payer)).toMatchObject({
      moved: { deposit: `${40n * unit}`, stake: '0', priority: '0', bond: '0', keyBond: '0', wallet: '0' },
      // When it can be had is on the chain by then.
      waiting: [
        { what: `deposit reserved for ${validator.address}`, amount: `${50n * unit}`, until: expect.any(Number) },
      ],
    });
    expect(await reader.freeOf(payer.address)).toBe(40n * unit);
    const first = await migrateJson(provider, '--provider', providerId.slice(2));
    expect(first.moved).toMatchObject({ wallet: `${earned}`, stake: '0' });
    expect(await reader.balanceOf(provider.address)).toBe(earned);
    const bonded = await migrateJson(validator);
    expect(bonded.waiting).toMatchObject([
      { what: 'what co-signers have', amount: `${potted}`, why: expect.stringContaining('day is over') },
      { what: 'bond', why: expect.stringContaining('--leave') },
    ]);
    const handled = BigInt(bonded.moved.wallet);
    expect(handled).toBe(await reader.balanceOf(validator.address));
    expect(await ledger.governor.creditOf(pots)).toBe(potted);

    // A second run changes nothing while the delays last.
    expect((await migrateJson(payer)).moved.deposit).toBe('0');
    await migrate(validator, '--leave');
    expect((await ledger.governor.validators()).map(({ account }) => account)).toEqual([]);
    await pass(22 * DAY);
    const planOf = await migrateJson(validator, '--dry-run');
    expect(planOf.transactions[0].what).toBe('claim what co-signers have');
    for (const member of [payer, provider]) await migrate(member);
    // The pot comes over too, whole: its only member had signed all of it.
    expect((await migrateJson(validator)).moved.wallet).toBe(`${potted}`);
    expect(await reader.balanceOf(validator.address)).toBe(handled + potted);
    expect(await ledger.governor.creditOf(pots)).toBe(0n);
    expect(await reader.freeOf(payer.address)).toBe(90n * unit);
    expect(await reader.stakeOf(provider.address)).toBe(40n * unit);
    expect((await reader.priorityOf(provider.address)).amount).toBe(30n * unit);
    expect((await reader.bondOf(validator.address)).amount).toBe(100n * unit);
    const old = ledger.governor;
    const left = await Promise.all([
      old.freeOf(payer.address),
      old.creditOf(validator.address),
      old.liabilityOf(provider.address).then(({ stakedAtomic }) => stakedAtomic),
      old.bondOf(validator.address).then(({ amount, unbonding }) => amount + unbonding),
    ]);
    expect(left).toEqual([0n, 0n, 0n, 0n]);
    // Money left the contracts only as payment to the provider and the validator; the treasury has yet to claim.
    const paid = (await reader.balanceOf(provider.address)) + (await reader.balanceOf(validator.address));
    expect((await sumOfContracts()) + paid).toBe(before);
    expect((await migrateJson(payer)).moved).toEqual({
      deposit: '0',
      stake: '0',
      priority: '0',
      bond: '0',
      keyBond: '0',
      wallet: '0',
    });
  });

  it('comes from contracts that know no priority stake and no bonds of keys, and reports their refusals', async () => {
    const provider = await ledger.createMember(70n * unit);
    const providerId: Hex = `0x${'cd'.repeat(32)}`;
    await provider.client.stake(40n * unit);
    await provider.client.deposit(30n * unit);
    const { staking, earnings } = ledger.deployment;
    const restore = [
      await dropFunctions(ledger, staking, ['function priorityOf(address)', 'function requestUnstake(uint128)']),
      await dropFunctions(ledger, earnings, [
        'function bondOf(bytes32,address)',
        'function forfeitOf(bytes32,address)',
      ]),
    ];
    try {
      await expect(ledger.governor.priorityOf(provider.address)).rejects.toThrow();
      expect(await migrateJson(provider, '--provider', providerId.slice(2))).toMatchObject({
        moved: { deposit: `${30n * unit}`, stake: '0', priority: '0', keyBond: '0' },
        waiting: [{ what: 'stake', amount: `${40n * unit}`, why: expect.stringContaining('reverted') }],
      });
    } finally {
      for (const one of restore) await one();
    }
    expect(await reader.freeOf(provider.address)).toBe(30n * unit);
    await migrate(provider);
    expect((await ledger.governor.stakingOf(provider.address)).leaving).toBe(40n * unit);
  });

  it.each(['stake', 'priority', 'bond'] as const)(
    'says in a dry run that a %s comes over, allowed already',
    async (kind) => {
      const member = await ledger.createMember(50n * unit);
      const put = { stake: 'stake', priority: 'prioritize', bond: 'bond' } as const;
      await member.client[put[kind]](40n * unit);
      await migrate(member);
      // Staked there before, by a client with an unlimited allowance.
      const { rpcUrl } = ledger.chain;
      const there = await createChainClient({ rpcUrl, deployment: next, privateKey: member.privateKey });
      await there[put[kind]](10n * unit);
      await pass(22 * DAY);
      const planned = await migrateJson(member, '--dry-run');
      expect(planned.waiting).toEqual([]);
      const [first, second] = planned.transactions;
      expect(first).toMatchObject({ what: expect.stringMatching(/^finish/), gas: expect.any(String) });
      expect(second).toMatchObject({ what: put[kind], gas: null });
      expect((await migrateJson(member)).moved).toMatchObject({ [kind]: `${40n * unit}` });
    },
  );

  it('is no other network, and none with another token', async () => {
    const member = await ledger.createMember();
    await expect(migrateFrom('new', member)).rejects.toThrow('the same contracts');
    const other = { ...ledger.deployment, token: next.escrow, rpcUrl: ledger.chain.rpcUrl };
    writeFileSync(file('other'), JSON.stringify(other));
    await expect(migrateFrom('other', member)).rejects.toThrow('different tokens');
  });

  it('takes no token that is none, and emits nothing of its own', async () => {
    const privateKey = generatePrivateKey();
    const { rpcUrl, chainId } = ledger.chain;
    const recipients = { verification: ledger.treasury, treasury: ledger.treasury, license: ledger.treasury };
    const plan = { rpcUrl, chainId, privateKey, recipients, delays: noDelays, holding: noHolding };
    await expect(deployContracts({ ...plan, token: next.escrow })).rejects.toThrow('no token of an earlier deployment');
    const issuance = { start: 0n, period: 3_600, lambda: 900_000 };
    await expect(deployContracts({ ...plan, token: next.token, issuance })).rejects.toThrow('keeps a token');
  });
});
