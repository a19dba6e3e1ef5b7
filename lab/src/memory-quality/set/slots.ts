import { pick } from '@ogong/protocol/base/seeded-random';
import { FILLERS } from './small-talk.ts';

type Random = () => number;

/** Returns the values in a drawn order. */
export function shuffle<T>(random: Random, values: readonly T[]): readonly T[] {
  const left = [...values];
  return values.map(() => left.splice(Math.floor(random() * left.length), 1)[0] as T);
}

export interface SlotFiller {
  /** Starts a topic: the same slot gets the same value until the next call. */
  start(): void;
  fill(text: string): string;
}

const FIRST_YEAR = 2009;
const YEARS = 12;

/** Fills slots such as `{city}` and `{city2}`; no name, city or pet is drawn twice. */
export function createSlotFiller(random: Random): SlotFiller {
  const pools = Object.fromEntries(Object.entries(FILLERS).map(([kind, all]) => [kind, [...shuffle(random, all)]]));
  let drawn = new Map<string, string>();

  function draw(slot: string): string {
    const kind = slot.replace(/\d$/, '');
    if (kind === 'num') return String(3 + Math.floor(random() * 38));
    if (kind === 'price') return String(50 * (3 + Math.floor(random() * 30)));
    if (kind === 'year') return String(FIRST_YEAR + Math.floor(random() * YEARS));
    if (kind === 'month') return pick(random, FILLERS.month);
    const value = pools[kind]?.pop();
    if (value === undefined) throw new Error(`no value is left for the slot ${slot}`);
    return value;
  }

  return {
    start() {
      drawn = new Map();
    },
    fill: (text) =>
      text.replace(/\{(\w+)\}/g, (_, slot: string) => {
        const value = drawn.get(slot) ?? draw(slot);
        drawn.set(slot, value);
        return value;
      }),
  };
}
