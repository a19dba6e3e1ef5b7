import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hex } from '@ogong/chain/hex';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import type { Command } from '@ogong/host/lifecycle/command';
import { EXIT } from '@ogong/host/log/errors';
import { fromHex } from '@ogong/protocol/base/bytes';
import { createKeySigner } from '@ogong/protocol/settlement/validator-statement';
import { sendByNode, signAsAsked, startSignerServer } from '@ogong/testing/chain/signer-server';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { signAllotment, submitAllotment } from '@ogong/validator/settlement/allotment';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { claimCommand, withdrawCommand } from './claim-command.ts';
import { escrowCommand } from './escrow-command.ts';
import { paramsCommand } from './params-command.ts';
import { supplyCommand, walletCommand } from './show-commands.ts';
import { bondCommand, priorityCommand, stakeCommand } from './stake-command.ts';
import { voteCommand } from './vote-command.ts';

const DAY = 86_400;
const folder = mkdtempSync(join(tmpdir(), 'ogong-money-commands-'));
const deployment = join(folder, 'deployment.json');
let ledger: TestLedger;
type Member = Awaited<ReturnType<TestLedger['createMember']>>;
let validator: Member;
let payer: Member;

beforeAll(async () => {
  const start = BigInt(Math.floor(Date.now() / 3_600_000) * 3_600);
  ledger = await startTestLedger({ issuance: { start, period: DAY, lambda: 900_000 } });
  writeFileSync(deployment, JSON.stringify({ ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl }));
  validator = await ledger.createValidator();
  payer = await ledger.createMember(200n * unit);
});
afterAll(async () => {
  await ledger.stop();
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

/** Returns the escrow's allowance of an account's tokens. */
function allowanceOf({ address }: Member): Promise<bigint> {
  const { token, escrow } = ledger.deployment;
  return ledger.governor.transactor.read('allowance', async (client) => {
    const data = `0xdd62ed3e${[address, escrow].map((one) => one.slice(2).padStart(64, '0')).join('')}` as const;
    return BigInt((await client.call({ to: token, data })).data as Hex);
  });
}

const wallet = async ({ address }: Member) =>
  JSON.parse(await run(walletCommand, '--address', address.slice(2), '--json'));

async function pass(seconds: number): Promise<void> {
  const rpc = ledger.governor.transactor.client;
  await rpc.request({ method: 'evm_increaseTime', params: [seconds] } as never);
  await rpc.request({ method: 'evm_mine' } as never);
}

describe('commands for money', () => {
  it('report a missing amount before anything is sent, and a chain that does not answer', async () => {
    const poor = await ledger.createMember();
    const by = ['--keypair', keypair(poor)];
    const lacking = `--amount: ${poor.address} has 0 OGONG, not 5 OGONG; lower the amount, or bring more`;
    for (const [command, verb] of [
      [stakeCommand, 'add'],
      [priorityCommand, 'add'],
      [bondCommand, 'add'],
      [escrowCommand, 'deposit'],
    ] as const) {
      const wanted = [verb, '--amount', '5', ...by];
      await expect(run(command, ...wanted)).rejects.toThrow(lacking);
      await expect(run(command, ...wanted, '--dry-run')).rejects.toThrow(lacking);
    }
    const nonce = await ledger.governor.transactor.client.getTransactionCount({ address: poor.address });
    expect(nonce).toBe(0);
    const admitted = run(escrowCommand, 'admit', '--validator', poor.address.slice(2), '--amount', '1', ...by);
    await expect(admitted).rejects.toThrow(`--validator: ${poor.address} is no validator of this network`);
    await expect(run(stakeCommand, 'remove', '--amount', '2', ...by)).rejects.toMatchObject({
      ...{ code: 'reverted', revert: { name: 'InsufficientStake' } },
      message: expect.stringContaining('could not ask 2 OGONG of the stake back: the stake is 0 OGONG, and 2 OGONG'),
    });
    const away = ['--rpc-url', 'http://user:secret@127.0.0.1:9/key'];
    await expect(run(stakeCommand, 'add', '--amount', '5', ...by, ...away)).rejects.toMatchObject({
      code: 'rpc-unreachable',
      message: expect.stringMatching(
        /^check the chain: the chain's RPC endpoint http:\/\/127\.0\.0\.1:9 cannot be reached; see/,
      ),
    });
  });

  it('delegate no votes in a network without votes', async () => {
    const delegating = run(voteCommand, 'delegate', '--keypair', keypair(payer));
    await expect(delegating).rejects.toThrow('nobody votes in this network: its parameters have an owner');
  });

  it('report a missing coin for fees, in a dry run too', async () => {
    const broke = await ledger.createMember(5n * unit);
    await ledger.chain.setBalance(broke.address, 0n);
    const by = ['--amount', '5', '--keypair', keypair(broke)];
    await expect(run(stakeCommand, 'add', ...by)).rejects.toMatchObject({
      code: 'no-coin',
      message: `approve: ${broke.address} has too little of the chain's coin to pay for the transaction: send it some first`,
    });
    await expect(run(stakeCommand, 'add', ...by, '--dry-run')).rejects.toMatchObject({
      code: 'no-coin',
      message: expect.stringMatching(
        /cannot pay for it: it has 0 of the chain's coin, and this takes up to 0\.\d+; send/,
      ),
    });
  });

  it('deposit, reserve, ask back and take out, and show the cost before', async () => {
    const key = keypair(payer);
    expect(await allowanceOf(payer)).toBe(0n);
    const validators = validator.address.slice(2);
    const escrow = (...argv: string[]) => run(escrowCommand, ...argv, '--keypair', key);
    const preview = await escrow('deposit', '--amount', '100', '--dry-run');
    expect(preview).toContain('nothing was sent. It would: deposit 100 OGONG');
    expect(preview).toMatch(
      /approve, to 0x[0-9a-f]{40}: about \d+ gas, at most 0\.\d+ of the chain's coin \(chain 31337, nonce 0, value 0\)/,
    );
    expect(preview).toContain(`; it lets ${ledger.deployment.escrow} take 100 OGONG, and no more`);
    expect(preview).toMatch(/then deposit, .* \(chain 31337, nonce 1, value 0\)/);
    expect(await wallet(payer)).toMatchObject({ tokens: `${200n * unit}`, deposit: '0' });
    await expect(escrow('deposit', '--amount', '100 credits')).rejects.toThrow('counts that in OGONG, not in credits');
    expect(await wallet(payer)).toMatchObject({ tokens: `${200n * unit}` });
    await escrow('deposit', '--amount', '100 OGONG');
    expect(await allowanceOf(payer)).toBe(0n);
    await escrow('admit', '--validator', validators, '--amount', '60.5');
    expect(await wallet(payer)).toMatchObject({ tokens: `${100n * unit}`, deposit: `${395n * (unit / 10n)}` });
    const planned = JSON.parse(await escrow('withdraw', '--amount', '1000 atomic', '--dry-run', '--json'));
    expect(planned).toMatchObject({
      ...{ dryRun: true, chainId: ledger.chain.chainId },
      transactions: [{ what: 'withdraw', nonce: 3, valueWei: '0' }],
    });
    expect(BigInt(planned.transactions[0].gas)).toBeGreaterThan(21_000n);
    await escrow('withdraw', '--amount', '1000 atomic');
    const approving = JSON.parse(await escrow('deposit', '--amount', '7 atomic', '--dry-run', '--json'));
    expect(approving.transactions[0].approval).toEqual({ spender: ledger.deployment.escrow, amount: '7' });
    // A dry run reports the chain's refusal, too, by its name.
    for (const more of [[], ['--dry-run']]) {
      await expect(escrow('withdraw', '--amount', '4000', ...more)).rejects.toThrow('InsufficientFree');
    }
    await expect(escrow('withdraw', '--amount', '1.5 atomic')).rejects.toThrow('--amount');
    await escrow('release', '--validator', validators, '--amount', '0.5');
    await expect(escrow('finish', '--validator', validators)).rejects.toThrow('TooEarly');
    await pass(DAY + 1);
    await escrow('finish', '--validator', validators);
    expect(await wallet(payer)).toMatchObject({ deposit: `${40n * unit - 1_000n}` });
  });

  it('send by a signer that holds the key, and by no other way than one', async () => {
    const member = await ledger.createMember(3n * unit);
    const signer = await startSignerServer(signAsAsked(member.privateKey));
    const account = member.address.slice(2);
    const by = ['--signer', signer.url, '--account', account];
    await run(escrowCommand, 'deposit', '--amount', '2', ...by, '--dry-run');
    expect(signer.requests).toEqual([]);
    await run(escrowCommand, 'deposit', '--amount', '2', ...by);
    expect(await wallet(member)).toMatchObject({ tokens: `${unit}`, deposit: `${2n * unit}` });
    expect(signer.requests.map(({ method }) => method)).toEqual(['eth_signTransaction', 'eth_signTransaction']);
    vi.stubEnv('OGONG_KEYPAIR', keypair(payer));
    // Flags prevail over exported variables.
    const written = JSON.parse(await run(escrowCommand, 'withdraw', '--amount', '1', ...by, '--dry-run', '--json'));
    expect(written.account).toBe(member.address);
    const whose = ['--address', account, '--json'];
    expect(JSON.parse(await run(walletCommand, ...whose))).toMatchObject({ account: `0x${account}` });
    vi.unstubAllEnvs();
    await signer.close();
    for (const wrong of [[], ['--signer', signer.url], ['--account', account], [...by, '--keypair', keypair(member)]]) {
      await expect(run(escrowCommand, 'deposit', '--amount', '1', ...wrong)).rejects.toThrow('say who signs');
    }
  });

  it('are sent by a wallet, which does not sign alone, and fail if it sends something else', async () => {
    const member = await ledger.createMember(3n * unit);
    const params = [member.address];
    await ledger.governor.transactor.client.request({ method: 'anvil_impersonateAccount', params } as never);
    const deposit = async (...[change]: [Parameters<typeof sendByNode>[1]?]) => {
      const signer = await startSignerServer(sendByNode(ledger.chain.rpcUrl, change), ['eth_sendTransaction']);
      const by = ['--signer', signer.url, '--account', member.address.slice(2)];
      await run(escrowCommand, 'deposit', '--amount', '2', ...by).finally(() => signer.close());
    };
    // A larger allowance for the escrow.
    const raise = (asked: Record<string, string>) => ({
      ...asked,
      data: asked.data?.replace(/.{64}$/, 'f'.repeat(64)),
    });
    await expect(deposit(raise)).rejects.toThrow(/the signer sent another transaction, 0x.*: data differ/);
    expect(await wallet(member)).toMatchObject({ tokens: `${3n * unit}`, deposit: '0' });
    await deposit();
    expect(await wallet(member)).toMatchObject({ tokens: `${unit}`, deposit: `${2n * unit}` });
  });

  it('let a key pay for an account, once it consents', async () => {
    const [member, key] = await Promise.all([ledger.createMember(3n * unit), ledger.createMember()]);
    const named = ['--validator', validator.address.slice(2), '--key', key.address.slice(2), '--amount', '2'];
    const limit = () => payer.client.keyLimitOf(member.address, validator.address, key.address);
    await run(escrowCommand, 'allow', ...named, '--keypair', keypair(member), '--dry-run');
    expect(await limit()).toBe(0n);
    const bad = ['--payer', member.address.slice(2), '--consent', '00'.repeat(65), '--keypair', keypair(payer)];
    await expect(run(escrowCommand, 'allow', ...named, ...bad)).rejects.toThrow('NoConsent');
    await run(escrowCommand, 'allow', ...named, '--keypair', keypair(member));
    expect(await limit()).toBe(2n * unit);
    await expect(run(escrowCommand, 'allow', ...named, '--keypair', keypair(member))).rejects.toThrow('LimitNotRaised');
  });

  it.each([
    ['stake', stakeCommand],
    ['priority', priorityCommand],
    ['bond', bondCommand],
  ] as const)('%s is added, asked back, and taken out after its delay', async (name, command) => {
    const member = await ledger.createMember(10n * unit);
    const key = keypair(member);
    await run(command, 'add', '--amount', '7', '--keypair', key);
    expect(await wallet(member)).toMatchObject({ tokens: `${3n * unit}`, [name]: `${7n * unit}` });
    await run(command, 'remove', '--amount', '2', '--keypair', key);
    await expect(run(command, 'finish', '--keypair', key)).rejects.toThrow('TooEarly');
    await pass(22 * DAY);
    await run(command, 'finish', '--keypair', key);
    expect(await wallet(member)).toMatchObject({ tokens: `${5n * unit}`, [name]: `${5n * unit}` });
  });

  it('bond no key in a network without held earnings', async () => {
    const by = ['--provider', 'ab'.repeat(32), '--keypair', keypair(await ledger.createMember(unit))];
    await expect(run(bondCommand, 'add', '--amount', '1', ...by)).rejects.toThrow('this network holds no earnings');
  });

  it('pay credit, emission, and earnings to a payee whose key is elsewhere', async () => {
    const { address, client } = validator;
    const payer = await ledger.createMember(20n * unit);
    const providerId: Hex = `0x${'ab'.repeat(32)}`;
    const payee: Hex = `0x${'cd'.repeat(20)}`;
    await payer.client.deposit(20n * unit);
    await payer.client.admit(address, 20n * unit);
    const word: Hex = `0x${'11'.repeat(32)}`;
    const head = { validator: address, sequence: 1n, logHead: word, logLength: 1n, recordsRoot: word, replies: 1 };
    const call = await ledger.signBatch(
      {
        batch: head,
        debits: [await ledger.signDebit(payer.privateKey, address, 10n * unit, 10n * unit)],
        lines: [{ providerId, payee, router: address, gross: 10n * unit }],
        ejections: [],
        tallies: [{ payee: address, credits: 1, refuted: 0 }],
      },
      [validator.privateKey],
    );
    await client.settle(call);
    await pass(DAY);
    const { client: chain } = ledger.governor.transactor;
    const beforeTally = Number(await chain.getBlockNumber({ cacheTime: 0 }));
    const emission = ledger.deployment.emission as Hex;
    const domain = { chainId: BigInt(ledger.chain.chainId), verifyingContract: fromHex(emission.slice(2)) };
    const signer = createKeySigner(crypto, createNodeLedgerSigner(fromHex(validator.privateKey.slice(2))));
    const signed = await signAllotment({ crypto, signer, domain }, client);
    await submitAllotment({ crypto, domain }, client, { signatures: [signed?.signature as Uint8Array] });

    const before = await wallet(validator);
    // Credit of router, validator and verifier; without a roster half of the validator's part is verification's.
    const credit = (6n * unit) / 10n - unit / 20n;
    expect(before.credit).toBe(`${credit}`);
    const planned = JSON.parse(await run(claimCommand, '--keypair', keypair(validator), '--dry-run', '--json'));
    expect(planned.transactions.map(({ what }: { what: string }) => what)).toEqual(['claim', 'claim emission']);
    // Endpoints that do not have the old events, with the tally's own and without it.
    await pass(1);
    for (const block of [beforeTally, Number(await chain.getBlockNumber({ cacheTime: 0 }))]) {
      const late = join(folder, 'late.json');
      writeFileSync(late, JSON.stringify({ ...ledger.deployment, block, rpcUrl: ledger.chain.rpcUrl }));
      const written: string[] = [];
      const output = { write: () => {}, writeError: (piece: string) => void written.push(piece) };
      const where = ['--keypair', keypair(validator), '--deployment', late, '--dry-run'];
      expect(await claimCommand.run(where, output)).toBe(EXIT.ok);
      expect(written.join('')).toContain('do not come to the roots of tallies 0: with --ask');
    }

    const claimed = JSON.parse(await run(claimCommand, '--keypair', keypair(validator), '--json'));
    const emitted = `${(27n * unit) / 1_000n}`;
    expect(claimed).toMatchObject({
      ...{ credit: `${credit}`, cosigned: '0', emission: emitted, tallies: [{ number: 0, amount: emitted }] },
      ...{ unshown: [], transactions: [{ what: 'claim' }, { what: 'claim emission' }] },
    });
    expect(claimed.transactions[0].hash).toMatch(/^0x[0-9a-f]{64}$/);
    // A tenth of a token was recycled; router, validator and verifier have 30 % of its 0.9.
    const gain = BigInt((await wallet(validator)).tokens) - BigInt(before.tokens);
    expect(gain).toBe(credit + (27n * unit) / 1_000n);
    const again = JSON.parse(await run(claimCommand, '--keypair', keypair(validator), '--dry-run', '--json'));
    expect(again.transactions).toEqual([]);
    const nothing = 'nothing was sent, there is nothing to do: claim credit and emission';
    expect(await run(claimCommand, '--keypair', keypair(validator))).toContain(nothing);

    const withdraw = ['--provider', providerId.slice(2), '--payee', payee.slice(2), '--keypair', keypair(payer)];
    const paid = JSON.parse(await run(withdrawCommand, ...withdraw, '--json'));
    const payable = `${(9_248n * 10n * unit) / 10_000n}`;
    expect(paid).toMatchObject({
      payee,
      withdrawable: payable,
      held: '0',
      transactions: [{ what: 'withdraw earnings' }],
    });
    expect(await ledger.governor.balanceOf(payee)).toBe((9_248n * 10n * unit) / 10_000n);
    expect(await run(withdrawCommand, ...withdraw, '--dry-run')).toContain('there is nothing to do');
    expect(await run(withdrawCommand, ...withdraw)).toContain('nothing was sent, there is nothing to do: pay');
  });

  it('show supply, parameters and a wallet in words', async () => {
    const supply = JSON.parse(await run(supplyCommand, '--json'));
    expect(supply.total).toBe(`${5_000_000_000n * unit}`);
    expect(await run(supplyCommand)).toContain('total            5,000,000,000 OGONG  (fixed: nobody mints or burns)');
    expect(await run(paramsCommand)).toContain('share of the provider    92.48 %');
    expect(JSON.parse(await run(paramsCommand, '--json'))).toMatchObject({
      ...{ shares: { recycle: 100 }, guardian: `0x${'00'.repeat(20)}`, pausedUntil: '0' },
    });
    const words = await run(paramsCommand, '--price', '0.5');
    expect(words).toContain('least validator bond     100 OGONG ($50.00)');
    for (const line of ['guardian +nobody', 'new money +may come in', 'work of newcomers +none', 'drift table +none'])
      expect(words).toMatch(new RegExp(`^${line}$`, 'm'));
    expect(words).toMatch(/^slowest device +20 tokens a second$/m);
    const member = await ledger.createMember(3n * unit);
    expect(await run(walletCommand, '--keypair', keypair(member), '--price', '2')).toContain('3 OGONG ($6.00)');
    const stake = ['add', '--amount', '1.5', '--keypair', keypair(member), '--dry-run', '--price', '2'];
    expect(await run(stakeCommand, ...stake)).toContain('It would: add 1.5 OGONG ($3.00) to the stake');
    await expect(run(walletCommand)).rejects.toThrow('--address or --keypair');
  });
});
