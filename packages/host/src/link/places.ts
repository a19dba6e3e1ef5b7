/** One connection that wants a place, or has one. */
export interface Visitor {
  /** Whom quotas count together, see computeAddressGroup; undefined where this side made the connection. */
  readonly group: string | undefined;
  /** Whether the other side is a party that this daemon knows. Asked again whenever it matters. */
  isKnown(): boolean;
  /** Since when nothing happened; undefined while it is in use. On one monotonic clock, ms. */
  idleSinceMs(): number | undefined;
  /** It has to go: somebody else gets the place. */
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
  /** @returns whether there is a place, perhaps because somebody idle was asked to leave. */
  enter(visitor: Visitor): boolean;
  /** Safe to call for one that has no place. */
  leave(visitor: Visitor): void;
  size(): number;
}

/**
 * Who may hold a connection while there are too many. Certificates are free, so neither the first nor the loudest may win: known
 * parties have places that nobody else gets, a group of addresses has a quota, and an idle stranger makes room for whoever comes,
 * first of the group that holds most places, the longest idle first.
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
    // While fewer are inside than any quota allows, nobody has to be counted.
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
    // Somebody idle goes before anybody who is busy, however many of the group there are.
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
 * @returns undefined where there is no address.
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
