import { columns, text } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { concatBytes, equalBytes, fromHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { createPartTable, type PartTable } from '@ogong/protocol/settlement/packed-entry';
import { encodeDescribed } from '@ogong/protocol/verdict/evidence';
import {
  findOffer,
  isSamePart,
  listHeld,
  type ModelPart,
  readCredential,
  readStoredAnnouncement,
  type StoredAnnouncement,
} from './announcement-store.ts';

const rowColumns = columns({ name: text, sequence: text });

/** Known models of one announcement: names of models are free. */
const MOST_ROWS = 16;

interface Known {
  sequence: string;
  held: StoredAnnouncement;
}

/**
 * Creates the table of parts of batch entries that validators know from announcements. The parts are rows of candidate
 * lists without their weights, and keys of providers and verifiers (docs/spec/packed-entries.md).
 * @returns a function that updates and returns the table.
 */
export function createKnownParts(crypto: Crypto, store: Store): () => PartTable {
  const table = createPartTable(crypto);
  const known = new Map<string, Known>();

  function take(name: string, sequence: string): void {
    const before = known.get(name);
    if (before?.sequence === sequence) return;
    const held = readStoredAnnouncement(store, name, sequence);
    if (held === undefined) return;
    known.set(name, { sequence, held });
    // Most announcements repeat the previous one.
    if (before === undefined || !isSame(before.held, held)) table.put(name, listParts(crypto, store, name, held));
  }

  return () => {
    const rows = rowColumns.all(store.prepare('SELECT lower(hex(provider_id)) AS name, sequence FROM announcements'));
    for (const { name, sequence } of rows) take(name, sequence);
    if (known.size > rows.length) {
      const left = new Set(rows.map(({ name }) => name));
      for (const name of known.keys()) {
        if (left.has(name)) continue;
        known.delete(name);
        table.drop(name);
      }
    }
    return table;
  };
}

function isSame(a: StoredAnnouncement, b: StoredAnnouncement): boolean {
  const { announcement: one, verifierWord: own } = a;
  const { announcement: other, verifierWord: others } = b;
  return (
    equalBytes(one.payee, other.payee) &&
    equalBytes(one.verifier?.keyHash ?? NONE, other.verifier?.keyHash ?? NONE) &&
    equalBytes(own ?? NONE, others ?? NONE) &&
    areSameOffers(listHeld(a), listHeld(b))
  );
}

const areSameOffers = (own: readonly ModelPart[], others: readonly ModelPart[]): boolean =>
  own.length === others.length &&
  own.every((one, i) => {
    const other = others[i] as ModelPart;
    return one.contextSize === other.contextSize && isSamePart(one, other);
  });

const NONE = new Uint8Array(0);

function listParts(
  crypto: Crypto,
  store: Store,
  name: string,
  { announcement, verifierWord }: StoredAnnouncement,
): Uint8Array[] {
  const { providerId, payee, verifier } = announcement;
  const credential = readCredential(store, fromHex(name));
  if (verifier === undefined || verifierWord === undefined || credential === undefined) return [];
  const operator = crypto.sha256(payee);
  const rows = listHeld({ announcement })
    .slice(0, MOST_ROWS)
    .flatMap(({ modelRoot, segment }) => {
      const offer = findOffer({ announcement, verifierWord }, modelRoot, segment);
      return offer ? [encodeDescribed({ ...offer, providerId, operator })] : [];
    });
  const { providerKey, verifierEndorsement: endorsement } = credential;
  const keys = endorsement && [endorsement.verifierKey, concatBytes(endorsement.verifierKey, endorsement.signature)];
  return [...rows, providerKey, ...(keys ?? [])];
}
