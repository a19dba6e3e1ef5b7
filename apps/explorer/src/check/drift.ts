// Loaded by load-drift.ts alone: most visitors never look at a drift table.
import { toHex } from '@ogong/protocol/base/bytes';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { type DriftRow, POWER_RATES, QUANTILES } from '@ogong/protocol/modality/text/drift/drift-table';
import { parseDriftTable } from '@ogong/protocol/modality/text/drift/drift-table-bytes';
import { hashDriftTable } from '@ogong/protocol/modality/text/drift/drift-table-signature';
import { REPLY_SCORES } from '@ogong/protocol/modality/text/stage2/reply-scores';

export interface DriftReading {
  readonly hash: string;
  readonly version: number;
  readonly rows: readonly DriftRowView[];
}

/** One row of the table, as a page shows it. */
export interface DriftRowView
  extends Pick<DriftRow, 'providerClass' | 'verifierClass' | 'band' | 'tokens' | 'context'> {
  readonly model: string;
  readonly replies: number;
  /** Honest replies: the values of each score at the quantiles. */
  readonly scores: readonly { readonly name: string; readonly values: readonly number[] }[];
  readonly power: readonly { readonly name: string; readonly replies: number; readonly shares: readonly number[] }[];
}

export const SHOWN_QUANTILES: readonly number[] = QUANTILES;
export const SHOWN_RATES: readonly number[] = POWER_RATES;

/** @throws ProtocolError if the bytes are no table. */
export function readDrift(bytes: Uint8Array): DriftReading {
  const table = parseDriftTable(bytes);
  return {
    hash: toHex(hashDriftTable(crypto, bytes)),
    version: table.version,
    rows: table.rows.map((row) => ({
      model: toHex(row.modelRoot),
      providerClass: row.providerClass,
      verifierClass: row.verifierClass,
      band: row.band,
      tokens: row.tokens,
      context: row.context,
      replies: row.seeds.last - row.seeds.first + 1,
      scores: REPLY_SCORES.map((name, i) => ({ name, values: [...(row.scores[i]?.value ?? [])] })),
      power: row.power.map(({ name, replies, caught }) => ({
        ...{ name, replies },
        shares: [...caught].map((count) => (replies === 0 ? 0 : count / replies)),
      })),
    })),
  };
}
