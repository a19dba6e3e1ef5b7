import { createFastBls } from '@ogong/host/crypto/fast-bls';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { afterAll, describe } from 'vitest';
import { BEACON_PERIOD_S, testBeaconKeys } from './beacon-keys-compliance.ts';
import { openBeaconWorld } from './beacon-keys-fixture.ts';
import { startTestLedger, type TestLedger } from './test-ledger.ts';

describe('keys of the threshold beacon in the contract', () => {
  const ledgers: TestLedger[] = [];
  afterAll(() => Promise.all(ledgers.map((ledger) => ledger.stop())));

  testBeaconKeys(async () => {
    const ledger = await startTestLedger({ beacon: { origin: 1n, period: BigInt(BEACON_PERIOD_S) }, blockTimeMs: 50 });
    ledgers.push(ledger);
    return openBeaconWorld(ledger, { crypto: nodeCrypto, bls: await createFastBls() });
  });
});
