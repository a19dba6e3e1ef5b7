import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from '@ogong/host/lifecycle/command';
import { EXIT } from '@ogong/host/log/errors';
import {
  buyFromLaunch,
  computeLaunchAmount,
  computeLaunchCost,
  computeLaunchPayment,
  LAUNCH_TRANCHE_ATOMIC,
  type LaunchState,
} from '@ogong/protocol/settlement/launch-curve';
import { keepChainFresh } from '@ogong/testing/chain/fresh-chain';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchCommand } from './launch-command.ts';
import { supplyCommand } from './show-commands.ts';

const folder = mkdtempSync(join(tmpdir(), 'ogong-launch-'));
const deployment = join(folder, 'deployment.json');
const DOLLAR = 10n ** 6n;
/** A cent for the first token. */
const begin: LaunchState = { virtualReserve: 10n ** 12n, reserve: 0n, left: LAUNCH_TRANCHE_ATOMIC };
let ledger: TestLedger;
type Member = Awaited<ReturnType<TestLedger['createMember']>>;
let buyer: Member;

beforeAll(async () => {
  ledger = await startTestLedger({ launchReserve: begin.virtualReserve, blockTimeMs: 20 });
  writeFileSync(deployment, JSON.stringify({ ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl }));
  buyer = await ledger.createMember();
  await ledger.giveDollars(buyer.address, 1_000n * DOLLAR);
});
afterAll(async () => {
  await ledger?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function run(command: Command, ...argv: string[]): Promise<string> {
  const written: string[] = [];
  const output = { write: (piece: string) => void written.push(piece), writeError: () => {} };
  expect(await command.run([...argv, '--deployment', deployment], output)).toBe(EXIT.ok);
  return written.join('');
}
const quote = async (...argv: string[]) => JSON.parse(await run(launchCommand, 'quote', ...argv, '--json'));
function trade(verb: 'buy' | 'sell', ...argv: string[]): Promise<string> {
  const path = join(folder, buyer.address);
  writeFileSync(path, buyer.privateKey.slice(2), { mode: 0o600 });
  return run(launchCommand, verb, ...argv, '--keypair', path);
}

keepChainFresh(() => ledger);

describe('ogong launch', () => {
  it('quotes, buys and sells, to the unit that the protocol computes', async () => {
    expect(await run(launchCommand, 'quote')).toMatch(/for sale +100,000,000 OGONG[\s\S]*price +0\.01 dUSD for one/);
    const bought = computeLaunchAmount(begin, 100n * DOLLAR);
    expect(await quote('--pay', '100 dUSD')).toMatchObject({
      ...{ symbol: 'dUSD', decimals: 6, reserve: '0', left: `${LAUNCH_TRANCHE_ATOMIC}`, sold: '0' },
      trade: { deed: 'buy', amount: `${bought}`, payment: `${100n * DOLLAR}` },
    });
    const preview = await trade('buy', '--pay', '100', '--dry-run');
    expect(preview).toMatch(/nothing was sent\. It would: buy at the launch with 100[\s\S]*then buy at the launch/);
    expect((await quote()).sold).toBe('0');

    const done = JSON.parse(await trade('buy', '--pay', '100', '--json'));
    expect(done).toMatchObject({ amount: `${bought}`, received: `${bought}`, least: `${(bought * 99n) / 100n}` });
    expect(await ledger.governor.balanceOf(buyer.address)).toBe(bought);
    const state = buyFromLaunch(begin, 100n * DOLLAR);

    // Buys the wanted number for its cost.
    const cost = computeLaunchCost(state, 1_000n * unit);
    const exact = JSON.parse(await trade('buy', '--amount', '1000', '--json'));
    expect(exact).toMatchObject({ payment: `${cost}` });
    expect(BigInt(exact.received) >= 1_000n * unit).toBe(true);
    const after = buyFromLaunch(state, cost);
    expect(JSON.parse(await run(supplyCommand, '--json')).launch).toBe(`${after.left}`);

    const back = computeLaunchPayment(after, 500n * unit);
    expect((await quote('--sell', '500')).trade).toMatchObject({ deed: 'sell', payment: `${back}` });
    const sold = JSON.parse(await trade('sell', '--amount', '500', '--json'));
    expect(sold).toMatchObject({ amount: `${500n * unit}`, payment: `${back}`, received: `${back}` });
    expect((await quote()).reserve).toBe(`${after.reserve - back}`);
  });

  it('names the fault', async () => {
    await trade('buy', '--pay', '100');
    await expect(trade('buy')).rejects.toThrow('say how much');
    await expect(trade('buy', '--pay', '1', '--amount', '1')).rejects.toThrow('say how much');
    await expect(trade('buy', '--pay', '1 EUR')).rejects.toThrow('--pay 1 EUR');
    await expect(trade('buy', '--pay', '0.0000001')).rejects.toThrow('at most 6 digits');
    await expect(trade('buy', '--pay', '5000')).rejects.toThrow('dUSD, not 5,000 dUSD');
    await expect(trade('buy', '--amount', '100000000')).rejects.toThrow('never sells all of them');
    await expect(trade('sell', '--amount', '90000000')).rejects.toThrow('buys back what it sold');
    await expect(trade('sell', '--amount', '1 atomic')).rejects.toThrow('less than the smallest unit');
    await expect(quote('--pay', '1', '--sell', '1')).rejects.toThrow('say one of');
    const poor = await ledger.createMember();
    const path = join(folder, 'poor');
    writeFileSync(path, poor.privateKey.slice(2), { mode: 0o600 });
    const sale = run(launchCommand, 'sell', '--amount', '1', '--keypair', path);
    await expect(sale).rejects.toThrow('has 0 OGONG, not 1 OGONG');
    const { launch: _, ...without } = ledger.deployment;
    writeFileSync(join(folder, 'without.json'), JSON.stringify({ ...without, rpcUrl: ledger.chain.rpcUrl }));
    const output = { write: () => {}, writeError: () => {} };
    const none = launchCommand.run(['quote', '--deployment', join(folder, 'without.json')], output);
    await expect(none).rejects.toThrow('no launch curve');
  });

  it('is refused by the chain if another buyer came first', async () => {
    const other = await ledger.createMember();
    await ledger.giveDollars(other.address, 10n ** 12n);
    const { asset, time } = await other.client.launchState();
    const pay = 10n * DOLLAR;
    const state = await other.client.launchState();
    const least = computeLaunchAmount(state, pay);
    await other.client.buyAtLaunch(asset, { given: 10n ** 11n, least: 0n, deadline: time + 600n });
    await expect(buyer.client.buyAtLaunch(asset, { given: pay, least, deadline: time + 600n })).rejects.toMatchObject({
      revert: { name: 'TooLittle' },
    });
  });
});
