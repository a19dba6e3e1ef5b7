import { createFastBls } from '@ogong/host/crypto/fast-bls';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { openBeaconWorld, prepareActivation } from './beacon-keys-fixture.ts';
import { startTestLedger } from './test-ledger.ts';

export interface ActivationReport {
  /** Whole transaction: a new key and its first shares. */
  readonly firstGas: number;
  /** The same key, shares dealt anew. */
  readonly nextGas: number;
  readonly signatures: number;
}

/** What it costs on a fresh chain to activate an era of the threshold beacon, with the signatures of three validators. */
export async function measureActivation(): Promise<ActivationReport> {
  const ledger = await startTestLedger({ beacon: { origin: 1n, period: 60n }, blockTimeMs: 50 });
  try {
    const world = await openBeaconWorld(ledger, { crypto: nodeCrypto, bls: await createFastBls() });
    const activate = async (era: number): Promise<number> => {
      const { gasUsed } = (await world.stranger.activateEra(
        await prepareActivation(world, { generation: 1, era }),
      )) as {
        readonly gasUsed: bigint;
      };
      return Number(gasUsed);
    };
    return { firstGas: await activate(1), nextGas: await activate(2), signatures: world.validators.length };
  } finally {
    await ledger.stop();
  }
}
