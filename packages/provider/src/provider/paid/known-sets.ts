import { bytes, columns } from '@ogong/host/store/columns';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { ChainView } from '@ogong/host/views/chain-view';
import { toHex } from '@ogong/protocol/base/bytes';
import { createFormat, struct } from '@ogong/protocol/base/codec';
import { hashValidatorSet, memberList, type SetMember, sortMembers } from '@ogong/protocol/beacon/validator-set';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { OPENING_ASKED_MS } from '@ogong/protocol/exchange/limits';

export const KNOWN_SETS_SCHEMA = `
   CREATE TABLE known_set (
     hash BLOB PRIMARY KEY,
     members BLOB NOT NULL,
     seen_at_ms INTEGER NOT NULL
   ) STRICT;`;

/** The validators that the registry has listed within the last day, as certificates name them: a beacon of that time draws among them. */
export interface KnownSets {
  /** @param hash hashValidatorSet. */
  find(hash: Uint8Array): readonly SetMember[] | undefined;
  /** The newest first. */
  list(): readonly (readonly SetMember[])[];
  /** Those that were listed since are on the disk when it resolves, and what is older than a day is forgotten. */
  note(nowMs: number): Promise<void>;
}

const format = createFormat(struct({ members: memberList }), { tag: 'ogong-known-set-v1' });
const row = columns({ members: bytes });
/** A registry that changes more often than every five minutes is forgotten sooner. */
const MAX_SETS = 300;
const NEWEST = 'ORDER BY seen_at_ms DESC, rowid DESC LIMIT';

export function createKnownSets(
  {
    crypto,
    chain,
  }: { readonly crypto: Pick<Crypto, 'sha256'>; readonly chain: Pick<ChainView, 'network' | 'recentLists'> },
  { store, commits }: { readonly store: Store; readonly commits: GroupCommit },
): KnownSets {
  /** Each list is hashed once. */
  const hashes = new WeakMap<readonly SetMember[], Uint8Array>();
  const noted = new WeakSet<readonly SetMember[]>();

  function hash(members: readonly SetMember[]): Uint8Array {
    const known = hashes.get(members) ?? hashValidatorSet(crypto, chain.network, members);
    hashes.set(members, known);
    return known;
  }

  const read = (found: { readonly members: Uint8Array }): readonly SetMember[] => format.decode(found.members).members;

  return {
    find(wanted) {
      const name = toHex(wanted);
      const recent = chain.recentLists().find((members) => toHex(hash(members)) === name);
      if (recent !== undefined) return recent;
      const found = store.read(({ prepare }) =>
        row.get(prepare('SELECT members FROM known_set WHERE hash = ?'), wanted),
      );
      return found && read(found);
    },
    list() {
      const recent = chain.recentLists();
      const names = new Set(recent.map((members) => toHex(hash(members))));
      const kept = store.read(({ prepare }) => row.all(prepare(`SELECT members FROM known_set ${NEWEST} ?`), MAX_SETS));
      return [...recent, ...kept.map(read).filter((members) => !names.has(toHex(hash(members))))];
    },
    async note(nowMs) {
      const lists = chain.recentLists();
      // The oldest first, so that the present one is the newest here, too. It is seen again each time.
      const news = lists.filter((members, i) => i === 0 || !noted.has(members)).reverse();
      await commits.write(({ prepare }) => {
        const insert = prepare('INSERT OR REPLACE INTO known_set (hash, members, seen_at_ms) VALUES (?, ?, ?)');
        for (const members of news) insert.run(hash(members), format.encode({ members: sortMembers(members) }), nowMs);
        prepare(
          `DELETE FROM known_set WHERE seen_at_ms < ? OR rowid NOT IN (SELECT rowid FROM known_set ${NEWEST} ?)`,
        ).run(nowMs - OPENING_ASKED_MS, MAX_SETS);
      });
      for (const members of news) noted.add(members);
    },
  };
}
