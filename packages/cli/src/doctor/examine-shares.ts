import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { createOrLoadBoxSecret } from '@ogong/host/crypto/key-files';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { eraRecordFormat } from '@ogong/protocol/beacon/threshold/era-message';
import { nobleSealedBox } from '@ogong/protocol/crypto/noble-sealed-box';
import { eraSharesFormat } from '@ogong/validator/beacon/era-store';
import type { Diagnosis } from './diagnosis.ts';

/** Whether a validator's database has its shares of the newest era of the beacon's key that it knows of. */
export function examineShares(path: string, database: DatabaseSync): readonly Diagnosis[] {
  const folder = dirname(path);
  if (!existsSync(join(folder, 'box.key'))) return [];
  const sql = 'SELECT era, record, shares FROM beacon_eras WHERE era = (SELECT max(era) FROM beacon_eras)';
  const rows = database.prepare(sql).all() as { era: number; record: Uint8Array; shares: Uint8Array }[];
  const boxKey = nobleSealedBox.deriveKey(createOrLoadBoxSecret(folder).reveal());
  const lacking = rows.find(({ record }) =>
    eraRecordFormat.decode(record).seats.some((seat) => equalBytes(seat.boxKey, boxKey)),
  );
  if (lacking === undefined || rows.some(({ shares }) => eraSharesFormat.decode(shares).length > 0)) return [];
  return [
    {
      ...{ about: 'beacon', status: 'warning' },
      found: `${path} has no share of the beacon's key in era ${lacking.era}, though its validator is a committee member`,
      // The newest era that is here may be one that lost on the chain.
      advice:
        'if its metric ogong_validator_beacon_shares_lacking confirms this, it signs no epoch: stop it, move box.key away, run ogong-validatord register, start it',
    },
  ];
}
