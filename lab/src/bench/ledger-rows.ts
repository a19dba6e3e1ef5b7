import { measureSettlement } from '@ogong/testing/chain/measure-settlement';
import type { Row } from './row.ts';

/** Exact figures from a fresh development chain. */
export async function measureGas(): Promise<Row[]> {
  const many = await measureSettlement(1_000, 50, 10);
  const one = await measureSettlement(1_000, 1, 1);
  return [
    {
      id: 'settlement-gas',
      what: `settlement gas per reply, ${many.replies} replies, ${many.payers} payers, ${many.providers} providers, ${many.validators} validators`,
      value: many.steadyGasPerReply,
      unit: 'gas',
      note: `whole transaction ${many.steadyGas}, quorum and payers' vouchers checked on chain; first batch ${many.firstGas}`,
    },
    {
      id: 'settlement-gas-one',
      what: `the same with one payer and one provider`,
      value: one.steadyGasPerReply,
      unit: 'gas',
      note: `whole transaction ${one.steadyGas}`,
    },
  ];
}
