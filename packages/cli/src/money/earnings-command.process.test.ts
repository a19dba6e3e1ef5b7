import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BytesLike, Hex } from '@ogong/chain/hex';
import { createOrLoadKeys } from '@ogong/host/crypto/key-files';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner, createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { EXIT } from '@ogong/host/log/errors';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { createEarningsView } from '@ogong/host/views/earnings-view';
import { fromHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import { createServedStore, type ServedFinding, type ServedOutcome } from '@ogong/provider/provider/paid/served-store';
import { PROVIDER_SCHEMA } from '@ogong/provider/provider/provider-store';
import { keepChainFresh } from '@ogong/testing/chain/fresh-chain';
import { startTestLedger, type TestLedger } from '@ogong/testing/chain/test-ledger';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { formatTokens } from './amount.ts';
import { earningsCommand } from './earnings-command.ts';

const PERIOD = 100_000;
const ENTRANCE = 1_000n;
/** The provider's part of a fee of 100,000 without a router. */
const PART = 96_980n;
const providerId = 'ab'.repeat(32);
const payee = 'cd'.repeat(20);
const folder = mkdtempSync(join(tmpdir(), 'ogong-earnings-command-'));
const deployment = join(folder, 'deployment.json');
/** Key of an account that has coin, exported for other commands. */
const keypair = join(folder, 'key');
let ledger: TestLedger;
let validator: Awaited<ReturnType<TestLedger['createValidator']>>;
let payer: Awaited<ReturnType<TestLedger['createMember']>>;
let sequence = 0n;

beforeAll(async () => {
  ledger = await startTestLedger({ holding: { period: PERIOD, entrance: ENTRANCE, growth: 2_000_000 } });
  writeFileSync(deployment, JSON.stringify({ ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl }));
  validator = await ledger.createValidator();
  payer = await ledger.createMember(200_000n);
  writeFileSync(keypair, payer.privateKey.slice(2), { mode: 0o600 });
  await payer.client.deposit(200_000n);
  await payer.client.admit(validator.address, 200_000n);
  // Amounts settled now are read in the same period.
  const { timestamp } = await ledger.governor.transactor.client.getBlock();
  if (Number(timestamp) % PERIOD > PERIOD - 600) await passTime(600);
  await settle({ providerId: `0x${providerId}`, payee: `0x${payee}` });
});
afterAll(async () => {
  await ledger.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Settles a fee of 100,000 for a provider. */
async function settle(line: { readonly providerId: BytesLike; readonly payee: BytesLike }): Promise<void> {
  const word: Hex = `0x${'11'.repeat(32)}`;
  const cumulative = 100_000n * ++sequence;
  const batch = { validator: validator.address, sequence, logHead: word, logLength: sequence, recordsRoot: word };
  const call = await ledger.signBatch(
    {
      batch: { ...batch, replies: 1 },
      debits: [await ledger.signDebit(payer.privateKey, validator.address, 100_000n, cumulative)],
      lines: [{ ...line, router: `0x${'00'.repeat(20)}`, gross: 100_000n }],
      ejections: [],
      tallies: [{ payee: line.payee, credits: 1, refuted: 1 }],
    },
    [validator.privateKey],
  );
  await validator.client.settle(call);
}

async function runRaw(...more: string[]): Promise<string> {
  const written: string[] = [];
  const output = { write: (piece: string) => void written.push(piece), writeError: () => {} };
  expect(await earningsCommand.run(['--deployment', deployment, ...more], output)).toBe(EXIT.ok);
  return written.join('');
}

const run = (...more: string[]): Promise<string> => runRaw('--provider', providerId, '--payee', payee, ...more);

async function passTime(seconds: number): Promise<void> {
  const rpc = ledger.governor.transactor.client;
  await rpc.request({ method: 'evm_increaseTime', params: [seconds] } as never);
  await rpc.request({ method: 'evm_mine' } as never);
}
const passPeriods = (count: number): Promise<void> => passTime(count * PERIOD);

keepChainFresh(() => ledger);
afterEach(() => {
  vi.unstubAllEnvs();
  sequence = 1n;
});

describe('ogong earnings', () => {
  it('shows held earnings, and those that can be withdrawn once they have vested', async () => {
    const held = JSON.parse(await run('--json'));
    expect(held).toMatchObject({ earned: `${PART}`, held: `${PART}`, withdrawable: '0' });
    const settled = await ledger.governor.transactor.client.getBlock();
    // The running period is not over, so it is not shown.
    expect(JSON.parse(await run('--json', '--periods', '5')).periods).toEqual([]);
    await passPeriods(1);
    const first = Math.floor(Number(settled.timestamp) / PERIOD);
    const told = { earned: `${PART - ENTRANCE}`, from: new Date(first * PERIOD * 1_000).toISOString() };
    const vestsAt = new Date((first + 3) * PERIOD * 1_000).toISOString();
    expect(JSON.parse(await run('--json', '--periods', '5')).periods).toEqual([{ ...told, vestsAt, isVested: false }]);
    await passPeriods(2);
    expect(await run('--periods', '5')).toContain(`the payee's since ${vestsAt}`);
    expect(JSON.parse(await run('--json', '--periods', '2')).periods).toEqual([]);
    await expect(run('--periods', '0')).rejects.toThrow('--periods');
    const ready = `withdrawable  ${formatTokens(PART - ENTRANCE)} OGONG  (ogong withdraw --provider ${providerId}`;
    expect(await run()).toContain(ready);

    const account = { providerId: fromHex(providerId), payee: fromHex(payee) };
    const { heldFor } = createEarningsView({ client: async () => ledger.governor });
    const settledMs = Number(settled.timestamp) * 1000;
    expect(await heldFor(account, settledMs)).toBe(0n);
    expect(await heldFor(account, settledMs + PERIOD * 1000)).toBe(PART - ENTRANCE);
    expect(await heldFor(account, settledMs + 2 * PERIOD * 1000)).toBe(0n);
    await expect(heldFor(account, settledMs + 9 * PERIOD * 1000)).rejects.toMatchObject({ code: 'reverted' });
  });

  it('sends nothing, with any exported key, and a flag prevails over exports', async () => {
    await passPeriods(3);
    const nonce = () => ledger.governor.transactor.client.getTransactionCount({ address: payer.address });
    const before = await nonce();
    vi.stubEnv('OGONG_KEYPAIR', keypair);
    vi.stubEnv('OGONG_PROVIDER_DATA_DIR', join(folder, 'nobody'));
    expect(JSON.parse(await run('--json'))).toMatchObject({
      ...{ provider: providerId, payee: `0x${payee}` },
      ...{ withdrawable: `${PART - ENTRANCE}`, paid: '0' },
    });
    await expect(run('--keys', join(folder, 'other'))).rejects.toThrow('give neither --provider nor --payee');
    await expect(runRaw('--keys', join(folder, 'other'))).rejects.toThrow('other is no data directory');
    await expect(runRaw()).rejects.toThrow('nobody is no data directory');
    await expect(run('--keypair', keypair)).rejects.toThrow('unknown flag --keypair');
    expect(await nonce()).toBe(before);
  });

  it('reads provider and payee from the directory of a daemon', async () => {
    const keys = join(folder, 'provider');
    const runAs = (...more: string[]) => runRaw('--keys', keys, ...more);
    await expect(runAs()).rejects.toThrow('no data directory');
    const { hybridSeed, ledgerKey } = createOrLoadKeys(keys);
    const own = createNodeLedgerSigner(ledgerKey.reveal()).address;
    const id = hashHybridKey(nodeCrypto, createNodeHybridSigner(hybridSeed.reveal()).publicKey);
    await settle({ providerId: id, payee: own });
    await ledger.chain.setBalance(own, 10n ** 18n);
    expect(JSON.parse(await runAs('--json'))).toMatchObject({ held: `${PART}` });
    await passPeriods(3);
    expect(JSON.parse(await runAs('--json'))).toMatchObject({ withdrawable: `${PART - ENTRANCE}` });
    // Its own verifiers shared the hundredth that its fee left for verification, and one of their reports was refuted.
    expect(JSON.parse(await runAs('--json'))).toMatchObject({ verified: '1000', refuted: '1', stakedAtomic: '0' });
    expect(await runAs()).toContain('1 refuted reports');
    await expect(runRaw()).rejects.toThrow('--provider and --payee are required');
  });

  it('shows served, waiting and unpaid replies by day and model, with reasons', async () => {
    const keys = join(folder, 'served');
    createOrLoadKeys(keys);
    const runAs = (...more: string[]) => runRaw('--keys', keys, ...more);
    await expect(run('--days', '3')).rejects.toThrow('--days takes --keys');
    await expect(runAs('--days', '3')).rejects.toThrow('no provider has run there');

    const store = openStore(join(keys, 'provider.db'), { schema: PROVIDER_SCHEMA });
    const commits = createGroupCommit(store);
    const book = createServedStore(store, commits);
    const nowMs = Date.now();
    const serve = async (byte: number, model: string, finding?: ServedFinding, router = 0) => {
      const replyId = new Uint8Array(16).fill(byte);
      const parties = { validator: new Uint8Array(20).fill(9), router: new Uint8Array(20).fill(router) };
      await book.begin({ replyId, ...parties, expiresAtMs: BigInt(nowMs) } as NamedOrder, model, nowMs);
      await book.sign(replyId, 100_000n);
      if (finding) await book.note(replyId, finding, nowMs);
    };
    const found = (outcome: ServedOutcome, owedAtomic = 0n, why = ''): ServedFinding => ({ outcome, owedAtomic, why });
    await serve(1, 'ogong/verified/x', found('paid', 100_000n));
    await serve(2, 'ogong/verified/x', found('paid', 40_000n), 7);
    await serve(3, 'ogong/verified/x', found('rejected', 0n, 'draw-replay'));
    await serve(4, 'ogong/verified/y');
    await commits.close();
    store.close();

    const { days, unpaidReplies, isEjected } = JSON.parse(await runAs('--json', '--days', '2'));
    expect(isEjected).toBe(false);
    const day = new Date(nowMs).toISOString().slice(0, 10);
    // Without a router its hundredth stays with the provider: of 40,000 through one, the provider has 95.98 %.
    const routed = (fee: bigint) => (fee * 9_598n) / 10_000n;
    expect(days).toEqual([
      {
        ...{ day, model: 'ogong/verified/x', replies: 3 },
        ...{ paidAtomic: `${PART + routed(40_000n)}`, pendingAtomic: '0', unpaidAtomic: `${PART + routed(60_000n)}` },
        reasons: expect.arrayContaining([
          expect.objectContaining({ why: 'rejected', replies: 1, atomic: `${PART}` }),
          expect.objectContaining({ why: 'cut-short', atomic: `${routed(60_000n)}` }),
        ]),
      },
      expect.objectContaining({ model: 'ogong/verified/y', pendingAtomic: `${PART}`, unpaidAtomic: '0' }),
    ]);
    expect(unpaidReplies).toHaveLength(2);
    expect(unpaidReplies).toContainEqual(
      expect.objectContaining({ replyId: '03'.repeat(16), outcome: 'rejected', why: 'draw-replay', owedAtomic: '0' }),
    );
    const text = await runAs('--days', '2', '--price', '1000000000');
    expect(text).toContain(`${day}  ogong/verified/x: 3 replies`);
    expect(text).toMatch(/rejected +1 replies, 0\.0+9698 OGONG \(\$0\.000097\) {2}\(an audit found it wrong\)/);
    expect(text).toContain(`${'03'.repeat(16)} at 0x${'09'.repeat(20)}: rejected, draw-replay`);
    expect(text).toMatch(/not-handed-in +1 replies/);
  });
});
