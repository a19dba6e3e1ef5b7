import type { Clock } from '@ogong/host/time/clock';
import { toHex } from '@ogong/protocol/base/bytes';
import type { ListedOffer } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

/** At which price the providers of a model stand by. */
export interface StandbyPrices {
  /**
   * The least one that half of the model's payees take, two at least, and that is a small part of what each of them takes for an answer;
   * undefined where there is none, and where no router says. Who does not take it is not asked, so a few payees neither set what all
   * others bill nor have all requests to themselves.
   */
  find(model: string): Promise<bigint | undefined>;
}

type Offer = Pick<ListedOffer, 'payee' | 'pricePer1k' | 'standbyPer1k'>;

/** One is asked first, another one where that is slow. */
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
    /** Of a router. @throws LinkError */
    readonly listOffers: (model: string) => Promise<readonly Offer[]>;
    readonly uptime: Clock;
  },
): StandbyPrices {
  const known = new Map<string, { readonly price: Promise<bigint | undefined>; readonly readMs: number }>();

  async function read(model: string): Promise<bigint | undefined> {
    /** Of those whom this gateway may order from. A payee with several providers counts once, as the last of them. */
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
      // Nobody waits for what was known a moment ago.
      if (uptime.nowMs() - last.readMs > KNOWN_MS) void readAnew(model);
      return last.price;
    },
  };
}

/** The standby prices that a provider takes and that are small beside its price. */
interface PriceSpan {
  readonly least: bigint;
  readonly most: bigint;
}

/** The least price that lies in so many of them. */
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
