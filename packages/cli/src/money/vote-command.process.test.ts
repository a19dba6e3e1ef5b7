import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hex } from '@ogong/chain/hex';
import { computeAddress } from '@ogong/chain/keys';
import { encodeParameterChange } from '@ogong/chain/validators/government';
import { EXIT } from '@ogong/host/log/errors';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { paramsCommand } from './params-command.ts';
import { voteCommand } from './vote-command.ts';

/** Of the chain, which passes them when a test says so. Steps of a test take less, however busy the machine is. */
const NOTICE = 7_200;
const voting = { delay: 3_600, period: 7_200, timelock: 3_600, threshold: 1_000n * unit, quorumBps: 100 };
const folder = mkdtempSync(join(tmpdir(), 'ogong-vote-'));
const deployment = join(folder, 'deployment.json');
let ledger: TestLedger;
let holder: string;
let stranger: string;

function writeKey(privateKey: Hex): string {
  const path = join(folder, computeAddress(privateKey));
  writeFileSync(path, privateKey.slice(2), { mode: 0o600 });
  return path;
}

function writeChanges(name: string, changes: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(changes));
  return path;
}

beforeAll(async () => {
  ledger = await startTestLedger({ voting, delays: { notice: NOTICE }, limits: { withdrawalDelay: 0 } });
  writeFileSync(deployment, JSON.stringify({ ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl }));
  holder = writeKey(ledger.governorKey);
  stranger = writeKey((await ledger.createMember(5n * unit)).privateKey);
});
afterAll(async () => {
  await ledger.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function vote(...argv: string[]): Promise<string> {
  const written: string[] = [];
  const output = { write: (piece: string) => void written.push(piece), writeError: () => {} };
  expect(await voteCommand.run([...argv, '--deployment', deployment], output)).toBe(EXIT.ok);
  return written.join('');
}

async function params(...argv: string[]): Promise<string> {
  const written: string[] = [];
  const output = { write: (piece: string) => void written.push(piece), writeError: () => {} };
  expect(await paramsCommand.run([...argv, '--deployment', deployment], output)).toBe(EXIT.ok);
  return written.join('');
}

async function pass(seconds: number): Promise<void> {
  const rpc = ledger.governor.transactor.client;
  await rpc.request({ method: 'evm_increaseTime', params: [seconds] } as never);
  await rpc.request({ method: 'evm_mine' } as never);
}

async function propose(title: string, changes: unknown): Promise<string> {
  const path = writeChanges(`${title}.json`, changes);
  await vote('propose', '--changes', path, '--title', title, '--keypair', holder);
  const { proposals } = JSON.parse(await vote('list', '--json'));
  return proposals.find(({ description }: { description: string }) => description === title).id;
}

describe('ogong vote', () => {
  it('brings other parameters from a proposal into force, and nothing before its time', async () => {
    await vote('delegate', '--keypair', holder);
    await pass(voting.delay + 1);
    const path = writeChanges('dry.json', { limits: { alpha: 250_000 } });
    expect(await vote('propose', '--changes', path, '--title', 'dry run', '--keypair', holder, '--dry-run')).toContain(
      'nothing was sent. It would: propose to change limits',
    );
    expect(await vote('list')).not.toContain('dry run');
    const guardian = ledger.treasury;
    const id = await propose('Audit a quarter', { limits: { alpha: 250_000 }, shares: { router: 50 }, guardian });
    const shown = await vote('show', '--proposal', id.slice(0, 20));
    expect(shown).toContain('setLimits({"alpha":250000,');
    expect(shown).toContain(`setGuardian("${guardian}")`);
    expect(shown).toMatch(/for +0 OGONG/);
    const by = ['--proposal', id, '--keypair', holder];
    await expect(vote('cast', ...by, '--choice', 'for')).rejects.toThrow('GovernorUnexpectedProposalState');
    await pass(voting.delay + 1);
    await vote('cast', ...by, '--choice', 'for');
    await expect(vote('cast', ...by, '--choice', 'for')).rejects.toThrow('GovernorAlreadyCastVote');
    await expect(vote('queue', ...by)).rejects.toThrow('GovernorUnexpectedProposalState');
    await pass(voting.period);
    // Anybody may carry out a proposal that passed.
    const anybody = ['--proposal', id, '--keypair', stranger];
    await vote('queue', ...anybody);
    await expect(vote('execute', ...anybody)).rejects.toThrow('TimelockUnexpectedOperationState');
    await pass(voting.timelock);
    await vote('execute', ...anybody);
    expect(JSON.parse(await vote('show', '--proposal', id, '--json'))).toMatchObject({ state: 'executed' });
    // The announced values, and no unchanged ones.
    expect((await params()).match(/^announced.*/gm)).toEqual([
      expect.stringMatching(/^announced +share of the provider 9\d\.\d+ %, in force from 20/),
      expect.stringMatching(/^announced +share router 0\.5 %, in force from 20/),
    ]);
    await pass(NOTICE + 1);
    expect(await params()).toMatch(/^share router +0\.5 %$/m);
    expect(await params()).toContain(`guardian                 ${guardian}\n`);
    const { limits, shares } = await ledger.governor.parameters();
    // Absent fields are as before.
    expect(limits).toMatchObject({ alpha: 250_000, minimumValidatorBond: 100n * unit });
    expect(shares).toMatchObject({ router: 50, validator: 100 });
  });

  it('refuses a proposer with too few votes, and a defeated proposal does nothing', async () => {
    const path = writeChanges('few.json', { limits: { alpha: 1 } });
    const attempt = vote('propose', '--changes', path, '--title', 'few', '--keypair', stranger);
    await expect(attempt).rejects.toThrow('GovernorInsufficientProposerVotes');
    await vote('delegate', '--keypair', holder);
    await pass(voting.delay + 1);
    const id = await propose('Audit nothing', { limits: { alpha: 0 } });
    await pass(voting.delay + 1);
    const by = ['--proposal', id, '--keypair', holder];
    await vote('cast', ...by, '--choice', 'against');
    await pass(voting.period);
    expect(await vote('list')).toContain('defeated');
    await expect(vote('queue', ...by)).rejects.toThrow('GovernorUnexpectedProposalState');
  });

  it('leaves no owner: the deployer changes nothing any more', async () => {
    const { deployment: where, transactor } = ledger.governor;
    const { limits } = await ledger.governor.parameters();
    const [call] = encodeParameterChange(where, { limits });
    const attempt = transactor.send('set limits', where.parameters, call?.data ?? '0x');
    await expect(attempt).rejects.toThrow('OwnableUnauthorizedAccount');
  });

  it('names the fault of a proposal or its file', async () => {
    await expect(vote('show', '--proposal', '999999')).rejects.toThrow('there is none');
    for (const [changes, why] of [
      [{ limits: { alpha: -1 } }, 'limits.alpha'],
      [{ shares: { owner: 1 } }, 'owner'],
      [{ shares: { router: 2_001 } }, 'shares.router'],
      [{ guardian: '0x12' }, 'guardian'],
      [{}, 'it changes nothing'],
    ] as const) {
      const path = writeChanges('bad.json', changes);
      await expect(vote('propose', '--changes', path, '--title', 't', '--keypair', holder)).rejects.toThrow(why);
    }
  });
});
