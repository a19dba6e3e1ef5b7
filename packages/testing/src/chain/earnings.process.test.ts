import type { Hex } from '@ogong/chain/hex';
import { afterAll, describe } from 'vitest';
import { EARNINGS, type EarningsWorld, testEarnings, testUnheldEarnings } from './earnings-compliance.ts';
import { startTestLedger, type TestLedger } from './test-ledger.ts';

const FEE = 100_000n;
const WORD: Hex = `0x${'11'.repeat(32)}`;
const ledgers: TestLedger[] = [];
afterAll(() => Promise.all(ledgers.map((ledger) => ledger.stop())));

async function open({ periodSeconds, entrance, appealSeconds }: typeof EARNINGS): Promise<EarningsWorld> {
  const holding = { period: periodSeconds, entrance, growth: entrance === 0n ? 0 : 2_000_000 };
  const ledger = await startTestLedger({ holding, delays: { appeal: appealSeconds }, blockTimeMs: 50 });
  ledgers.push(ledger);
  const { governor, treasury } = ledger;
  const funds = 100n * FEE;
  const [validator, payer] = [await ledger.createValidator(), await ledger.createMember(funds)];
  await payer.client.deposit(funds);
  await payer.client.admit(validator.address, funds);
  const rpc = governor.transactor.client;
  // Verification, treasury and license are one address here. Its other credits stay in the escrow.
  let [sequence, drawn, pooled] = [0n, 0n, 0n];

  async function settle(lines: Parameters<TestLedger['signBatch']>[0]['lines'], ejections: readonly Hex[]) {
    const amount = FEE * BigInt(lines.length);
    drawn += amount;
    pooled += amount / 100n;
    const batch = { validator: validator.address, sequence: ++sequence, logHead: WORD, logLength: sequence };
    const debits = amount === 0n ? [] : [await ledger.signDebit(payer.privateKey, validator.address, amount, drawn)];
    const call = { batch: { ...batch, recordsRoot: WORD, replies: 1 }, debits, lines, ejections, tallies: [] };
    await validator.client.settle(await ledger.signBatch(call, [validator.privateKey]));
  }

  return {
    client: governor,
    earn: (providerId, payee) => settle([{ providerId, payee, router: `0x${'00'.repeat(20)}`, gross: FEE }], []),
    eject: (providerId) => settle([], [providerId]),
    async reinstate(providerId) {
      const { count } = await governor.ejectionOf(providerId);
      await governor.reinstate(providerId, [await ledger.signReinstatement(providerId, count, validator.privateKey)]);
    },
    tokensOf: (address) => governor.balanceOf(address),
    pool: async () => pooled + (await governor.balanceOf(treasury)),
    nowSeconds: async () => Number((await rpc.getBlock()).timestamp),
    async pass(seconds) {
      await rpc.request({ method: 'evm_increaseTime', params: [seconds] } as never);
      await rpc.request({ method: 'evm_mine' } as never);
    },
  };
}

describe('earnings in the contracts', () => {
  testEarnings(() => open(EARNINGS));
  testUnheldEarnings(() => open({ periodSeconds: 0, entrance: 0n, appealSeconds: 0 }));
});
