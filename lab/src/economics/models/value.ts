import { createFindings, type EconomicModel, percent, round } from '../finding.ts';

interface Market {
  /** Settled value a year, dollars. */
  readonly throughput: number;
  readonly velocity: number;
  /** Part of the revenue that stakers earn. */
  readonly phi: number;
  readonly opportunityCost: number;
}

const SUPPLY = 1e9;

/** Price of a token where a part of the supply is locked: equation of exchange on what floats. */
const priceAt = ({ throughput, velocity }: Market, locked: number): number =>
  throughput / (velocity * SUPPLY * (1 - locked));

/** Holders lock one by one until the next one would earn less than elsewhere. */
function findLocked(market: Market): number {
  let [low, high] = [1e-9, 1 - 1e-9];
  for (let i = 0; i < 200; i++) {
    const locked = (low + high) / 2;
    const yieldOfLock = (market.phi * market.throughput) / (locked * SUPPLY * priceAt(market, locked));
    if (yieldOfLock > market.opportunityCost) low = locked;
    else high = locked;
  }
  return (low + high) / 2;
}

export function runValue(): EconomicModel {
  const { list, say } = createFindings();
  const base: Market = { throughput: 50e6, velocity: 12, phi: 0.02, opportunityCost: 0.1 };
  const price = (change: Partial<Market>): number => {
    const market = { ...base, ...change };
    return priceAt(market, findLocked(market));
  };
  say(
    'The price rises with throughput and with the locked part',
    price({ throughput: 100e6 }) > price({}) && priceAt(base, 0.6) > priceAt(base, 0.2),
    `$${round(price({}))} at $50 M a year, $${round(price({ throughput: 100e6 }))} at $100 M`,
  );
  const free = (velocity: number): number => priceAt({ ...base, velocity }, 0.5);
  say(
    'At a given lock it falls with velocity',
    free(24) < free(12),
    `$${round(free(12))} at 12, $${round(free(24))} at 24`,
  );
  const cases = [base, { ...base, phi: 0.1 }, { ...base, velocity: 40 }, { ...base, opportunityCost: 0.3 }];
  const closed = cases.every((market) => {
    const { phi, velocity, opportunityCost: r } = market;
    return Math.abs(findLocked(market) - (phi * velocity) / (r + phi * velocity)) < 1e-6;
  });
  say(
    'Holders that decide one by one lock the closed form phi V / (r + phi V), and both ways to compute the value agree',
    closed &&
      Math.abs(price({}) * SUPPLY - (base.throughput / base.velocity) * (1 + (base.phi * base.velocity) / 0.1)) < 1,
    cases.map((market) => percent(findLocked(market), 1)).join(', '),
  );
  say(
    'The locked part rises with the stakers’ share and with velocity, and falls with what capital earns elsewhere',
    findLocked({ ...base, phi: 0.03 }) > findLocked(base) &&
      findLocked({ ...base, velocity: 20 }) > findLocked(base) &&
      findLocked({ ...base, opportunityCost: 0.2 }) < findLocked(base),
    `${percent(findLocked(base), 1)} with the base figures`,
  );
  const revenue = (elasticity: number, unitPrice: number): number => unitPrice * unitPrice ** -elasticity;
  say(
    'Cheaper inference raises throughput where demand is elastic, and lowers it where it is not',
    revenue(1.5, 0.5) > revenue(1.5, 1) && revenue(0.5, 0.5) < revenue(0.5, 1),
    `half the price: x ${round(revenue(1.5, 0.5))} at 1.5, x ${round(revenue(0.5, 0.5))} at 0.5`,
  );
  return {
    id: 'value',
    title: 'Value and staking',
    summary:
      'The equation of exchange on the floating supply, and holders that lock tokens as long as it pays. No forecast: the inputs are invented.',
    findings: list,
  };
}
