import { columns, text } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { concatBytes, equalBytes, fromHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { findClass } from '@ogong/protocol/exchange/verifier-endorsement';
import { createPartTable, type PartTable } from '@ogong/protocol/settlement/packed-entry';
import { encodeDescribed } from '@ogong/protocol/verdict/evidence';
import { type HeldAnnouncement, readCredential, readHeld, readWord } from './announcement-store.ts';

const rowColumns = columns({ name: text, sequence: text });

/** Models of one announcement whose rows are known: names of models are free. */
const MOST_ROWS = 16;

interface Known {
  sequence: string;
  held: HeldAnnouncement;
}

/**
 * Parts of batch entries that validators have from announcements: rows of lists of candidates without their weights, and keys of
 * providers and verifiers (docs/spec/packed-entries.md).
 * @returns the table, as the store has it now. It is brought up to date by each call.
 */
export function createKnownParts(crypto: Crypto, store: Store): () => PartTable {
  const table = createPartTable(crypto);
  const known = new Map<string, Known>();

  function take(name: string, sequence: string): void {
    const before = known.get(name);
    if (before?.sequence === sequence) return;
    const held = readHeld(store, name, sequence);
    if (held === undefined) return;
    known.set(name, { sequence, held });
    // Most announcements say again what the one before said.
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

function isSame(a: HeldAnnouncement, b: HeldAnnouncement): boolean {
  const { announcement: one, verifierWord: own } = a;
  const { announcement: other, verifierWord: others } = b;
  return (
    equalBytes(one.payee, other.payee) &&
    equalBytes(one.verifier?.keyHash ?? NONE, other.verifier?.keyHash ?? NONE) &&
    equalBytes(own ?? NONE, others ?? NONE) &&
    one.models.length === other.models.length &&
    one.models.every(({ modelRoot, contextSize }, i) => {
      const model = other.models[i];
      return model?.contextSize === contextSize && equalBytes(model.modelRoot, modelRoot);
    })
  );
}

const NONE = new Uint8Array(0);

function listParts(
  crypto: Crypto,
  store: Store,
  name: string,
  { announcement, verifierWord }: HeldAnnouncement,
): Uint8Array[] {
  const { providerId, payee, verifier, models } = announcement;
  const credential = readCredential(store, fromHex(name));
  if (verifier === undefined || verifierWord === undefined || credential === undefined) return [];
  const word = readWord(verifierWord);
  const operator = crypto.sha256(payee);
  const rows = models.slice(0, MOST_ROWS).flatMap(({ modelRoot, contextSize }) => {
    const numericClass = findClass(word, modelRoot);
    if (numericClass === undefined) return [];
    return [encodeDescribed({ providerId, payee, keyHash: verifier.keyHash, operator, numericClass, contextSize })];
  });
  const { providerKey, verifierEndorsement: endorsement } = credential;
  const keys = endorsement && [endorsement.verifierKey, concatBytes(endorsement.verifierKey, endorsement.signature)];
  return [...rows, providerKey, ...(keys ?? [])];
}
