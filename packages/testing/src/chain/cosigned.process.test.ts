import { readFileSync } from 'node:fs';
import { cosignersAbi } from '@ogong/chain/generated/abi';
import type { Address, Hex } from '@ogong/chain/hex';
import { cosignersOf } from '@ogong/chain/validators/cosigners';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { keepChainFresh } from './fresh-chain.ts';
import { takeRoster } from './measure-settlement.ts';
import { startTestLedger, type TestLedger, unit } from './test-ledger.ts';

interface Case {
  readonly votes: readonly string[];
  readonly batches: readonly {
    readonly judged: string;
    readonly signers: readonly number[];
    readonly handler: string;
    readonly others: string;
  }[];
  readonly pot: { readonly amount: string; readonly weight: string };
  readonly parts: readonly { readonly member: number; readonly part: string }[];
}
const cases: readonly Case[] = JSON.parse(
  readFileSync(new URL('../../../protocol/vectors/cosigned.json', import.meta.url), 'utf8'),
);
const DAY = 86_400;
const WORD: Hex = `0x${'33'.repeat(32)}`;
const FUNDS = 1_000n * unit;

type Member = Awaited<ReturnType<TestLedger['createMember']>>;
let ledger: TestLedger;
/** In the order of a roster. */
let members: readonly Member[];
let payer: Member;
let [sequence, drawn] = [0n, 0n];

beforeAll(async () => {
  ledger = await startTestLedger({ blockTimeMs: 50 });
  const joined: Member[] = [];
  while (joined.length < 4) joined.push(await ledger.createMember(FUNDS));
  members = joined.sort((a, b) => (a.address < b.address ? -1 : 1));
  payer = await ledger.createMember(FUNDS);
  await payer.client.deposit(FUNDS);
  await payer.client.admit((members[0] as Member).address, FUNDS);
});
afterAll(() => ledger?.stop());

/** Bonds as in the case. A member without a bond joins. */
async function fit(votes: readonly bigint[]): Promise<void> {
  for (const [i, { address, client }] of members.entries()) {
    const { amount } = await client.bondOf(address);
    const missing = (votes[i] as bigint) * unit - amount;
    if (missing > 0n) await client.bond(missing);
    const key: Hex = `0x${`${i + 1}`.padStart(64, '0')}`;
    if (amount === 0n)
      await client.registerValidator({ endpoint: 'https://127.0.0.1:4543', certHash: key, vrfKey: key });
  }
}

/** A batch whose validators' part, one hundredth, has this amount. */
async function settle(judged: bigint, signers: readonly number[]): Promise<void> {
  const { address, client } = members[0] as Member;
  const gross = 100n * judged;
  drawn += gross;
  const batch = { validator: address, sequence: ++sequence, logHead: WORD, logLength: sequence, recordsRoot: WORD };
  const debits = gross === 0n ? [] : [await ledger.signDebit(payer.privateKey, address, gross, drawn)];
  const lines = gross === 0n ? [] : [{ providerId: WORD, payee: payer.address, router: payer.address, gross }];
  const call = { batch: { ...batch, replies: 1 }, debits, lines, ejections: [], tallies: [] };
  const keys = signers.map((place) => (members[place] as Member).privateKey);
  await client.settle(await ledger.signBatch(call, keys));
}

const creditOf = (who: Address): Promise<bigint> => ledger.governor.creditOf(who);

async function readPot(roster: Address): Promise<{ readonly amount: string; readonly weight: string }> {
  const { client } = ledger.governor.transactor;
  const day = Number((await client.getBlock()).timestamp) / DAY;
  const contract = { address: cosignersOf(ledger.deployment), abi: cosignersAbi } as const;
  const args = [roster, Math.floor(day)] as const;
  const { amount, weight } = await client.readContract({ ...contract, functionName: 'potOf', args });
  return { amount: `${amount}`, weight: `${weight / unit}` };
}

/** Advances to the first minutes of the next day. A pot covers one day, so none ends during a case. */
async function passToMorning(): Promise<void> {
  const rpc = ledger.governor.transactor.client;
  const { timestamp } = await rpc.getBlock();
  await rpc.request({ method: 'evm_increaseTime', params: [DAY - (Number(timestamp) % DAY) + 60] } as never);
  await rpc.request({ method: 'evm_mine' } as never);
}

keepChainFresh(() => ledger);
beforeEach(() => {
  [sequence, drawn] = [0n, 0n];
});

describe("the contracts share the signers' part as the vectors say", () => {
  it('half of each batch to the handling validator, the rest by votes among the signers', async () => {
    const rpc = ledger.governor.transactor.client;
    const handler = (members[0] as Member).address;
    for (const { votes, batches, pot, parts } of cases) {
      await passToMorning();
      await fit(votes.map(BigInt));
      await takeRoster(ledger, members);
      const roster = await ledger.governor.currentRoster();
      const day = Math.floor(Number((await rpc.getBlock()).timestamp) / DAY);
      for (const one of batches) {
        const before = await creditOf(handler);
        await settle(BigInt(one.judged), one.signers);
        expect((await creditOf(handler)) - before).toBe(BigInt(one.handler));
      }
      expect(await readPot(roster)).toEqual(pot);
      await passToMorning();
      for (const { member, part } of parts) {
        const { address, client } = members[member] as Member;
        const before = await creditOf(address);
        await client.claimCosigned([{ roster, day, member }]);
        expect((await creditOf(address)) - before, `member ${member}`).toBe(BigInt(part));
      }
    }
    expect(await creditOf(cosignersOf(ledger.deployment))).toBe(0n);
  });

  it('half of each batch to the verification recipient after a bond change has ended the roster', async () => {
    const [{ address, client }] = members as [Member, ...Member[]];
    await fit((cases[0] as Case).votes.map(BigInt));
    await takeRoster(ledger, members);
    await client.bond(1n);
    const [own, theirs] = [await creditOf(address), await creditOf(ledger.treasury)];
    await settle(1_001n, [0, 1, 2, 3]);
    expect((await creditOf(address)) - own).toBe(501n);
    // One address receives verification, treasury and license here: a hundredth twice, and 2 of 10,000.
    expect((await creditOf(ledger.treasury)) - theirs).toBe(1_001n + 1_001n + 20n + 500n);
    expect(await creditOf(cosignersOf(ledger.deployment))).toBe(0n);
  });
});
