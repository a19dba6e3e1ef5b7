/** One connection that wants a place, or has one. */
export interface Visitor {
  /** Group of the address for quotas, see computeAddressGroup; undefined if this side made the connection. */
  readonly group: string | undefined;
  /** Whether the other side is a party that this daemon knows. Asked again whenever it matters. */
  isKnown(): boolean;
  /** Since when nothing happened; undefined while it is in use. On one monotonic clock, ms. */
  idleSinceMs(): number | undefined;
  /** Ends it: another visitor gets the place. */
  leave(): void;
}

export interface PlaceLimits {
  readonly max: number;
  /** How many of them only known parties get. */
  readonly reserved: number;
  /** Strangers of one group of addresses. */
  readonly maxPerGroup: number;
}

export interface Places {
  /** @returns whether there is a place, perhaps because an idle visitor was removed. */
  enter(visitor: Visitor): boolean;
  /** Safe to call for one that has no place. */
  leave(visitor: Visitor): void;
  size(): number;
}

/**
 * Decides which connections stay when there are too many. Certificates are free, so neither the first nor the loudest may win. Known
 * parties have places that nobody else gets, and a group of addresses has a quota. An idle stranger makes room for a new one: first in the
 * group that holds most places, the longest idle first.
 */
export function createPlaces({ max, reserved, maxPerGroup }: PlaceLimits): Places {
  const inside = new Set<Visitor>();

  const listStrangers = (): Visitor[] => [...inside].filter((one) => !one.isKnown());

  function dismiss(visitor: Visitor | undefined): boolean {
    if (visitor === undefined) return false;
    inside.delete(visitor);
    visitor.leave();
    return true;
  }

  function makeRoom(newcomer: Visitor): boolean {
    if (newcomer.isKnown()) return inside.size < max || dismiss(findIdlest(listStrangers(), { busyToo: true }));
    // Below every quota, no count is needed.
    if (inside.size < Math.min(maxPerGroup, max - reserved)) return true;
    const { group } = newcomer;
    const own = group === undefined ? [] : listStrangers().filter((one) => one.group === group);
    if (own.length >= maxPerGroup && !dismiss(findIdlest(own))) return false;
    const strangers = listStrangers();
    const isFull = inside.size >= max || strangers.length >= max - reserved;
    return !isFull || dismiss(findIdlest(strangers));
  }

  return {
    enter(visitor) {
      if (!makeRoom(visitor)) return false;
      inside.add(visitor);
      return true;
    },
    leave: (visitor) => void inside.delete(visitor),
    size: () => inside.size,
  };
}

/** Of the group with most places, the one that is idle longest. */
function findIdlest(visitors: readonly Visitor[], { busyToo = false } = {}): Visitor | undefined {
  const sizes = new Map<string | undefined, number>();
  for (const { group } of visitors) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  let found: { readonly visitor: Visitor; readonly size: number; readonly sinceMs: number } | undefined;
  for (const visitor of visitors) {
    const sinceMs = visitor.idleSinceMs() ?? (busyToo ? Number.POSITIVE_INFINITY : undefined);
    if (sinceMs === undefined) continue;
    const size = sizes.get(visitor.group) as number;
    // An idle visitor leaves before a busy one, whatever the sizes of their groups.
    const isWorse =
      found === undefined ||
      (Number.isFinite(sinceMs) && !Number.isFinite(found.sinceMs)) ||
      (Number.isFinite(sinceMs) === Number.isFinite(found.sinceMs) &&
        (size > found.size || (size === found.size && sinceMs < found.sinceMs)));
    if (isWorse) found = { visitor, size, sinceMs };
  }
  return found?.visitor;
}

/**
 * Addresses that one party gets together: an IPv4 address, or the first 64 bits of an IPv6 address.
 * @returns undefined if there is no address.
 */
export function computeAddressGroup(address: string | undefined): string | undefined {
  if (address === undefined || address === '') return undefined;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !address.includes(':')) return mapped ?? address;
  const [head = '', tail = ''] = (address.split('%')[0] as string).split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === '' ? [] : tail.split(':');
  const gap = address.includes('::') ? Math.max(0, 8 - front.length - back.length) : 0;
  const words = [...front, ...new Array<string>(gap).fill('0'), ...back];
  return `${words
    .slice(0, 4)
    .map((word) => Number.parseInt(word, 16).toString(16))
    .join(':')}::/64`;
}
