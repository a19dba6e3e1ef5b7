import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Hex } from '@ogong/chain/hex';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { EXIT } from '@ogong/host/log/errors';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { Conviction } from '@ogong/protocol/settlement/conviction';
import { createKeySigner } from '@ogong/protocol/settlement/validator-statement';
import { keepChainFresh } from '@ogong/testing/chain/fresh-chain';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { signCharge, submitCharge } from '@ogong/validator/settlement/conviction';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { caseCommand } from './case-command.ts';

const APPEAL = 3_600;
const DEPOSIT = 100n * unit;
const providerId: Hex = `0x${'ab'.repeat(32)}`;
const word: Hex = `0x${'11'.repeat(32)}`;
let ledger: TestLedger;
let directory: TestDirectory;
type Member = Awaited<ReturnType<TestLedger['createMember']>>;

beforeAll(async () => {
  ledger = await startTestLedger({
    ...{ blockTimeMs: 50, delays: { appeal: APPEAL }, limits: { minimumRouterBond: 50n * unit } },
    holding: { period: 86_400, entrance: 1_000n, growth: 2_000_000 },
  });
  directory = createTestDirectory('case-appeals');
  const deployment = { ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl };
  writeFileSync(join(directory.path, 'deployment.json'), JSON.stringify(deployment));
});
afterAll(async () => {
  await ledger?.stop();
  directory?.remove();
});
keepChainFresh(() => ledger);

async function runCase(member: Member | undefined, ...argv: readonly string[]) {
  const [written, told]: [string[], string[]] = [[], []];
  const output = {
    write: (piece: string) => void written.push(piece),
    writeError: (one: string) => void told.push(one),
  };
  const by = ['--deployment', join(directory.path, 'deployment.json')];
  if (member !== undefined) {
    const path = join(directory.path, member.address);
    writeFileSync(path, member.privateKey.slice(2), { mode: 0o600 });
    by.push('--keypair', path);
  }
  expect(await caseCommand.run([...argv, ...by], output)).toBe(EXIT.ok);
  return { said: written.join(''), told: told.join('') };
}
const readCase = async (member: Member | undefined, ...argv: readonly string[]) =>
  JSON.parse((await runCase(member, ...argv, '--json')).said);
const listSent = ({ transactions }: { readonly transactions: readonly { readonly what: string }[] }) =>
  transactions.map(({ what }) => what);

async function pass(seconds: number): Promise<void> {
  const rpc = ledger.governor.transactor.client;
  await rpc.request({ method: 'evm_increaseTime', params: [seconds] } as never);
  await rpc.request({ method: 'evm_mine' } as never);
}

/** All validators convict the first one. @returns the number of the case */
async function convict(validators: readonly Member[], reporter: Member): Promise<number> {
  const domain = {
    chainId: BigInt(ledger.chain.chainId),
    verifyingContract: fromHex(ledger.deployment.cases.slice(2)),
  };
  const [accused, by] = [validators[0]?.address ?? '', reporter.address].map((one) => fromHex(one.slice(2), 20));
  const charge: Omit<Conviction, 'conviction'> = {
    ...{ offence: 'false-verdict', accused: accused as Uint8Array, reporter: by as Uint8Array },
    evidence: crypto.sha256(new Uint8Array(3)),
  };
  const signatures = await Promise.all(
    validators.map(async ({ privateKey, client }) => {
      const signer = createKeySigner(crypto, createNodeLedgerSigner(fromHex(privateKey.slice(2), 32)));
      return (await signCharge({ signer, domain }, client, charge)).signature;
    }),
  );
  await submitCharge({ crypto, domain }, reporter.client, { charge, signatures });
  return (await ledger.governor.caseCount()) - 1;
}

async function settle(
  validator: Awaited<ReturnType<TestLedger['createValidator']>>,
  { ejections = [], tallies = [] }: Partial<Pick<Parameters<TestLedger['signBatch']>[0], 'ejections' | 'tallies'>>,
  sequence = 1n,
): Promise<void> {
  const head = { validator: validator.address, sequence, logHead: word, logLength: sequence, recordsRoot: word };
  const batch = { ...head, replies: 0 };
  const call = await ledger.signBatch({ batch, debits: [], lines: [], ejections, tallies }, [validator.privateKey]);
  await validator.client.settle(call);
}

describe('ogong case', () => {
  it('appeals against a case, draws its panel, and pays it out if it was not lifted', async () => {
    const validators = await Promise.all([1, 2, 3].map(() => ledger.createValidator()));
    const [accused] = validators as [Member, ...Member[]];
    const [reporter, anybody] = await Promise.all([ledger.createMember(), ledger.createMember()]);
    expect((await runCase(undefined, 'list')).said).toBe('there is no case yet\n');
    const id = await convict(validators, reporter);
    const { cases } = await readCase(undefined, 'list');
    expect(cases).toMatchObject([{ id, offence: 'false-verdict', accused: accused.address, amount: `${10n * unit}` }]);
    expect(cases[0].appealUntil - cases[0].openedAt).toBe(APPEAL);
    expect((await runCase(undefined, 'list')).said).toMatch(/10 OGONG {2}\(appeal until 20\d\d-/);

    const of = ['--case', `${id}`];
    await expect(runCase(anybody, 'draw', ...of)).rejects.toThrow('nobody appealed against case 0');
    expect((await runCase(anybody, 'appeal', ...of, '--dry-run')).said).toContain('would: appeal against case 0');
    const appealed = await readCase(anybody, 'appeal', ...of);
    expect(appealed).toMatchObject({ deposit: '0', transactions: [{ what: 'appeal' }] });
    await pass(1);
    const drawn = await readCase(anybody, 'draw', ...of);
    expect(drawn).toMatchObject({ subject: appealed.subject, transactions: [{ what: 'draw a panel' }] });
    // The accused is no member of the panel of three validators.
    expect([...drawn.panel].sort()).toEqual(
      validators
        .slice(1)
        .map(({ address }) => address)
        .sort(),
    );
    const again = await runCase(anybody, 'draw', ...of);
    expect(again.said).toContain('nothing was sent, there is nothing to do');
    expect(again.told).toContain(`panel  ${drawn.panel[0]}`);

    await expect(runCase(anybody, 'close', ...of)).rejects.toThrow('TooEarly');
    await pass(APPEAL);
    expect((await runCase(undefined, 'list')).said).toContain('ogong case close pays it out');
    expect(await readCase(anybody, 'close', ...of)).toMatchObject({
      accused: accused.address,
      amount: `${10n * unit}`,
    });
    expect(await ledger.governor.balanceOf(reporter.address)).toBe((10n * unit) / 4n);
    expect((await readCase(undefined, 'list')).cases).toMatchObject([{ isOver: true }]);

    // Its remaining bond is below the least: it leaves, and nobody else does.
    const evict = (one: Member) => readCase(anybody, 'evict', '--validator', one.address.slice(2));
    await expect(evict(validators[1] as Member)).rejects.toThrow('BondSuffices');
    expect(listSent(await evict(accused))).toEqual(['evict']);
    expect(await ledger.governor.validators()).toHaveLength(2);
  });

  it('appeals against an ejection with a deposit, loses it, and collects the proceeds of the ejection', async () => {
    const [validator, payee] = await Promise.all([ledger.createValidator(), ledger.createMember(30n * unit)]);
    const [poor, rich] = await Promise.all([ledger.createMember(unit), ledger.createMember(DEPOSIT)]);
    await payee.client.bondKey(providerId, 30n * unit);
    const of = ['--provider', providerId.slice(2)];
    await expect(runCase(rich, 'appeal', ...of)).rejects.toThrow('is not ejected');
    const penalized = ['--payee', payee.address.slice(2)];
    await expect(runCase(rich, 'appeal', ...penalized)).rejects.toThrow('penalties hold nothing of');
    await settle(validator, { ejections: [providerId] });
    await expect(runCase(poor, 'appeal', ...of)).rejects.toThrow('has 1 OGONG, and the deposit is 100 OGONG');
    const planned = await readCase(rich, 'appeal', ...of, '--dry-run');
    const approval = { spender: ledger.deployment.cases, amount: `${DEPOSIT}` };
    expect(planned.transactions).toMatchObject([{ what: 'approve', approval }, { what: 'appeal' }]);
    const { subject, deposit } = await readCase(rich, 'appeal', ...of);
    expect([deposit, await ledger.governor.balanceOf(rich.address)]).toEqual([`${DEPOSIT}`, 0n]);
    await pass(1);
    expect((await readCase(poor, 'draw', ...of)).subject).toBe(subject);

    const collect = ['collect', ...of, '--payee', payee.address.slice(2)];
    expect((await runCase(poor, ...collect)).said).toContain('nothing was sent, there is nothing to do');
    await expect(runCase(poor, 'forfeit', ...of)).rejects.toThrow('TooEarly');
    await pass(APPEAL);
    await expect(runCase(poor, 'appeal', ...of)).rejects.toThrow('the appeal is over since 20');
    const before = await ledger.governor.balanceOf(ledger.treasury);
    expect(await readCase(poor, 'forfeit', ...of, '--number', '1')).toMatchObject({ subject, amount: `${DEPOSIT}` });
    expect((await runCase(poor, 'forfeit', ...of)).said).toContain('nothing was sent, there is nothing to do');
    const collected = await readCase(poor, ...collect);
    expect([collected.bond, ...listSent(collected)]).toEqual([`${30n * unit}`, 'forfeit the bond of a key']);
    // Treasury and pool are one account here.
    expect((await ledger.governor.balanceOf(ledger.treasury)) - before).toBe(DEPOSIT + 30n * unit);
  });

  it('appeals against penalties and asks for a freeze, and collects the penalties', async () => {
    const [validator, payee] = await Promise.all([ledger.createValidator(), ledger.createMember(100n * unit)]);
    const anybody = await ledger.createMember(2n * DEPOSIT);
    // A freeze is named by its day: all of this is within one.
    const { timestamp } = await ledger.governor.transactor.client.getBlock();
    if (Number(timestamp) % 86_400 > 85_800) await pass(600);
    await payee.client.stake(100n * unit);
    await settle(validator, { tallies: [{ payee: payee.address, credits: 1, refuted: 1 }] });
    const { amountAtomic } = await ledger.governor.heldPenaltyOf(payee.address);
    const of = ['--payee', payee.address.slice(2)];
    for (const subject of [of, ['--freeze', providerId.slice(2)]]) {
      const appealed = await readCase(anybody, 'appeal', ...subject);
      await pass(1);
      const drawn = await readCase(anybody, 'draw', ...subject);
      expect(drawn).toMatchObject({ subject: appealed.subject, panel: [validator.address] });
    }
    await expect(runCase(anybody, 'collect', ...of)).rejects.toThrow('TooEarly');
    await pass(APPEAL);
    expect(await readCase(anybody, 'collect', ...of)).toMatchObject({ penalty: `${amountAtomic}` });
    expect(amountAtomic).toBeGreaterThan(0n);
    expect((await runCase(anybody, 'collect', ...of)).said).toContain('there is nothing to do');
  });

  it('shows all penalties that are held, and draws the panel of the one that was appealed against', async () => {
    const [validator, payee] = await Promise.all([ledger.createValidator(), ledger.createMember(100n * unit)]);
    const anybody = await ledger.createMember(3n * DEPOSIT);
    const { timestamp } = await ledger.governor.transactor.client.getBlock();
    // All penalties are of one day, so that each is known before.
    if (Number(timestamp) % 86_400 > 85_800) await pass(600);
    await payee.client.stake(100n * unit);
    const refute = async (sequence: bigint, refuted: number) =>
      settle(validator, { tallies: [{ payee: payee.address, credits: 1, refuted }] }, sequence);
    const of = ['--payee', payee.address.slice(2)];
    expect((await runCase(undefined, 'list', ...of)).said).toBe(`no penalty is held of ${payee.address}\n`);
    await refute(1n, 1);
    const first = await readCase(anybody, 'appeal', ...of);
    await pass(1);
    await refute(2n, 2);
    const { said } = await runCase(undefined, 'list', ...of);
    expect(said).toContain('1  2 OGONG  1 refuted report  (appealed against: ogong case draw --payee ');
    expect(said).toContain('2  4 OGONG  2 refuted reports  (nobody appealed)');
    await expect(runCase(anybody, 'draw', ...of, '--number', '2')).rejects.toThrow(
      `nobody appealed against penalty 2 of ${payee.address}: held are 1, 2`,
    );
    // There is no appeal against the last one: the one before it is meant.
    expect(await readCase(anybody, 'draw', ...of)).toMatchObject({
      subject: first.subject,
      panel: [validator.address],
    });
    await refute(3n, 1);
    const third = await readCase(anybody, 'appeal', ...of);
    await pass(1);
    expect(await readCase(anybody, 'draw', ...of, '--dry-run')).toMatchObject({ subject: third.subject });
    await readCase(anybody, 'draw', ...of);
    await expect(runCase(anybody, 'draw', ...of)).rejects.toThrow(/penalties 1, 3 of .* say which by --number/);
    const drawn = await readCase(anybody, 'draw', ...of, '--number', '1');
    expect(drawn).toMatchObject({ subject: first.subject, panel: [validator.address], transactions: [] });
    await pass(APPEAL);
    await runCase(anybody, 'collect', ...of);
    expect(await readCase(undefined, 'list', ...of)).toEqual({ payee: payee.address, penalties: [] });
    await expect(runCase(anybody, 'forfeit', ...of)).rejects.toThrow(/penalties 1, 3 of .* say which by --number/);
    expect(await readCase(anybody, 'forfeit', ...of, '--number', '3')).toMatchObject({ subject: third.subject });
    // One deposit is left.
    expect(await readCase(anybody, 'forfeit', ...of)).toMatchObject({ subject: first.subject, amount: `${DEPOSIT}` });
  });

  it('ends a router whose stake is below the least, and no other', async () => {
    const [router, anybody] = await Promise.all([ledger.createMember(50n * unit), ledger.createMember()]);
    await router.client.stake(50n * unit);
    await router.client.registerRouter(word);
    const by = ['evict', '--router', router.address.slice(2)];
    await expect(runCase(anybody, ...by)).rejects.toThrow('its stake is not below the least');
    const { limits } = await ledger.governor.parameters();
    await ledger.governor.setLimits({ ...limits, minimumRouterBond: 51n * unit });
    expect(listSent(await readCase(anybody, ...by))).toEqual(['retire router']);
    expect((await ledger.governor.routerOf(router.address))?.until).toBeGreaterThan(0n);
  });

  it('names the fault of a request', async () => {
    const anybody = await ledger.createMember();
    const id = providerId.slice(2);
    for (const [argv, why] of [
      [['appeal'], 'give one of --case'],
      [['appeal', '--case', '1', '--provider', id], 'give one of --case'],
      [['draw', '--case', '1', '--number', '2'], '--number: an ejection or a penalty has one'],
      [['draw', '--provider', id, '--period', '2'], '--period: give it with --freeze'],
      [['forfeit', '--case', '1'], 'puts no deposit down'],
      [['evict'], 'say whom'],
      [['close', '--case', '7'], 'NoCase'],
    ] as const) {
      await expect(runCase(anybody, ...argv), argv.join(' ')).rejects.toThrow(why);
    }
  });
});
