import type { ValidatorSigner, ValidatorStatement } from '@ogong/protocol/settlement/validator-statement';
import { ledger } from '@ogong/testing/validator/test-bench';
import { expect, it } from 'vitest';
import { createIntakeReceipts } from './intake-receipts.ts';

function open(fails = 0) {
  const asked: ValidatorStatement[] = [];
  const signer = {
    address: new Uint8Array(20).fill(1),
    async sign(statement: ValidatorStatement) {
      asked.push(statement);
      if (asked.length <= fails) throw new Error('the signer is away');
      return new Uint8Array(65).fill(asked.length);
    },
  } as unknown as ValidatorSigner;
  return { asked, sign: createIntakeReceipts({ ledger, signer }) };
}

const of = (order: number, record: number, epoch = 1n) => ({
  ...{ orderHash: new Uint8Array(32).fill(order), recordHash: new Uint8Array(32).fill(record), epoch },
});

it('a receipt for a record is signed once, and another one for each order, record and epoch', async () => {
  const { asked, sign } = open();
  const [first, again] = await Promise.all([sign(of(1, 1)), sign(of(1, 1))]);
  expect(again).toEqual(first);
  expect(asked).toMatchObject([{ kind: 'intake', domain: ledger, ...of(1, 1) }]);
  const others = await Promise.all([sign(of(2, 1)), sign(of(1, 2)), sign(of(1, 1, 2n))]);
  expect(new Set([first, ...others].map(([byte]) => byte)).size).toBe(4);
});

it('a failed signature is tried again', async () => {
  const { asked, sign } = open(1);
  await expect(sign(of(1, 1))).rejects.toThrow('away');
  await expect(sign(of(1, 1))).resolves.toHaveLength(65);
  expect(asked).toHaveLength(2);
});

it('no more than the newest are kept', async () => {
  const { asked, sign } = open();
  for (let epoch = 0n; epoch <= 4_096n; epoch++) await sign(of(1, 1, epoch));
  await sign(of(1, 1, 4_096n));
  expect(asked).toHaveLength(4_097);
  await sign(of(1, 1, 0n));
  expect(asked).toHaveLength(4_098);
});
