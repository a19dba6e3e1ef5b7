import { readFileSync } from 'node:fs';
import type { Hex } from '@ogong/chain/hex';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { splitFee } from '@ogong/protocol/exchange/fee';
import { createCohortLines } from '@ogong/protocol/settlement/cohort-lines';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestLedger, type TestLedger, unit } from './test-ledger.ts';

const vectors = JSON.parse(readFileSync(new URL('../../../protocol/vectors/cohort.json', import.meta.url), 'utf8'));
const router = new Uint8Array(20).fill(0xbb);
const prefixed = (bytes: Uint8Array): Hex => `0x${toHex(bytes)}`;

interface Case {
  readonly fee: string;
  readonly shards: readonly {
    readonly firstLayer: number;
    readonly layers: number;
    readonly pricePer1kAtomic: string;
  }[];
  readonly amounts: readonly string[];
}

describe('the contract pays a cohort as the vectors say', () => {
  let ledger: TestLedger;
  let validator: Awaited<ReturnType<TestLedger['createValidator']>>;
  let payer: Awaited<ReturnType<TestLedger['createMember']>>;
  let [sequence, cumulative] = [0n, 0n];

  beforeAll(async () => {
    ledger = await startTestLedger({ blockTimeMs: 50 });
    validator = await ledger.createValidator();
    payer = await ledger.createMember(1_000n * unit);
    await payer.client.deposit(1_000n * unit);
    await payer.client.admit(validator.address, 1_000n * unit);
  });
  afterAll(() => ledger?.stop());

  /** Each case has its own providers. */
  const nameShards = ({ shards }: Case, number: number) =>
    shards.map((shard, i) => ({
      ...{ ...shard, pricePer1kAtomic: BigInt(shard.pricePer1kAtomic) },
      providerId: fromHex(`${number + 1}`.padStart(32, '0') + `${i + 1}`.padStart(32, '0')),
      payee: fromHex(`${number + 1}`.padStart(20, '0') + `${i + 1}`.padStart(20, '0')),
    }));

  /** @param off the excess in the first shard's part. */
  async function settle(one: Case, number: number, off: bigint) {
    const [fee, amounts] = [BigInt(one.fee), one.amounts.map(BigInt)];
    const shards = nameShards(one, number);
    const lines = createCohortLines({ feeAtomic: fee, router, amounts }, shards);
    const bent = lines.map((line, i) => ({ ...line, gross: i === 0 ? line.gross + off : line.gross }));
    const word: Hex = `0x${'11'.repeat(32)}`;
    const head = { validator: validator.address, sequence: sequence + 1n, logHead: word, logLength: sequence + 1n };
    const call = await ledger.signBatch(
      {
        batch: { ...head, recordsRoot: word, replies: 1 },
        debits: [await ledger.signDebit(payer.privateKey, validator.address, fee, cumulative + fee)],
        lines: bent.map(({ providerId, payee, router: by, gross }) => ({ providerId, payee, router: by, gross })),
        ejections: [],
        tallies: [],
      },
      [validator.privateKey],
    );
    await validator.client.settle(call);
    sequence++;
    cumulative += fee;
    return { shards, amounts };
  }

  const earned = async (shards: ReturnType<typeof nameShards>) =>
    Promise.all(
      shards.map(async ({ providerId, payee }) => (await ledger.governor.earningsOf(providerId, payee)).earned),
    );

  it('pays each shard its own part, and the parts sum to the fee', async () => {
    const { shares: of } = await ledger.governor.parameters();
    const shares = {
      ...{ routerBps: of.router, validatorBps: of.validator, verificationBps: of.verification },
      ...{ treasuryBps: of.treasury, licenseBps: of.license, recycleBps: 0 },
    };
    for (const [number, one] of (vectors.splits as Case[]).entries()) {
      const { shards, amounts } = await settle(one, number, 0n);
      expect(await earned(shards)).toEqual(amounts.map((amount) => splitFee(amount, shares).provider));
      const { spent } = await payer.client.channelOf(payer.address, validator.address);
      expect(spent).toBe(cumulative);
    }
  });

  it('refuses parts that do not sum to the fee, and moves nothing', async () => {
    const one = vectors.splits[1] as Case;
    const number = 50;
    const books = async () => [
      await earned(nameShards(one, number)),
      await ledger.governor.creditOf(prefixed(router)),
      await ledger.governor.creditOf(validator.address),
      await payer.client.channelOf(payer.address, validator.address),
      await payer.client.anchorOf(validator.address),
    ];
    const before = await books();
    for (const off of [1n, -1n, BigInt(one.fee)]) {
      await expect(settle(one, number, off)).rejects.toMatchObject({ revert: { name: 'Unbalanced' } });
      expect(await books()).toEqual(before);
    }
    await settle(one, number, 0n);
    expect(await books()).not.toEqual(before);
  });
});
