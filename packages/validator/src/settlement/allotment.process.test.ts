import { readFileSync } from 'node:fs';
import { emissionAbi, settlementAbi } from '@ogong/chain/generated/abi';
import type { Hex } from '@ogong/chain/hex';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { computeTally } from '@ogong/host/views/emission-view';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import {
  computeEmissionBudget,
  computeEmissionClaim,
  computeEmissionProof,
  computeScheduled,
  EMISSION_HALVING_S,
  hashEmissionLeaf,
} from '@ogong/protocol/settlement/emission';
import { createKeySigner } from '@ogong/protocol/settlement/validator-statement';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signAllotment, submitAllotment } from './allotment.ts';

const vectors = JSON.parse(readFileSync(new URL('../../../protocol/vectors/emission.json', import.meta.url), 'utf8'));
const DAY = 86_400;
const CASES = process.env.OGONG_LONG === '1' ? 10_000 : 300;
const bytes = (hex: Hex): Uint8Array => fromHex(hex.slice(2));
const LAMBDA = 900_000n;
let ledger: TestLedger;
let emission: Hex;

beforeAll(async () => {
  const start = BigInt(Math.floor(Date.now() / 3_600_000) * 3_600);
  ledger = await startTestLedger({ issuance: { start, period: DAY, lambda: Number(LAMBDA) } });
  emission = ledger.deployment.emission as Hex;
});
afterAll(() => ledger.stop());

async function pass(seconds: number): Promise<void> {
  const rpc = ledger.governor.transactor.client;
  await rpc.request({ method: 'evm_increaseTime', params: [seconds] } as never);
  await rpc.request({ method: 'evm_mine' } as never);
}

const address = (label: number): Hex => `0x${label.toString(16).padStart(40, '0')}`;
const providerId = (label: number): Hex => `0x${label.toString(16).padStart(64, '0')}`;

describe('an epoch of emission', () => {
  it('is tallied from the chain alone, signed by the validators, and claimed to the unit', async () => {
    const validators = [await ledger.createValidator(), await ledger.createValidator(), await ledger.createValidator()];
    const [handler] = validators as [(typeof validators)[0]];
    const payer = await ledger.createMember(1_000n * unit);
    await payer.client.deposit(1_000n * unit);
    await payer.client.admit(handler.address, 1_000n * unit);
    let cumulative = 0n;
    const settle = async (sequence: bigint, fees: readonly bigint[], ejections: readonly Hex[] = []) => {
      const gross = fees.reduce((sum, fee) => sum + fee, 0n);
      cumulative += gross;
      const word: Hex = `0x${'11'.repeat(32)}`;
      const head = { validator: handler.address, sequence, logHead: word, logLength: sequence, recordsRoot: word };
      const call = await ledger.signBatch(
        {
          batch: { ...head, replies: fees.length },
          debits: gross === 0n ? [] : [await ledger.signDebit(payer.privateKey, handler.address, gross, cumulative)],
          lines: fees.map((fee, i) => ({
            ...{ providerId: providerId(i + 1), payee: address(0xa0 + i) },
            router: i === 0 ? address(0xbb) : address(0),
            gross: fee,
          })),
          ejections,
          tallies: [{ payee: address(0xcc), credits: 2, refuted: 0 }],
        },
        validators.map(({ privateKey }) => privateKey),
      );
      await handler.client.settle(call);
    };
    await settle(1n, [100n * unit + 7n, 50n * unit]);
    await settle(2n, [33n]);
    // The second provider is ejected before the tally ends.
    await settle(3n, [], [providerId(2)]);
    await pass(DAY);
    await settle(4n, [5n * unit]);

    const domain = { chainId: BigInt(ledger.chain.chainId), verifyingContract: bytes(emission) };
    const signatures: Uint8Array[] = [];
    for (const { privateKey, client } of validators) {
      const signer = createKeySigner(crypto, createNodeLedgerSigner(bytes(privateKey)));
      const signed = await signAllotment({ crypto, signer, domain }, client);
      signatures.push(signed?.signature as Uint8Array);
    }
    const { governor } = ledger;
    await expect(
      submitAllotment({ crypto, domain }, governor, { signatures: signatures.slice(0, 2) }),
    ).rejects.toMatchObject({ revert: { name: 'NoQuorum' } });
    const before = await governor.emissionState();
    await submitAllotment({ crypto, domain }, governor, { signatures });
    expect(await submitAllotment({ crypto, domain }, governor, { signatures })).toBeUndefined();

    const [allotment] = await governor.allotments();
    if (allotment === undefined) throw new Error('nothing was allotted');
    const work = await governor.recycledWork(allotment.since, allotment.until);
    // A hundredth of each fee, rounded down for each; the fee of the next day is not in it.
    expect(work.recycled).toBe(unit + unit / 2n);
    const tally = computeTally(crypto, work);
    if (tally === undefined) throw new Error('no account earned anything');
    expect(`0x${toHex(tally.root)}`).toBe(allotment.root);
    const leftAtomic = computeScheduled(allotment.until - before.start) - before.allotted;
    const input = { recycledAtomic: work.recycled, units: tally.units, leftAtomic, lambdaPpm: LAMBDA };
    expect(allotment.budget).toBe(computeEmissionBudget(input));
    const accounts = tally.entries.map((entry) => `0x${toHex(entry.account)}`);
    expect(accounts).toEqual([address(0xa0), address(0xbb), address(0xcc), handler.address].sort());
    for (const [i, entry] of tally.entries.entries()) {
      const { account, units } = entry;
      const proof = computeEmissionProof(crypto, tally.entries, i);
      const held = await governor.balanceOf(account);
      await governor.claimEmission(0, account, units, proof);
      const paid = computeEmissionClaim({ budget: allotment.budget, units: allotment.units }, units);
      expect((await governor.balanceOf(account)) - held).toBe(paid);
      expect(await governor.hasClaimedEmission(0, account)).toBe(true);
      await expect(governor.claimEmission(0, account, units, proof)).rejects.toMatchObject({
        revert: { name: 'ClaimedAlready' },
      });
    }
    const supply = await governor.supply();
    expect(supply.total).toBe(5_000_000_000n * unit);
    expect(supply.emission + supply.team + supply.foundation + supply.circulating).toBe(supply.total);
    expect(4_000_000_000n * unit - supply.emission <= allotment.budget).toBe(true);
    // An event that is lost is noticed: the contract counted more.
    expect(() => computeTally(crypto, { ...work, batches: work.batches.slice(1) })).toThrow('contract counted');
  });
});

describe('the contract computes as the protocol does', () => {
  const call = <T>(functionName: string, args: readonly unknown[]): Promise<T> =>
    ledger.governor.transactor.client.readContract({
      address: emission,
      abi: emissionAbi,
      functionName: functionName as 'scheduledBy',
      args: args as [bigint],
    }) as Promise<T>;

  it('in the vectors', async () => {
    for (const { elapsed, scheduled } of vectors.schedule) {
      expect(`${await call<bigint>('scheduledBy', [BigInt(elapsed)])}`).toBe(scheduled);
    }
    for (const { recycled, units, left, lambda, budget } of vectors.budgets) {
      if (BigInt(lambda) !== LAMBDA) continue;
      expect(`${await call<bigint>('budgetOf', [recycled, units, left].map(BigInt))}`).toBe(budget);
    }
    for (const { account, units, leaf } of vectors.tally.entries) {
      expect(await call<Hex>('leafOf', [`0x${account}`, BigInt(units)])).toBe(`0x${leaf}`);
    }
  });

  it(`in ${CASES} random cases`, async () => {
    const random = createSeededRandom(0x0e0e);
    const word = (): number => Math.floor(random() * 2 ** 32);
    const below = (bits: number): bigint => {
      let value = 0n;
      for (let i = 0; i < 128; i += 32) value = (value << 32n) | BigInt(word());
      return value >> BigInt(128 - bits);
    };
    for (let done = 0; done < CASES; done += 50) {
      await Promise.all(
        Array.from({ length: 50 }, async () => {
          const elapsed = below(40) % (140n * EMISSION_HALVING_S);
          const recycledAtomic = below(1 + (word() % 91)) + 1n;
          const units = below(91) % (recycledAtomic + 1n);
          const leftAtomic = below(1 + (word() % 91));
          const entry = { account: bytes(address(word())), units };
          expect(await call<bigint>('scheduledBy', [elapsed])).toBe(computeScheduled(elapsed));
          expect(await call<bigint>('budgetOf', [recycledAtomic, units, leftAtomic])).toBe(
            computeEmissionBudget({ recycledAtomic, units, leftAtomic, lambdaPpm: LAMBDA }),
          );
          expect(await call<Hex>('leafOf', [`0x${toHex(entry.account)}`, units])).toBe(
            `0x${toHex(hashEmissionLeaf(crypto, entry))}`,
          );
        }),
      );
    }
  }, 600_000);
});

it('nobody but the contract that created the emission knows what was recycled', async () => {
  const settlement = await ledger.governor.transactor.client.readContract({
    address: emission,
    abi: emissionAbi,
    functionName: 'settlement',
  });
  expect(settlement.toLowerCase()).toBe(ledger.deployment.settlement);
  const named = await ledger.governor.transactor.client.readContract({
    address: ledger.deployment.settlement,
    abi: settlementAbi,
    functionName: 'emission',
  });
  expect(named.toLowerCase()).toBe(emission);
});
