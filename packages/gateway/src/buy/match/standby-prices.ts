import type { Clock } from '@ogong/host/time/clock';
import { toHex } from '@ogong/protocol/base/bytes';
import type { ListedOffer } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

/** The price at which the providers of a model stand by. */
export interface StandbyPrices {
  /**
   * Finds the lowest price that at least two payees and half of the model's payees accept. It must be a small part of each one's
   * price for an answer. Undefined if there is none, or if no router answers. A provider that does not accept it is not asked. So
   * a few payees neither set the price for all others nor get all requests.
   */
  find(model: string): Promise<bigint | undefined>;
}

type Offer = Pick<ListedOffer, 'payee' | 'pricePer1k' | 'standbyPer1k'>;

/** A first provider, and another one if the first is slow. */
const LEAST_PAYEES = 2;
const KNOWN_MS = 10_000;
const MAX_MODELS = 256;

export interface StandbyPriceLimits {
  readonly maxPricePer1kAtomic: bigint;
  /** The most that a provider may ask for standing by, in percent of its price. Default: 25. */
  readonly standbyPercent?: number | undefined;
}

export function createStandbyPrices(
  { maxPricePer1kAtomic, standbyPercent = 25 }: StandbyPriceLimits,
  {
    listOffers,
    uptime,
  }: {
    /** Lists the offers of a router. @throws LinkError */
    readonly listOffers: (model: string) => Promise<readonly Offer[]>;
    readonly uptime: Clock;
  },
): StandbyPrices {
  const known = new Map<string, { readonly price: Promise<bigint | undefined>; readonly readMs: number }>();

  async function read(model: string): Promise<bigint | undefined> {
    /** Only payees that this gateway may order from count. A payee with several providers counts once, as the last of them. */
    const payees = new Map<string, PriceSpan | undefined>();
    for (const { payee, pricePer1k, standbyPer1k: least } of await listOffers(model)) {
      if (pricePer1k > maxPricePer1kAtomic) continue;
      const most = (pricePer1k * BigInt(standbyPercent)) / 100n;
      const span = least !== undefined && least <= most ? { least, most } : undefined;
      const name = toHex(payee);
      payees.set(name, span ?? payees.get(name));
    }
    const spans = [...payees.values()].filter((span) => span !== undefined);
    return findShared(spans, Math.max(LEAST_PAYEES, Math.ceil(payees.size / 2)));
  }

  function readAnew(model: string): Promise<bigint | undefined> {
    const price = read(model).catch(() => undefined);
    known.delete(model);
    known.set(model, { price, readMs: uptime.nowMs() });
    if (known.size > MAX_MODELS) known.delete(known.keys().next().value as string);
    return price;
  }

  return {
    async find(model) {
      const last = known.get(model);
      if (last === undefined) return readAnew(model);
      // Renew a price in the background if it is old.
      if (uptime.nowMs() - last.readMs > KNOWN_MS) void readAnew(model);
      return last.price;
    },
  };
}

/** The standby prices that a provider accepts and that are small beside its price. */
interface PriceSpan {
  readonly least: bigint;
  readonly most: bigint;
}

/** Finds the lowest price that lies in at least so many spans. */
function findShared(spans: readonly PriceSpan[], needed: number): bigint | undefined {
  const sort = (prices: readonly bigint[]): bigint[] => [...prices].sort((a, b) => (a < b ? -1 : Number(a > b)));
  const ends = sort(spans.map(({ most }) => most));
  let ended = 0;
  let begun = 0;
  for (const price of sort(spans.map(({ least }) => least))) {
    begun++;
    while ((ends[ended] as bigint) < price) ended++;
    if (begun - ended >= needed) return price;
  }
  return undefined;
}
