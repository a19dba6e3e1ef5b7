import {
  cosignersAbi,
  ogongTokenAbi,
  parametersAbi,
  rosterAbi,
  settlementAbi,
  stakingAbi,
} from '@ogong/chain/generated/abi';
import type { Address, Hex } from '@ogong/chain/hex';
import { encodeSettle } from '@ogong/chain/settlement/settle-call';
import { cosignersOf } from '@ogong/chain/validators/cosigners';
import { rosterOf } from '@ogong/chain/validators/roster';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { type FeeShares, type FeeSplit, splitFee, splitVerification } from '@ogong/protocol/exchange/fee';
import type { Line } from '@ogong/protocol/settlement/batch';
import { type CohortShard, splitCohort } from '@ogong/protocol/settlement/cohort';
import { createCohortLines } from '@ogong/protocol/settlement/cohort-lines';
import { type CosignedPot, splitJudged, takeFromPot } from '@ogong/protocol/settlement/cosigned-pot';
import { encodeFunctionData, maxUint256, parseEventLogs, type TransactionReceipt, toFunctionSelector } from 'viem';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createMinedSender, type SendMined } from './mined-sender.ts';
import { startTestLedger, type TestLedger, unit } from './test-ledger.ts';

const SEED = Number(process.env.OGONG_SEED ?? 1_024);
const CASES = process.env.OGONG_LONG === '1' ? 10_000 : 300;
const DAY = 86_400;
/** From this time on the vault receives the treasury's share, regardless of the named treasury. */
const TREASURY_TERM = 5 * 365 * DAY;
const WORD: Hex = `0x${'33'.repeat(32)}`;
const FUNDS = 10_000_000n * unit;
const NOBODY = new Uint8Array(20);
/** `Unbalanced(uint256,uint256)`. */
const UNBALANCED = toFunctionSelector('Unbalanced(uint256,uint256)');
type Member = Awaited<ReturnType<TestLedger['createMember']>>;

let ledger: TestLedger;
/** In the order of a roster. */
let members: readonly Member[];
let payer: Member;
let maker: Member;
let send: SendMined;
const model = new Uint8Array(32).fill(8);
const account = (byte: number): Address => `0x${byte.toString(16).padStart(40, '0')}`;
const prefixed = (bytes: Uint8Array): Hex => `0x${toHex(bytes)}`;
const sum = (list: readonly bigint[]): bigint => list.reduce((total, one) => total + one, 0n);

beforeAll(async () => {
  const start = BigInt(Math.floor(Date.now() / 3_600_000) * 3_600);
  ledger = await startTestLedger({
    blockTimeMs: 50,
    keepsStates: false,
    issuance: { start, period: DAY, lambda: 900_000 },
  });
  const joined: Member[] = [];
  while (joined.length < 7) joined.push(await ledger.createValidator((100n + BigInt(joined.length) ** 3n) * unit));
  members = joined.sort((a, b) => (a.address < b.address ? -1 : 1));
  payer = await ledger.createMember(FUNDS);
  await payer.client.deposit(FUNDS);
  await payer.client.admit((members[0] as Member).address, FUNDS);
  maker = await ledger.createMember(5_000n * unit);
  await maker.client.claimMaker('acme');
  await maker.client.claimWeights('acme', model);
  const sources = { licence: 'MIT', sources: ['https://acme.example'], adapterRoots: [] };
  const described = { modelRoot: prefixed(model), tokenizerHash: prefixed(model), ...sources };
  await maker.client.publishModel({ maker: 'acme', model: 'one' }, described);
  send = await createMinedSender(ledger);
});
afterAll(() => ledger?.stop());

function createDraw(seed: number) {
  const draw = createSeededRandom(seed);
  const below = (bound: number): number => Math.floor(draw() * bound);
  const isDrawn = (chance: number): boolean => draw() < chance;
  return {
    ...{ below, isDrawn },
    /** Mostly so small that rounding decides all of it. */
    amount(): bigint {
      const digits = 1 + below(isDrawn(0.2) ? 17 : 6);
      return BigInt(`0x${Array.from({ length: digits }, () => below(16).toString(16)).join('')}`);
    },
    shares: (): Required<FeeShares> => ({
      ...{
        routerBps: below(301),
        validatorBps: below(301),
        verificationBps: 100 + below(391),
        treasuryBps: below(301),
      },
      ...{ licenseBps: 2, recycleBps: 50 + below(251), makerBps: below(301) },
    }),
    shuffled: <T>(list: readonly T[]): T[] =>
      list
        .map((one) => [draw(), one] as const)
        .sort((a, b) => a[0] - b[0])
        .map(([, one]) => one),
  };
}
type Draw = ReturnType<typeof createDraw>;

/** A fee that one provider earns or several share. */
function drawCohort({ amount, below, isDrawn }: Draw, number: number) {
  let firstLayer = 0;
  const shards = Array.from({ length: isDrawn(0.4) ? 1 : 2 + below(7) }, (_, i): CohortShard => {
    const layers = 1 + below(isDrawn(0.3) ? 200 : 4);
    const shard = {
      ...{ providerId: new Uint8Array(32).fill(i + 1), payee: new Uint8Array(20).fill(i + 1), firstLayer, layers },
      pricePer1kAtomic: BigInt(below(1_000)),
    };
    shard.providerId.set(fromHex((number % 1_000).toString(16).padStart(8, '0')));
    firstLayer += layers;
    return shard;
  });
  const feeAtomic = amount();
  const router = isDrawn(0.3) ? NOBODY : fromHex(account(0xb0 + below(3)).slice(2));
  const fineOf = (gross: bigint): bigint => (isDrawn(0.2) ? (gross * BigInt(below(101))) / 100n : 0n);
  const amounts = splitCohort(feeAtomic, shards);
  const lines = createCohortLines({ feeAtomic, router, amounts }, shards).map(
    (line): Line => ({ ...line, fine: fineOf(line.gross), modelRoot: isDrawn(0.5) ? model : new Uint8Array(32) }),
  );
  return { feeAtomic, lines };
}

const isNobody = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

it(`the contracts share a batch as the protocol does: ${CASES} lines, cohorts and parts of pots`, async () => {
  const draw = createDraw(SEED);
  const { below, isDrawn } = draw;
  const { client } = ledger.governor.transactor;
  const handler = (members[0] as Member).address;
  const cosigners = cosignersOf(ledger.deployment);
  const recipients = { verification: account(0xf1), treasury: account(0xf2), license: account(0xf3) };
  const counts = { lines: 0, cohorts: 0, parts: 0, refused: 0, afterTerm: 0 };
  const ofParameters = { address: ledger.deployment.parameters, abi: parametersAbi } as const;
  const vault = await client.readContract({ ...ofParameters, functionName: 'vault' });
  const termEnds = Number(await client.readContract({ ...ofParameters, functionName: 'created' })) + TREASURY_TERM;
  const timeOf = async (blockNumber?: bigint): Promise<number> =>
    Number((await client.getBlock(blockNumber === undefined ? {} : { blockNumber })).timestamp);
  const credits = new Map<string, bigint>();
  const give = (who: string, amount: bigint): void => void credits.set(who, (credits.get(who) ?? 0n) + amount);
  let [sequence, cumulative] = [0n, 0n];
  let votes: readonly bigint[] = [];
  let roster: Address = `0x${'00'.repeat(20)}`;

  /** Other votes, and the roster that counts them. */
  async function changeVotes(): Promise<void> {
    const { address, privateKey } = members[below(members.length)] as Member;
    const { token, staking } = ledger.deployment;
    const amount = BigInt(1 + below(90)) * unit + BigInt(below(1_000));
    const inToken = (functionName: 'transfer' | 'approve', to: Address, sum: bigint): Hex =>
      encodeFunctionData({ abi: ogongTokenAbi, functionName, args: [to, sum] });
    await send(ledger.governorKey, token, inToken('transfer', address, amount));
    await send(privateKey, token, inToken('approve', staking, maxUint256));
    await send(privateKey, staking, encodeFunctionData({ abi: stakingAbi, functionName: 'bond', args: [amount] }));
    const taken = encodeFunctionData({
      abi: rosterAbi,
      functionName: 'take',
      args: [members.map((one) => one.address)],
    });
    await send(privateKey, rosterOf({ staking }), taken);
    votes = await Promise.all(members.map(async (one) => (await ledger.governor.bondOf(one.address)).amount));
    roster = await ledger.governor.currentRoster();
  }

  function drawSigners(): readonly number[] {
    for (;;) {
      const places = members.map((_, place) => place).filter(() => isDrawn(0.85));
      if (3n * sum(places.map((place) => votes[place] as bigint)) > 2n * sum(votes)) return places;
    }
  }

  async function settle(shares: Required<FeeShares>, pot: CosignedPot, own: Map<number, bigint>): Promise<CosignedPot> {
    const cohorts = Array.from({ length: 1 + below(4) }, (_, i) => drawCohort(draw, counts.cohorts + i));
    const lines = cohorts.flatMap(({ lines: each }) => each);
    const gross = sum(cohorts.map(({ feeAtomic }) => feeAtomic));
    const tallies = Array.from({ length: below(4) }, (_, i) => ({
      ...{ payee: account(0xc0 + i), credits: below(5), refuted: 0 },
    }));
    const signers = drawSigners();
    const sign = async (bent: bigint) =>
      ledger.signBatch(
        {
          batch: {
            ...{
              validator: handler,
              sequence: sequence + 1n,
              logHead: WORD,
              logLength: sequence + 1n,
              recordsRoot: WORD,
            },
            replies: cohorts.length,
          },
          debits: gross === 0n ? [] : [await ledger.signDebit(payer.privateKey, handler, gross, cumulative + gross)],
          lines: lines.map((line, i) => (i === 0 ? { ...line, gross: line.gross + bent } : line)),
          ...{ ejections: [], tallies },
        },
        signers.map((place) => (members[place] as Member).privateKey),
      );
    const { address, privateKey } = members[0] as Member;
    if (lines.length > 0 && isDrawn(0.05)) {
      const call = { account: address, to: ledger.deployment.settlement, data: encodeSettle(await sign(1n)) };
      await expect(client.call(call)).rejects.toThrow(UNBALANCED);
      counts.refused++;
    }
    const receipt = await send(privateKey, ledger.deployment.settlement, encodeSettle(await sign(0n)));
    sequence++;
    cumulative += gross;
    const splits = lines.map(({ gross: fee, router, fine, modelRoot }) =>
      splitFee(fee, shares, { routed: !isNobody(router), made: !isNobody(modelRoot), fineAtomic: fine }),
    );
    expectPaid(receipt, lines, splits);
    const total = (part: keyof FeeSplit): bigint => sum(splits.map((split) => split[part]));
    for (const [i, { router }] of lines.entries()) {
      if (!isNobody(router)) give(prefixed(router), (splits[i] as FeeSplit).router);
    }
    const judged = splitJudged(total('validator'));
    const { parts, rest } = splitVerification(
      total('verification'),
      tallies.map(({ credits: count }) => count),
    );
    for (const [i, { payee }] of tallies.entries()) give(payee, parts[i] as bigint);
    give(recipients.verification, rest);
    const isAfterTerm = (await timeOf(receipt.blockNumber)) >= termEnds;
    if (isAfterTerm) counts.afterTerm++;
    give(isAfterTerm ? vault : recipients.treasury, total('treasury'));
    give(recipients.license, total('license'));
    give(ledger.deployment.emission as Address, total('recycle'));
    give(ledger.deployment.earnings, total('provider'));
    give(maker.address, total('maker'));
    give(handler, judged.handler);
    give(cosigners, judged.others);
    counts.lines += lines.length;
    counts.cohorts += cohorts.length;
    if (judged.others === 0n) return pot;
    for (const place of signers) own.set(place, (own.get(place) ?? 0n) + (votes[place] as bigint));
    const weight = sum(signers.map((place) => votes[place] as bigint));
    return { amount: pot.amount + judged.others, weight: pot.weight + weight };
  }

  function expectPaid({ logs }: TransactionReceipt, lines: readonly Line[], splits: readonly FeeSplit[]): void {
    const paid = parseEventLogs({ abi: settlementAbi, eventName: 'Paid', logs, strict: true });
    expect(
      paid.map(({ args: { residual, recycled } }) => [residual, recycled]),
      `seed ${SEED}, batch ${sequence}: ${lines.map(({ gross, fine }) => `${gross} fined ${fine}`).join(', ')}`,
    ).toEqual(splits.map(({ provider, recycle }) => [provider, recycle]));
  }

  /** Claims in any order: each receives its remaining part, and the last one the rest. */
  async function share(pot: CosignedPot, own: ReadonlyMap<number, bigint>, day: number): Promise<void> {
    const parts = draw.shuffled(members.map((_, member) => ({ roster, day, member })));
    const claim = encodeFunctionData({ abi: cosignersAbi, functionName: 'claim', args: [parts] });
    const { logs } = await send(payer.privateKey, cosigners, claim);
    const paid = parseEventLogs({ abi: cosignersAbi, eventName: 'CosignerPaid', logs, strict: true });
    let left = pot;
    const expected: (readonly [string, bigint])[] = [];
    for (const { member } of parts) {
      const taken = takeFromPot(left, own.get(member) ?? 0n);
      left = taken.left;
      if (own.has(member)) expected.push([(members[member] as Member).address, taken.part]);
    }
    expect(paid.map(({ args }) => [args.account.toLowerCase(), args.amount])).toEqual(expected);
    for (const [who, amount] of expected) give(who, amount);
    give(cosigners, -sum(expected.map(([, amount]) => amount)));
    counts.parts += expected.length;
    expect(left.weight).toBe(0n);
  }

  // At every time of day the test's first batches belong to one day.
  await client.request({ method: 'evm_increaseTime', params: [DAY - ((await timeOf()) % DAY)] } as never);
  await client.request({ method: 'evm_mine' } as never);
  while (Math.min(counts.lines, counts.cohorts, counts.parts) < CASES) {
    if (votes.length === 0 || isDrawn(0.1)) await changeVotes();
    const shares = draw.shares();
    const { routerBps: router, validatorBps: validator, verificationBps: verification, treasuryBps: treasury } = shares;
    const { licenseBps: license, recycleBps: recycle, makerBps } = shares;
    const named = { router, validator, verification, treasury, license, recycle, maker: makerBps };
    const { parameters } = ledger.deployment;
    const args = [named, recipients] as const;
    const data = encodeFunctionData({ abi: parametersAbi, functionName: 'setDistribution', args });
    await send(ledger.governorKey, parameters, data);
    const day = Math.floor((await timeOf()) / DAY);
    const own = new Map<number, bigint>();
    let pot: CosignedPot = { amount: 0n, weight: 0n };
    for (let batches = 1 + below(3); batches > 0; batches--) pot = await settle(shares, pot, own);
    // The claim and everything after it fall at the beginning of a day, so no batch falls into another one's.
    let left = (day + 1) * DAY - (await timeOf());
    // The second half of a short run comes after the term too. A long run takes years by itself.
    if (counts.cohorts > CASES / 2 && day * DAY < termEnds) left += Math.ceil((termEnds - day * DAY) / DAY) * DAY;
    await client.request({ method: 'evm_increaseTime', params: [left] } as never);
    await share(pot, own, day);
  }
  for (const [who, amount] of credits) expect(await ledger.governor.creditOf(who as Address), who).toBe(amount);
  expect(Math.min(counts.refused, counts.afterTerm)).toBeGreaterThan(0);
  console.log(`settled shares from seed ${SEED}: ${JSON.stringify(counts)}`);
}, 3_600_000);
