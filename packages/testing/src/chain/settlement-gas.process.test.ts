import { settlementAbi } from '@ogong/chain/generated/abi';
import type { Address, Hex } from '@ogong/chain/hex';
import { type SettleCall, sortQuorum } from '@ogong/chain/settlement/settle-call';
import { fromHex } from '@ogong/protocol/base/bytes';
import { computeSettlementGas, MAX_SETTLEMENT_GAS } from '@ogong/protocol/settlement/gas';
import { encodeFunctionData } from 'viem';
import { sign as signDigest } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { takeRoster } from './measure-settlement.ts';
import { startTestLedger, type TestLedger, unit } from './test-ledger.ts';

const PAYERS = 12;
const FEE = 0xffff_ffff_ffffn;

/** Many nonzero bytes, as real ones have: they cost more as calldata. */
const createHex = (bytes: number, seed: number): Hex =>
  `0x${(0xe101_0101 + seed).toString(16).padStart(2 * bytes, 'd7')}`;
/** Each payee has one key here. */
const createId = (payee: Address): Hex => `0x${payee.slice(2).padStart(64, 'd7')}`;
const ZERO: Address = `0x${'00'.repeat(20)}`;

describe('the gas that the contracts use', () => {
  let ledger: TestLedger;
  let validators: Awaited<ReturnType<TestLedger['createValidator']>>[];
  let payers: Awaited<ReturnType<TestLedger['createMember']>>[];
  let sequence = 0n;
  let owed = 0n;
  let fresh = 0;

  beforeAll(async () => {
    ledger = await startTestLedger({ blockTimeMs: 50 });
    validators = await Promise.all(Array.from({ length: 3 }, () => ledger.createValidator()));
    payers = await Promise.all(
      Array.from({ length: PAYERS }, async () => {
        const payer = await ledger.createMember(1_000n * unit);
        await payer.client.deposit(1_000n * unit);
        await payer.client.admit(validators[0]!.address, 1_000n * unit);
        return payer;
      }),
    );
  });
  afterAll(() => ledger?.stop());

  const createAddress = (): Address => createHex(20, fresh++);

  async function sign(
    debtors: number,
    lines: readonly (readonly [Address, Address])[],
    ejections: readonly Hex[],
    verifiers = 0,
    models: readonly Hex[] = [],
  ) {
    const handling = validators[0]!;
    sequence++;
    const share = debtors === 0 ? 0n : (FEE * BigInt(lines.length)) / BigInt(debtors);
    const rest = FEE * BigInt(lines.length) - share * BigInt(debtors);
    owed += share + rest;
    const debits = await Promise.all(
      payers
        .slice(0, debtors)
        .map(({ privateKey }, i) =>
          ledger.signDebit(privateKey, handling.address, i === 0 ? share + rest : share, owed),
        ),
    );
    const batch = {
      validator: handling.address,
      sequence,
      logHead: createHex(32, Number(sequence)),
      logLength: sequence * 1_000n,
      recordsRoot: createHex(32, Number(sequence)),
      replies: 1_000,
    };
    const call = {
      batch,
      debits: [...debits].sort((a, b) => (String(a.payer) < String(b.payer) ? -1 : 1)),
      lines: lines.map(([payee, router], i) => ({
        providerId: createId(payee),
        payee,
        router,
        gross: FEE,
        fine: FEE / 3n,
        ...(models.length > 0 && { modelRoot: models[i % models.length] as Hex }),
      })),
      ejections,
      tallies: Array.from({ length: verifiers }, () => ({ payee: createAddress(), credits: 0xffff, refuted: 0 })),
    };
    return ledger.signBatch(
      call,
      validators.map(({ privateKey }) => privateKey),
    );
  }

  const bound = ({ debits, lines, ejections, tallies }: SettleCall): number =>
    computeSettlementGas(
      {
        debits,
        lines: lines.map(({ providerId, payee, router, modelRoot }) => ({
          ...(modelRoot && { modelRoot: fromHex(String(modelRoot).slice(2)) }),
          providerId: fromHex(String(providerId).slice(2)),
          payee: fromHex(String(payee).slice(2)),
          router: fromHex(String(router).slice(2)),
        })),
        ejections,
        tallies,
      },
      validators.length,
    );

  async function measure(call: SettleCall): Promise<{ readonly gas: number; readonly bound: number }> {
    const { gasUsed } = await validators[0]!.client.settle(call);
    return { gas: Number(gasUsed), bound: bound(call) };
  }

  const freshLines = (count: number): [Address, Address][] =>
    Array.from({ length: count }, () => [createAddress(), createAddress()]);

  it.each([
    ['nothing', 0, () => [], 0],
    ['one new payee', 1, () => [[createAddress(), ZERO]], 0],
    ['all payers and one new line each', PAYERS, () => freshLines(PAYERS), 0],
    ['new payees and routers up to the limit', 1, () => freshLines(113), 0],
    ['new payees without routers', 1, () => freshLines(154).map(([payee]) => [payee, ZERO]), 0],
    [
      'new payees of one router',
      3,
      () => {
        const router = createAddress();
        return freshLines(154).map(([payee]) => [payee, router]);
      },
      0,
    ],
    [
      'every pair of few payees and routers',
      2,
      () => {
        const parties = freshLines(22);
        return parties.flatMap(([payee]) => parties.map(([, router]) => [payee, router]));
      },
      0,
    ],
    ['ejections', 0, () => [], 340],
    ['ejections and new lines', 1, () => freshLines(60), 150],
    ['new payees of verifiers', 1, () => freshLines(1), 0, 290],
  ] as [string, number, () => [Address, Address][], number, number?][])(
    'are below the model: %s',
    async (_name, debtors, lines, ejected, verifiers = 0) => {
      const ids = Array.from({ length: ejected }, () => createHex(32, fresh++));
      const call = await sign(debtors, lines(), ids, verifiers);
      const { gas, bound: most } = await measure(call);
      expect(gas).toBeLessThanOrEqual(most);
      // A model that is far too high would settle less than it could.
      expect(gas).toBeGreaterThan((most - 400_000) * 0.75);
    },
  );

  it('are below the model for refuted reports, which take stake', async () => {
    const staked = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const member = await ledger.createMember(100n * unit);
        await member.client.stake(100n * unit);
        return member.address;
      }),
    );
    const call = await sign(1, freshLines(1), []);
    const fresh = Array.from({ length: 40 }, createAddress);
    const tallies = [...staked, ...fresh].map((payee) => ({ payee, credits: 1, refuted: 3 }));
    const signed = await ledger.signBatch(
      { ...call, tallies },
      validators.map(({ privateKey }) => privateKey),
    );
    const { gas, bound: most } = await measure(signed);
    expect(gas).toBeLessThanOrEqual(most);
    expect(await ledger.governor.stakesOf(staked)).toEqual(Array(8).fill(94n * unit));
    expect(gas).toBeGreaterThan((most - 400_000) * 0.4);
  });

  it('are below the model for random parties, new and known', async () => {
    let state = 7;
    const draw = (below: number): number => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((state / 2 ** 31) * below);
    };
    const known = Array.from({ length: 40 }, createAddress);
    const pick = (): Address => (draw(2) === 0 ? createAddress() : (known[draw(40)] as Address));
    for (let run = 0; run < 6; run++) {
      const lines = Array.from({ length: 1 + draw(90) }, (): [Address, Address] => [
        pick(),
        draw(4) === 0 ? ZERO : pick(),
      ]);
      const ids = Array.from({ length: draw(40) }, () => createHex(32, fresh++));
      const { gas, bound: most } = await measure(await sign(1 + draw(PAYERS), lines, ids, draw(40)));
      expect(gas).toBeLessThanOrEqual(most);
    }
  });

  it('are below the model for lines of models with makers and a roster that counts signers', async () => {
    const models = [1, 2, 3, 4].map((i) => createHex(32, 0xab00 + i));
    for (const [i, modelRoot] of models.entries()) {
      const { client } = await ledger.createMember(2_000n * unit);
      await client.claimMaker(`maker${i}`);
      const description = { modelRoot, tokenizerHash: modelRoot, licence: 'MIT', sources: ['https://maker.example'] };
      await client.claimWeights(`maker${i}`, modelRoot);
      await client.publishModel({ maker: `maker${i}`, model: 'one' }, { ...description, adapterRoots: [] });
    }
    const { shares, recipients } = await ledger.governor.parameters();
    await ledger.governor.setDistribution({ shares: { ...shares, maker: 300 }, recipients });
    await takeRoster(ledger, validators);
    for (const lines of [freshLines(90), freshLines(4)]) {
      const { gas, bound: most } = await measure(await sign(1, lines, [], 0, models));
      expect(gas).toBeLessThanOrEqual(most);
      expect(gas).toBeGreaterThan((most - 400_000) * 0.6);
    }
  });

  it('are below the model for each signature without a roster', async () => {
    const joined = await Promise.all(Array.from({ length: 5 }, () => ledger.createValidator()));
    const digest = createHex(32, 0xcc);
    const gasOf = async (signers: readonly { readonly privateKey: Hex }[]): Promise<number> => {
      const signed = signers.map(({ privateKey }) => signDigest({ hash: digest, privateKey, to: 'hex' }));
      const args = [digest, await sortQuorum(digest, await Promise.all(signed))] as const;
      const data = encodeFunctionData({ abi: settlementAbi, functionName: 'requireQuorum', args });
      const { client } = ledger.governor.transactor;
      return Number(await client.estimateGas({ to: ledger.deployment.settlement, data }));
    };
    const all = [...validators, ...joined];
    const [seven, eight] = [await gasOf(all.slice(0, 7)), await gasOf(all)];
    const nothing = { debits: [], lines: [], ejections: [], tallies: [] };
    const most = computeSettlementGas(nothing, 8) - computeSettlementGas(nothing, 7);
    expect(eight - seven).toBeLessThanOrEqual(most);
    expect(eight - seven).toBeGreaterThan(most * 0.75);
    for (const { client } of joined) await client.deregisterValidator();
  });

  it('are too much for 250 new payees and routers with as many ejections, and the client refuses them', async () => {
    const ids = Array.from({ length: 250 }, () => createHex(32, fresh++));
    const call = await sign(1, freshLines(250), ids);
    sequence--;
    expect(bound(call)).toBeGreaterThan(MAX_SETTLEMENT_GAS);
    await expect(validators[0]!.client.settle(call)).rejects.toMatchObject({ code: 'too-costly' });
  });
});
