import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Member } from '../run-record.ts';
import { readBooks, readHistory } from './ledger-book.ts';

let ledger: TestLedger;
let members: Member[];
const providerId = 'ff'.repeat(32);
const ejected = `0x${'ee'.repeat(32)}` as const;

beforeAll(async () => {
  ledger = await startTestLedger({ blockTimeMs: 50 });
  const validators = [await ledger.createValidator(200n * unit), await ledger.createValidator(100n * unit)] as const;
  const payer = await ledger.createMember(50n * unit);
  const provider = await ledger.createMember();
  const [validator] = validators;
  await payer.client.deposit(50n * unit);
  await payer.client.admit(validator.address, 20n * unit);
  const call = await ledger.signBatch(
    {
      batch: {
        validator: validator.address,
        sequence: 1n,
        logHead: `0x${'aa'.repeat(32)}`,
        logLength: 3n,
        recordsRoot: `0x${'bb'.repeat(32)}`,
        replies: 2,
      },
      debits: [await ledger.signDebit(payer.privateKey, validator.address, 5n * unit, 9n * unit)],
      lines: [
        { providerId: `0x${providerId}`, payee: provider.address, router: `0x${'00'.repeat(20)}`, gross: 5n * unit },
      ],
      ejections: [ejected],
      tallies: [{ payee: provider.address, credits: 2, refuted: 0 }],
    },
    validators.map(({ privateKey }) => privateKey),
  );
  await validator.client.settle(call);
  const plain = { isCheat: false };
  members = [
    ...validators.map(({ address }, i) => ({
      ...plain,
      name: `validator-${i + 1}`,
      role: 'validator' as const,
      address,
      bondAtomic: BigInt(200 - 100 * i) * unit,
    })),
    { ...plain, name: 'payer', role: 'payer', address: payer.address },
    { ...plain, name: 'provider', role: 'provider', address: provider.address, providerId },
    { ...plain, name: 'treasury', role: 'treasury', address: ledger.treasury },
  ];
});
afterAll(() => ledger.stop());

describe('ledger readers of the demo', () => {
  it('recovers the signers of a batch from its transaction, and the debits from events', async () => {
    const { settlements, ejections } = await readHistory(ledger.governor, members, crypto);
    expect(settlements).toHaveLength(1);
    const [settlement] = settlements;
    expect(settlement).toMatchObject({
      validator: 'validator-1',
      sequence: 1n,
      logLength: 3n,
      replies: 2,
      totalBondAtomic: 300n * unit,
    });
    expect(settlement?.signers.map(({ name, bondAtomic }) => [name, bondAtomic]).sort()).toEqual([
      ['validator-1', 200n * unit],
      ['validator-2', 100n * unit],
    ]);
    expect(settlement?.debits).toEqual([{ payer: members[2]?.address, amountAtomic: 5n * unit }]);
    expect(settlement?.lines.map(({ grossAtomic }) => grossAtomic)).toEqual([5n * unit]);
    expect(ejections).toEqual([
      { providerId: ejected.slice(2), validator: 'validator-1', transaction: settlement?.transaction },
    ]);
  });

  it('finds every unit of the escrow in an account', async () => {
    const books = await readBooks(ledger.governor, members);
    const find = (name: string) => books.accounts[members.findIndex((member) => member.name === name)];
    expect(find('payer')).toMatchObject({ freeAtomic: 30n * unit, reservedAtomic: 15n * unit, spentAtomic: 5n * unit });
    const claims = books.accounts.reduce(
      (sum, { freeAtomic, reservedAtomic, creditAtomic }) => sum + freeAtomic + reservedAtomic + creditAtomic,
      0n,
    );
    expect(claims).toBe(books.escrowTokensAtomic);
    expect(books.escrowTokensAtomic).toBe(50n * unit);
  });
});
