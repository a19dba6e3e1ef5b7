import type { DriftTableAnchor } from '@ogong/chain/client';
import { readDefaultTable } from '@ogong/host/drift-table/default-table';
import { listSigners, readTableFile, TableError, type TableFile } from '@ogong/host/drift-table/table-file';
import type { Logger } from '@ogong/host/log/logger';
import type { Store } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { type DriftPolicy, toPpb } from '@ogong/protocol/verdict/drift-policy';
import { wasNamed } from './store/drift-store.ts';

export interface DriftSettings {
  /** Path of the table file, or `none`. If absent, the default table is used. */
  readonly driftTable: string | undefined;
  readonly falseReject: number;
  readonly falseDoubt: number;
  readonly extrapolate: boolean;
}

const isNone = ({ hash }: DriftTableAnchor): boolean => /^0x0*$/.test(hash);

/** Value of the path for fixed limits only. */
const NO_TABLE = 'none';

/**
 * Loads the operator's table and compares it with the one that the chain names. If the operator names none, the default
 * table is used, unless the chain names another one.
 * @param named undefined while the chain cannot be read. Then the operator's table must be one that the chain named
 * before.
 * @throws TableError: 'bad-table', 'bad-signature'; 'wrong-table' where the chain names another.
 */
export function loadDriftPolicy(
  crypto: Crypto,
  { driftTable: path, falseReject, falseDoubt, extrapolate }: DriftSettings,
  given: {
    readonly named: DriftTableAnchor | undefined;
    readonly store: Store;
    readonly log: Pick<Logger, 'info' | 'warn'>;
    /** Path of a default table that replaces the one of the release. */
    readonly defaultPath?: string;
  },
): DriftPolicy | undefined {
  const { named, store, log } = given;
  const isNamedOther = ({ hash }: TableFile): boolean =>
    named !== undefined && !isNone(named) && named.hash !== `0x${toHex(hash)}`;
  let file: TableFile | undefined;
  let isNamed = false;
  if (path === undefined) {
    file = readDefaultTable(crypto, given.defaultPath);
    if (file && isNamedOther(file)) file = undefined;
    isNamed = file !== undefined && named !== undefined && !isNone(named);
  } else if (path !== NO_TABLE) {
    file = readTableFile(crypto, path);
    isNamed = checkName(path, file.hash, { named, store });
  }
  if (file === undefined) {
    if (named && !isNone(named)) {
      const fields = { hash: named.hash, version: Number(named.version) };
      log.warn(
        fields,
        'the chain names a drift table, but the operator has given none: fixed thresholds decide, and peers will not sign',
      );
    }
    return undefined;
  }
  const signers = listSigners(crypto, file).map(toHex);
  const fields = { hash: toHex(file.hash), signers };
  if (isNamed) log.info(fields, 'the drift table that the chain names is loaded');
  else if (path === undefined) {
    const why = named === undefined ? 'the chain cannot be read' : 'the chain names no drift table';
    log.info(fields, `${why}: the default table is used`);
  } else log.warn(fields, "the chain names no drift table: the operator's own is used, and verdicts say so");
  const note = { tableHash: file.hash, rejectPpb: toPpb(falseReject), doubtPpb: toPpb(falseDoubt), extrapolate };
  return {
    ...{ note, bytes: file.bytes, isNamed },
    // The table is parsed when a verdict first needs it.
    get table() {
      return file.table;
    },
  };
}

function checkName(
  path: string,
  hash: Uint8Array,
  { named, store }: { named: DriftTableAnchor | undefined; store: Store },
): boolean {
  if (named === undefined) {
    if (store.read(() => wasNamed(store, hash))) return true;
    throw new TableError(
      'wrong-table',
      `${path}: the chain cannot be read, and this validator has never seen it name this table; start again once the chain answers`,
    );
  }
  if (isNone(named)) return false;
  if (named.hash === `0x${toHex(hash)}`) return true;
  throw new TableError(
    'wrong-table',
    `${path} has the hash ${toHex(hash)}; the chain names ${named.hash.slice(2)} (version ${named.version}): get that table`,
  );
}
