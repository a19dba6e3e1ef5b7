import type { Clock } from '@ogong/host/time/clock';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { ANONYMOUS } from '../books/api-keys.ts';
import type { PayingKey } from '../buy/reply.ts';

/**
 * What clients say of sealed replies, which their gateway cannot open. One account's word keeps a provider from that account alone;
 * several accounts' words, from everybody while somebody else is there.
 */
export interface DoubtedProviders {
  note(providerId: Uint8Array, key: PayingKey, isGood: boolean): void;
  /** A bad word that has cost nothing yet: it counts for this key's account alone. */
  noteOwn(providerId: Uint8Array, key: PayingKey): void;
  /** Who is not drawn for this key's account, the newest last. */
  list(key: PayingKey): Uint8Array[];
}

/** So long a word counts. */
const WORD_MS = 60 * 60_000;
/** Fewer accounts that agree take a provider from nobody else. */
const LEAST_ACCOUNTS = 3;
const MAX_PROVIDERS = 1_024;
const MAX_ACCOUNTS = 64;
/** With those that a client names itself. */
const MAX_LISTED = 8;

/** What an account said last. */
interface AccountWord {
  readonly isGood: boolean;
  readonly isOwn?: boolean;
  readonly atMs: number;
}

/** An organisation may have any number of keys. */
const nameAccount = ({ id, organisation }: PayingKey): string =>
  organisation ? `organisation ${organisation.id}` : id;

export function createDoubtedProviders(clock: Pick<Clock, 'nowMs'>): DoubtedProviders {
  /** By provider, the newest word of each account. */
  const words = new Map<string, Map<string, AccountWord>>();

  function isDoubted(said: ReadonlyMap<string, AccountWord>, account: string): boolean {
    const sinceMs = clock.nowMs() - WORD_MS;
    const counted = [...said].filter(([, { atMs }]) => atMs > sinceMs);
    const bad = counted.filter(([, { isGood }]) => !isGood);
    if (bad.some(([name]) => name === account)) return true;
    const shared = counted.filter(([, { isOwn }]) => !isOwn);
    const complaining = shared.filter(([, { isGood }]) => !isGood).length;
    return complaining >= LEAST_ACCOUNTS && 2 * complaining > shared.length;
  }

  function put(providerId: Uint8Array, key: PayingKey, word: Omit<AccountWord, 'atMs'>): void {
    // Nobody speaks for an account where keys are not asked for.
    if (key.id === ANONYMOUS.id) return;
    const accountId = nameAccount(key);
    const name = toHex(providerId);
    // Good words are kept before anybody complains: they outweigh the few who do.
    const said = words.get(name) ?? new Map<string, AccountWord>();
    said.delete(accountId);
    said.set(accountId, { ...word, atMs: clock.nowMs() });
    for (const oldest of said.keys()) if (said.size > MAX_ACCOUNTS) said.delete(oldest);
    words.delete(name);
    words.set(name, said);
    for (const oldest of words.keys()) if (words.size > MAX_PROVIDERS) words.delete(oldest);
  }

  return {
    note: (providerId, key, isGood) => put(providerId, key, { isGood }),
    noteOwn: (providerId, key) => put(providerId, key, { isGood: false, isOwn: true }),
    list: (key) =>
      [...words]
        .filter(([, said]) => isDoubted(said, nameAccount(key)))
        .slice(-MAX_LISTED)
        .map(([name]) => fromHex(name)),
  };
}
