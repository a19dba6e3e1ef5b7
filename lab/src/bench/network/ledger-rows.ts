import { measureMachineEntry } from '@ogong/testing/chain/machine-entries';
import { measureActivation } from '@ogong/testing/chain/measure-activation';
import { measureQuorum, measureSettlement } from '@ogong/testing/chain/measure-settlement';
import { startTestLedger } from '@ogong/testing/chain/test-ledger';
import type { Row } from '../row.ts';

/** Exact figures from a fresh development chain. */
export async function measureGas(): Promise<Row[]> {
  const many = await measureSettlement(1_000, 50, 10);
  const one = await measureSettlement(1_000, 1, 1);
  const onePayer = await measureSettlement(1_000, 1, 10);
  const same = await measureSettlement(10_000, many.payers, many.providers);
  const netted = await measureSettlement(10_000, 200, 50);
  const three = await measureQuorum(3);
  const hundred = await measureQuorum(128);
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
      why: "each payer's voucher is recovered and its channel drawn: most of the gas goes by parties, not by replies (docs/adr/ledger.md)",
      next: 'assembly for drawing on a channel, 40,000 gas',
    },
    {
      id: 'settlement-gas-payer',
      what: 'of it, for each further payer: voucher, channel, event',
      value: Math.round((many.steadyGas - onePayer.steadyGas) / (many.payers - onePayer.payers)),
      unit: 'gas',
      note: 'recovering a signature takes 3,000, a channel 5,000, calldata 2,400, its part of an event 420: the rest is encoding and checks',
    },
    {
      id: 'settlement-gas-line',
      what: 'of it, for each further provider: line, earnings, event',
      value: Math.round((onePayer.steadyGas - one.steadyGas) / (onePayer.providers - one.providers)),
      unit: 'gas',
    },
    {
      id: 'settlement-gas-same-parties',
      what: `the same for ${same.replies} replies of as many parties`,
      value: same.steadyGasPerReply,
      unit: 'gas',
      aim: { at: 'most', value: 160 },
      note: `whole transaction ${same.steadyGas}; the contract takes it, the protocol's batches have 1,000 replies at most`,
    },
    {
      id: 'settlement-gas-netted',
      what: `the same for ${netted.replies} replies, ${netted.payers} payers, ${netted.providers} providers`,
      value: netted.steadyGasPerReply,
      unit: 'gas',
      aim: { at: 'most', value: 160 },
      note: `whole transaction ${netted.steadyGas}. The aims of 450 for 1,000 replies and of 160 here leave out payers' vouchers, which this contract always checks. Without vouchers it would take 778 and 284, without events of lines too 742 and 266 (docs/adr/ledger.md)`,
      why: 'each payer has one storage word that is written, 5,000 gas. Each line reads two and writes one, 7,100. Together 135 a reply',
      next: 'one total for many payers that settle later, each by its own proof. Another party carries their debts till then',
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
      value: three.rostered,
      unit: 'gas',
      aim: { at: 'most', value: 55_000 },
      note: `one ECDSA signature each, by the roster; without a roster ${three.each}; of 128 validators ${hundred.rostered} and ${hundred.each}`,
    },
    {
      id: 'quorum-sum-gas',
      what: 'the same of 128 validators, their BLS signatures summed',
      value: Math.max(hundred.summed, hundred.fewest),
      unit: 'gas',
      aim: { at: 'most', value: 300_000 },
      note: `all sign ${hundred.summed}, 86 sign ${hundred.fewest}; writing the roster down ${hundred.roster}, once for each change of votes or keys`,
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
      id: 'head-key-gas',
      what: "gas of registering a validator's key for heads of logs (1,344 bytes)",
      value: activation.headKeyGas,
      unit: 'gas',
      note: `whole transaction, once for each key; another key in its place ${activation.nextHeadKeyGas}; the key that shares are sealed to (1,216 bytes) ${activation.boxKeyGas}. The chain keeps a hash: most of it is calldata and the event`,
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
