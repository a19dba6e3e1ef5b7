import { createEarningsView } from '@ogong/host/views/earnings-view';
import { createFakeEarnings } from '@ogong/testing/chain/fake-earnings';
import { createTestClock, providerId } from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { cheat } from '@ogong/testing/validator/test-proposal';
import { payeeSigner } from '@ogong/testing/validator/test-reply';
import { SettlementError } from '@ogong/validator/settlement/settlement-error';
import { openAttacked } from '../breaks.ts';
import { defineAttack } from '../define-attack.ts';

interface HitAndRun {
  /** Replies that it forges at once, before anybody has judged one. */
  readonly burst: number;
  /** The network's least coverage, parts per million. */
  readonly alphaPpm: number;
  /** Earnings of the key in the period before, atomic units; undefined on a network that pays at once. */
  readonly heldAtomic: bigint | undefined;
  /** Validators among whose logs the replies are spread. Default: 1. */
  readonly logs?: number;
}

const PERIOD_SECONDS = 57_600;
const ACCOUNT = [providerId, payeeSigner.address] as const;

/** The ledger's earnings, before and during the attack. Nobody else has a share of a fee here. */
function openEarnings(heldAtomic: bigint | undefined) {
  const periodSeconds = heldAtomic === undefined ? 0 : PERIOD_SECONDS;
  let nowSeconds = Math.floor(createTestClock().nowMs() / 1_000) - PERIOD_SECONDS;
  const earnings = createFakeEarnings({ periodSeconds, nowSeconds: () => nowSeconds });
  if (heldAtomic !== undefined) earnings.credit(...ACCOUNT, heldAtomic);
  nowSeconds += PERIOD_SECONDS;
  const holding = { period: periodSeconds, entrance: 0n, growth: 0 };
  const client = { ...earnings.client, parameters: async () => ({ holding }) as never };
  return {
    ...earnings,
    ...createEarningsView({ client: async () => client }),
    /** Takes out what can be had, now and once all periods are over that anything is held for. */
    async withdrawAll(): Promise<bigint> {
      for (const seconds of [0, 4 * PERIOD_SECONDS]) {
        nowSeconds += seconds;
        const { withdrawable } = await client.earningsOf(...ACCOUNT);
        if (withdrawable > 0n) await client.withdrawEarnings(...ACCOUNT);
      }
      return earnings.tokensOf(payeeSigner.address);
    },
  };
}

/**
 * A key forges a burst, withdraws its earnings and disappears. On a network that pays at once it keeps all settled
 * fees. If earnings are held, an ejection in the same period takes them and all that the key held before. The log that
 * found it out voids unsettled fees; fees that other logs settle are part of the ejection.
 */
export const hitAndRun = defineAttack({
  name: 'hit-and-run',
  adversary: 'provider with a new key that forges until it is found out',
  aim: 'be paid for forged replies under a key that it gives up',
  stoppedBy: 'A forged reply voids unpaid and held earnings, and keys with low holdings are audited more',
  restarts: ['validator', 'signer', 'verifier'],
  async play({ burst, alphaPpm, heldAtomic, logs = 1 }: HitAndRun, breaks) {
    const earnings = openEarnings(heldAtomic);
    const coverage = { alphaPpm: () => alphaPpm };
    const options = { audit: coverage, cosign: coverage, heldFor: earnings.heldFor };
    const four = await createFour(options, (one) => openAttacked(breaks, one));
    const { own, chain } = four;
    const handlers = [own, ...four.peers].slice(0, logs);
    for (let number = 0; number < burst; number++) await handlers[number % logs]?.deliver(number, cheat);
    await breaks.take();
    await four.certifyAll();
    // A validator audits a few at a time.
    for (let i = 0; i < burst; i++) {
      for (const one of handlers) await one.runAudits();
      await breaks.take();
    }
    for (const one of handlers) {
      try {
        do await breaks.take();
        while (await one.settlement.step());
      } catch (error) {
        if (!(error instanceof SettlementError)) throw error;
      }
    }
    const lines = chain.settled.flatMap((call) => call.lines);
    const ejections = chain.settled.flatMap((call) => call.ejections);
    for (const line of lines) earnings.credit(line.providerId, line.payee, line.gross);
    for (const id of ejections) earnings.eject(id);
    const paid = await earnings.withdrawAll();
    const caught = handlers.flatMap(({ decided }) => decided).filter(({ verdict }) => verdict === 'reject').length;
    await Promise.all([own, ...four.peers].map((one) => one.close()));
    return {
      caught,
      settledAtomic: lines.reduce((sum, { gross }) => sum + gross, 0n),
      isEjected: ejections.length > 0,
      gainAtomic: paid - (heldAtomic ?? 0n),
    };
  },
  async stage({ play }) {
    const burst = 6;
    const played = await play({ burst, alphaPpm: 100_000, heldAtomic: 0n });
    const { caught, settledAtomic, isEjected, gainAtomic } = played;
    return {
      tried: `forged ${burst} replies under a key that holds no earnings, before anybody had found out`,
      answered: [`${caught} of them are rejected; the key is ${isEjected ? 'ejected' : 'not ejected'}`],
      money: `${settledAtomic} atomic units are settled for it, and it gains ${gainAtomic}`,
      worked: gainAtomic > 0n,
    };
  },
});
