import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { domainOf } from '@ogong/chain/domain';
import { equivocationAbi } from '@ogong/chain/generated/abi';
import type { Hex } from '@ogong/chain/hex';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { EXIT } from '@ogong/host/log/errors';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { hashRecord } from '@ogong/protocol/commitment/record';
import { hashIntake } from '@ogong/protocol/exchange/intake-receipt';
import { hashOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { encodeOverAdmission, type OrderAdmission } from '@ogong/protocol/exchange/over-admission';
import { encodeReceipt } from '@ogong/protocol/stage1/receipt';
import { keepChainFresh } from '@ogong/testing/chain/fresh-chain';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { createOrderAdmission } from '@ogong/testing/synthetic/synthetic-over-admission';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { caseCommand } from './case-command.ts';

const BOND = 100n * unit;
const fill = (size: number, value: number): Uint8Array => new Uint8Array(size).fill(value);
const signerOf = (privateKey: string) => createNodeLedgerSigner(fromHex(privateKey.slice(2)));
type Member = Awaited<ReturnType<TestLedger['createMember']>>;

let ledger: TestLedger;
let directory: TestDirectory;
let validators: readonly Member[] = [];
let reporter: Member;
beforeAll(async () => {
  ledger = await startTestLedger({ blockTimeMs: 50, delays: { appeal: 3_600 } });
  directory = createTestDirectory('contradiction');
  writeFileSync(path('deployment.json'), JSON.stringify({ ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl }));
  validators = await Promise.all([1, 2, 3].map(() => ledger.createValidator()));
  reporter = await ledger.createMember();
  writeFileSync(path('reporter'), reporter.privateKey.slice(2), { mode: 0o600 });
});
afterAll(async () => {
  await ledger?.stop();
  directory?.remove();
});
keepChainFresh(() => ledger);

const path = (name: string): string => join(directory.path, name);
const save = (name: string, bytes: Uint8Array | string): string => {
  writeFileSync(path(name), bytes);
  return path(name);
};

async function run(...argv: readonly string[]) {
  const [written, told]: [string[], string[]] = [[], []];
  const output = {
    write: (piece: string) => void written.push(piece),
    writeError: (one: string) => void told.push(one),
  };
  const by = ['--keypair', path('reporter'), '--deployment', path('deployment.json')];
  const code = await caseCommand.run(['contradiction', ...argv, ...by], output);
  expect(code).toBe(EXIT.ok);
  return { said: written.join(''), told: told.join('') };
}

const escrow = () => domainOf(ledger.deployment, ledger.deployment.escrow);
const readNow = async (): Promise<bigint> => (await ledger.governor.transactor.client.getBlock()).timestamp;

/** Returns one order with its validator's admission at this time. */
async function admit(validator: Member, number: number, laterMs = 0n): Promise<OrderAdmission> {
  const nowMs = 1_000n * (await readNow());
  return createOrderAdmission(crypto, {
    ...{ ledger: escrow(), payer: signerOf(reporter.privateKey), signer: signerOf(validator.privateKey), number },
    ...{ maxFeeAtomic: 40n, admittedAtMs: nowMs + laterMs, expiresAtMs: 1_000n * BigInt(2 ** 32) },
  });
}

/** Returns a gateway's receipt of an order whose validator accepted this record. */
function toReceipt(validator: Member, { order, signature, admission }: OrderAdmission, record: number): Uint8Array {
  const signed = { bytes: fill(9, record), publicKey: fill(1_344, 1), signature: fill(2_484, 1) };
  const orderHash = hashOrder(crypto, escrow(), parseOrder(order));
  const word = { validator: fromHex(validator.address.slice(2)), orderHash, epoch: 7n };
  const digest = hashIntake(crypto, escrow(), { ...word, recordHash: hashRecord(crypto, signed.bytes) });
  const intake = { epoch: 7n, signature: signerOf(validator.privateKey).signDigest(digest) };
  return encodeReceipt({
    ...{ endpoint: 'chat', ledger: escrow(), order: { bytes: order, signature }, ticket: signed },
    ...{ admission, record: signed, intake, beacon: new Uint8Array(), opening: { url: 'https://one.example/opening' } },
  });
}

const readCase = async () => ledger.governor.caseOf((await ledger.governor.caseCount()) - 1);

describe('ogong case contradiction', () => {
  it('takes the bond of a validator that admitted one order twice, by what providers export, once', async () => {
    const [accused, honest] = validators as [Member, Member, Member];
    const orders = [await admit(accused, 1), await admit(honest, 2), await admit(accused, 1, 1_000n)];
    const [first, second] = [
      save('one.admissions', encodeOverAdmission({ orders: orders.slice(0, 2) })),
      save('two.admissions', encodeOverAdmission({ orders: orders.slice(2) })),
    ];
    await expect(run(first)).rejects.toThrow('there are 2 statements of validators, and no two of one account');
    const dry = await run(first, second, '--dry-run');
    expect(dry.said).toContain(`would: open a case against the validator ${accused.address}: it signed two admissions`);
    expect(dry.said).toContain('then prove a contradiction');
    expect(dry.told).toContain('it takes all of the bond, 100 OGONG');
    expect(await ledger.governor.caseCount()).toBe(0);

    expect((await run(first, second)).said).toContain('done: open a case');
    const { address: of } = reporter;
    const opened = { accused: accused.address, offence: 'contradiction', reporter: of, amount: BOND };
    expect(await readCase()).toMatchObject(opened);
    const again = JSON.parse((await run(first, second, '--json')).said);
    expect(again).toMatchObject({ validator: accused.address, kind: 'admission', isProven: true, transactions: [] });
    expect((await run(first, second)).said).toContain('nothing was sent, there is nothing to do');
    expect(await ledger.governor.caseCount()).toBe(1);

    const other = encodeOverAdmission({ orders: [await admit(accused, 3), await admit(accused, 3, 1_000n)] });
    await expect(run(save('three.admissions', other))).rejects.toThrow('has no bond left');
  });

  it('takes it by two receipts of one order, of which each has another record', async () => {
    const accused = validators[1] as Member;
    const order = await admit(accused, 4);
    const files = [1, 2].map((record) => save(`receipt-${record}.json`, toReceipt(accused, order, record)));
    await run(...files);
    expect(await readCase()).toMatchObject({ accused: accused.address, offence: 'contradiction', amount: BOND });
  });

  it('takes it by statements in a file', async () => {
    const accused = validators[2] as Member;
    const { transactor, deployment } = ledger.governor;
    const time = Number(await readNow());
    const contract = { address: deployment.equivocation, abi: equivocationAbi } as const;
    const say = async (head: string, privateKey = accused.privateKey) => {
      const words = ['00'.repeat(12) + accused.address.slice(2), '01'.padStart(64, '0'), head.repeat(32)];
      const members: Hex = `0x${words.join('')}${'05'.padStart(64, '0')}${'02'.repeat(6 * 32)}`;
      const read = { ...contract, functionName: 'read', args: [2, members] } as const;
      const [, , , digest] = await transactor.client.readContract(read);
      const signature = `0x${toHex(signerOf(privateKey).signDigest(fromHex(digest.slice(2))))}`;
      return { members, signature, time };
    };
    const write = (statements: readonly object[], fields: object = {}) =>
      save('log.json', JSON.stringify({ kind: 'log', accused: accused.address, statements, ...fields }));
    const [one, two] = [await say('a1'), await say('a2')];
    await expect(run(write([one, await say('a1')]))).rejects.toThrow('no two of one account contradict each other');
    await expect(run(write([one, await say('a2', reporter.privateKey)]))).rejects.toThrow('no key of');
    await expect(run(write([one, { ...two, time: time - 2_000_000_000 }]))).rejects.toThrow('time is in seconds');
    await expect(run(write([one, two], { kind: 'vote' }))).rejects.toThrow('kind is one of admission, intake, log');
    await expect(run(write([one, { ...two, members: '0x00' }]))).rejects.toThrow('members is 0x and 320 bytes');
    const sum = { ...two, signature: `0x${'01'.repeat(308)}` };
    await expect(run(write([one, sum]))).rejects.toThrow('NotInForce');
    await run(write([one, two]));
    expect(await readCase()).toMatchObject({ accused: accused.address, offence: 'contradiction' });
  });

  it('names the missing part of a file', async () => {
    await expect(run(path('nothing.json'))).rejects.toThrow(/nothing\.json: .*no such file/);
    await expect(run(save('text', 'hello'))).rejects.toThrow('it is no receipt, no file of admissions');
    await expect(run(save('list.json', '[]'))).rejects.toThrow('list.json: it is no receipt');
    await expect(run(save('part.admissions', 'ogong-over-admission-v1'))).rejects.toThrow('part.admissions');
  });
});
