import {
  buyFromLaunch,
  computeLaunchAmount,
  computeLaunchCost,
  computeLaunchPayment,
  computeLaunchPrice,
  LAUNCH_TRANCHE_ATOMIC,
  type LaunchState,
  sellToLaunch,
} from '@ogong/protocol/settlement/launch-curve';

const WHOLE = 10n ** 18n;
/** A million dollars of six decimals: the first token costs a cent. */
const VIRTUAL = 10n ** 12n;
const begin = (virtualReserve: bigint): LaunchState => ({ virtualReserve, reserve: 0n, left: LAUNCH_TRANCHE_ATOMIC });

/** Payments, and the thousandths of their tokens that are sold back afterwards. */
const DEEDS: readonly (readonly [payment: bigint, backPerMille: bigint])[] = [
  [1n, 1_000n],
  [1_000_000n, 0n],
  [25_000_000_007n, 333n],
  [10n ** 12n, 0n],
  [3n * 10n ** 13n, 999n],
  [10n ** 16n, 1_000n],
];

const tell = ({ virtualReserve, reserve, left }: LaunchState) => ({
  ...{ virtualReserve: `${virtualReserve}`, reserve: `${reserve}`, left: `${left}` },
});

/** The life of a curve, and single answers for a steep, a flat and the coarsest asset: `vectors/launch.json`. */
export function createLaunchVectors(): Readonly<Record<string, unknown>> {
  let state = begin(VIRTUAL);
  const life = DEEDS.flatMap(([payment, backPerMille]) => {
    const amount = computeLaunchAmount(state, payment);
    state = buyFromLaunch(state, payment);
    const bought = { deed: 'buy', payment: `${payment}`, amount: `${amount}`, after: tell(state) };
    const back = (amount * backPerMille) / 1_000n;
    if (back === 0n || computeLaunchPayment(state, back) === 0n) return [bought];
    const paid = computeLaunchPayment(state, back);
    state = sellToLaunch(state, back);
    return [bought, { deed: 'sell', amount: `${back}`, payment: `${paid}`, after: tell(state) }];
  });
  const states: readonly LaunchState[] = [
    begin(VIRTUAL),
    { ...begin(VIRTUAL), reserve: VIRTUAL, left: LAUNCH_TRANCHE_ATOMIC / 2n },
    { ...begin(VIRTUAL), reserve: 999n * VIRTUAL, left: LAUNCH_TRANCHE_ATOMIC / 1_000n },
    { virtualReserve: 1n, reserve: 6n, left: LAUNCH_TRANCHE_ATOMIC / 7n },
    { virtualReserve: 2n ** 128n - 1n, reserve: 2n ** 120n, left: LAUNCH_TRANCHE_ATOMIC - WHOLE },
  ];
  const quotes = states.map((at) => {
    const sold = LAUNCH_TRANCHE_ATOMIC - at.left;
    return {
      ...{ at: tell(at), price: `${computeLaunchPrice(at)}` },
      buys: [1n, 1_000_003n, at.virtualReserve].map((payment) => ({
        ...{ payment: `${payment}`, amount: `${computeLaunchAmount(at, payment)}` },
      })),
      costs: [1n, WHOLE, at.left - 1n].map((amount) => ({
        ...{ amount: `${amount}`, payment: `${computeLaunchCost(at, amount)}` },
      })),
      sales: [1n, WHOLE, sold]
        .filter((amount) => amount <= sold)
        .map((amount) => ({ amount: `${amount}`, payment: `${computeLaunchPayment(at, amount)}` })),
    };
  });
  return { tranche: `${LAUNCH_TRANCHE_ATOMIC}`, virtualReserve: `${VIRTUAL}`, life, quotes };
}
