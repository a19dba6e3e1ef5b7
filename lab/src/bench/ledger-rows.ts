import { measureActivation } from '@ogong/testing/chain/measure-activation';
import { measureSettlement } from '@ogong/testing/chain/measure-settlement';
import type { Row } from './row.ts';

/** Exact figures from a fresh development chain. */
export async function measureGas(): Promise<Row[]> {
  const many = await measureSettlement(1_000, 50, 10);
  const one = await measureSettlement(1_000, 1, 1);
  const activation = await measureActivation();
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
    {
      id: 'beacon-activation-gas',
      what: `gas of the first activation of a key of the threshold beacon, ${activation.signatures} signatures`,
      value: activation.firstGas,
      unit: 'gas',
      aim: { at: 'most', value: 600_000 },
      note: `whole transaction; shares of the same key dealt anew ${activation.nextGas}`,
    },
  ];
}
