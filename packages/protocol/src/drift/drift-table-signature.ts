import { equalBytes, ProtocolError } from '../base/bytes.ts';
import { type Check, fail, isOk, pass, skip } from '../base/checks.ts';
import type { Crypto, HybridSigner } from '../crypto/crypto.ts';
import { hashHybridKey, verifyHybrid } from '../crypto/hybrid.ts';
import type { DriftTable } from './drift-table.ts';
import { encodeDriftTable, parseDriftTable } from './drift-table-bytes.ts';

export interface SignedDriftTable {
  /** The exact bytes that were signed. */
  readonly table: Uint8Array;
  /** Hybrid public key. */
  readonly signerKey: Uint8Array;
  readonly signature: Uint8Array;
}

export function signDriftTable(signer: HybridSigner, table: DriftTable): SignedDriftTable {
  const bytes = encodeDriftTable(table);
  return { table: bytes, signerKey: signer.publicKey, signature: signer.sign(bytes) };
}

/** What the next table's `previous` and the chain hold: SHA-256 of the exact bytes. */
export function hashDriftTable(crypto: Pick<Crypto, 'sha256'>, bytes: Uint8Array): Uint8Array {
  return crypto.sha256(bytes);
}

export interface DriftTableVerdict {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** Present where the bytes parse; worth nothing unless `ok`. */
  readonly table?: DriftTable;
}

/**
 * Whether a table is canonical, signed by a key that is trusted with it, and the successor of the one held so far.
 * @param trust.signers hashes of hybrid keys.
 * @param trust.previous version and hash of the table held so far; without one any version is taken.
 */
export function verifyDriftTable(
  crypto: Crypto,
  signed: SignedDriftTable,
  trust: {
    readonly signers: readonly Uint8Array[];
    readonly previous?: { readonly version: number; readonly hash: Uint8Array } | undefined;
  },
): DriftTableVerdict {
  let table: DriftTable;
  try {
    table = parseDriftTable(signed.table);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { ok: false, checks: [fail('drift-table-encoding', error.message)] };
  }
  const { signerKey: publicKey, signature } = signed;
  const keyHash = hashHybridKey(crypto, publicKey);
  const { previous } = trust;
  const checks = [
    pass('drift-table-encoding', `version ${table.version}, ${table.rows.length} rows`),
    trust.signers.some((hash) => equalBytes(hash, keyHash))
      ? pass('drift-table-signer', 'signed with a trusted key')
      : fail('drift-table-signer', 'the key is not among the trusted'),
    verifyHybrid(crypto, { publicKey, message: signed.table, signature })
      ? pass('drift-table-signature', 'signed by that key')
      : fail('drift-table-signature', 'not signed by that key'),
    previous === undefined
      ? skip('drift-table-chain', 'no table is held so far')
      : table.version === previous.version + 1 && equalBytes(table.previous, previous.hash)
        ? pass('drift-table-chain', `follows version ${previous.version}`)
        : fail('drift-table-chain', `does not follow version ${previous.version} by its hash`),
  ];
  return { ok: isOk(checks), checks, table };
}
