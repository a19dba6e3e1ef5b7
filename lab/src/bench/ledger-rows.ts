import { measureMachineEntry } from '@ogong/testing/chain/machine-entries';
import { measureActivation } from '@ogong/testing/chain/measure-activation';
import { measureQuorum, measureSettlement } from '@ogong/testing/chain/measure-settlement';
import { startTestLedger } from '@ogong/testing/chain/test-ledger';
import type { Row } from './row.ts';

/** Exact figures from a fresh development chain. */
export async function measureGas(): Promise<Row[]> {
  const many = await measureSettlement(1_000, 50, 10);
  const one = await measureSettlement(1_000, 1, 1);
  const netted = await measureSettlement(10_000, 200, 50);
  const [three, thirty] = [await measureQuorum(3), await measureQuorum(32)];
  const activation = await measureActivation();
  const machine = await measureEntries();
  return [
    {
      id: 'settlement-gas',
      what: `settlement gas per reply, ${many.replies} replies, ${many.payers} payers, ${many.providers} providers, ${many.validators} validators`,
      value: many.steadyGasPerReply,
      unit: 'gas',
      aim: { at: 'most', value: 1_000 },
      note: `whole transaction ${many.steadyGas}, quorum and payers' vouchers checked on chain; first batch ${many.firstGas}`,
      why: "each payer's voucher is recovered and its channel drawn: most of the gas goes by parties, not by replies",
      next: 'debits packed into fewer words; channels of one payer drawn together',
    },
    {
      id: 'settlement-gas-netted',
      what: `the same for ${netted.replies} replies, ${netted.payers} payers, ${netted.providers} providers`,
      value: netted.steadyGasPerReply,
      unit: 'gas',
      aim: { at: 'most', value: 160 },
      note: `whole transaction ${netted.steadyGas}; the contract takes it, the protocol's batches have 1,000 replies at most`,
      why: 'the aim is without payers’ vouchers, which this contract always checks',
    },
    {
      id: 'settlement-gas-one',
      what: `the same with one payer and one provider`,
      value: one.steadyGasPerReply,
      unit: 'gas',
      note: `whole transaction ${one.steadyGas}`,
    },
    {
      id: 'quorum-gas',
      what: 'gas of checking a quorum of 3 validators, a whole transaction',
      value: three,
      unit: 'gas',
      aim: { at: 'most', value: 55_000 },
      note: `one ECDSA signature each; of 32 validators ${thirty}`,
    },
    {
      id: 'beacon-activation-gas',
      what: `gas of the first activation of a key of the threshold beacon, ${activation.signatures} signatures`,
      value: activation.firstGas,
      unit: 'gas',
      aim: { at: 'most', value: 600_000 },
      note: `whole transaction; shares of the same key dealt anew ${activation.nextGas}`,
    },
    {
      id: 'machine-entry-gas',
      what: `gas of entering a machine, ${machine.signatures} signatures`,
      value: machine.firstGas,
      unit: 'gas',
      note: `whole transaction; renewed ${machine.renewedGas}; of Intel, with two signatures of P-256 checked by the chain, ${machine.quotedGas}`,
    },
  ];
}

async function measureEntries() {
  const ledger = await startTestLedger({ machines: true, blockTimeMs: 50 });
  try {
    return await measureMachineEntry(ledger);
  } finally {
    await ledger.stop();
  }
}
