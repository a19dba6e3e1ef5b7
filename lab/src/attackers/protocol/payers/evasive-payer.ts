import type { Hex } from '@ogong/chain/hex';
import { generatePrivateKey } from '@ogong/chain/keys';
import type { SignedPermit } from '@ogong/chain/money/permits';
import { createPermitBench, type PermitBench } from '@ogong/testing/gateway/permit-bench';
import { countTexts, defineAttack } from '../define-attack.ts';

const EVASIONS = [
  'moves its tokens away',
  'withdraws its permit',
  'uses the nonce for a permit of one unit',
  'uses the number of its approval',
  'sends its permit to two gateways',
] as const;
type Evasion = (typeof EVASIONS)[number];

const FEE = 100n;
/** Covers four requests that are not paid. */
const LIMIT = 4n * FEE;
const PAYERS = 6;

interface EvasivePayers {
  /** Two gateways on one database. */
  readonly bench: PermitBench;
  readonly evasion: Evasion;
  /** The first one asks again after the verdict about its first reply, and then the others ask. */
  readonly payers: number;
}

async function evade({ money, payTo }: PermitBench, offer: SignedPermit, evasion: Evasion): Promise<void> {
  const { permit } = offer;
  if (evasion === 'moves its tokens away') money.fund(permit.from, 0n);
  if (evasion === 'withdraws its permit') money.withdraw(permit);
  if (evasion === 'uses the number of its approval') money.skipApproval(permit.from);
  if (evasion !== 'uses the nonce for a permit of one unit') return;
  await money.chain.takeByPermit({ ...offer, permit: { ...permit, to: payTo, facilitator: permit.from } }, 1n);
}

/** Payers of the scheme `upto` evade their permits between the answer and its verdict. */
export const evasivePayer = defineAttack({
  name: 'evasive-payer',
  adversary: 'payer that moves its tokens away or withdraws its permit after the answer (x402, scheme `upto`)',
  aim: 'get answers without payment, again and again',
  stoppedBy:
    'The sum of open payments and of the losses of a day has a limit. A payer that did not pay is served so no more',
  restarts: ['gateway'],
  async play({ bench, evasion, payers }: EvasivePayers, breaks) {
    breaks.add('gateway', bench.restart);
    const { money } = bench;
    const refusals: string[] = [];
    const answered: SignedPermit[] = [];

    async function ask(key: Hex, nonce: bigint): Promise<boolean> {
      const signed = await bench.sign(key, { maximum: FEE, nonce });
      const { from } = signed.permit;
      money.fund(from, 10n * FEE);
      const isApproving = evasion === 'uses the number of its approval';
      if (isApproving) money.allow(from, 0n);
      const offer = isApproving ? await bench.approve(key, signed, nonce) : signed;
      const gateways = evasion === 'sends its permit to two gateways' ? [0, 1] : [0];
      const answers = await Promise.all(
        gateways.map(async (index) => {
          const problem = await bench.desk(index).findProblem(offer, Number(money.state.timeS) * 1_000);
          return problem ?? bench.desk(index).take(offer, FEE);
        }),
      );
      const taken = answers.filter((answer) => typeof answer !== 'string');
      refusals.push(...answers.filter((answer) => typeof answer === 'string'));
      for (const _ of taken) {
        await bench.order(offer.permit, FEE);
        answered.push(offer);
        await evade(bench, offer, evasion);
      }
      return taken.length > 0;
    }

    /** The verdicts come, and the permits lapse. */
    async function settleAll(): Promise<void> {
      for (const { permit } of answered) {
        await bench.end(permit);
        await bench.settle(permit, FEE);
      }
      await bench.desk(1).step();
      await breaks.take();
      money.state.timeS += 3_601n;
      money.state.block += 10n;
      await bench.desk(0).step();
    }

    const keys = Array.from({ length: payers }, generatePrivateKey);
    const [first] = keys as [Hex];
    await ask(first, 0n);
    await settleAll();
    const isServedAgain = await ask(first, 1n);
    for (const key of keys.slice(1)) await ask(key, 0n);
    await settleAll();

    const ends = await Promise.all(
      answered.map(async ({ permit }) => {
        const { kept, left } = await bench.readMoney(permit);
        const state = (await bench.find(permit))?.state;
        return { state, takenAtomic: money.takenBy(permit), creditAtomic: kept + left };
      }),
    );
    return { refusals, ends, isServedAgain };
  },
  async stage({ play, keep, breaks }) {
    const answered: string[] = [];
    let worked = false;
    for (const evasion of EVASIONS) {
      const path = breaks.path();
      const bench = keep(createPermitBench({ gateways: 2, mostUnsettledAtomic: LIMIT, path }));
      const { refusals, ends, isServedAgain } = await play({ bench, evasion, payers: PAYERS });
      const lost = ends.filter(({ state }) => state === 'lost').length;
      const isWrong = ends.some(({ takenAtomic, creditAtomic }) => takenAtomic !== creditAtomic);
      const isUnsettled = ends.some(({ state }) => state !== 'lost' && state !== 'done');
      const mayPay = evasion === 'sends its permit to two gateways';
      worked ||= isWrong || isUnsettled || refusals.length === 0;
      worked ||= mayPay
        ? lost > 0 || ends.length > PAYERS + 1
        : isServedAgain || lost === 0 || BigInt(lost) * FEE > LIMIT;
      const counts = countTexts([...ends.map(({ state }) => `${state}`), ...refusals.map((why) => `refused: ${why}`)]);
      answered.push(`a payer that ${evasion}: ${counts.join(', ')}`);
    }
    return {
      tried: `had ${PAYERS} payers ask for replies of ${FEE} units, and evade their permits before the verdicts`,
      answered,
      money: `the gateway loses at most ${LIMIT} units a day`,
      worked,
    };
  },
});
