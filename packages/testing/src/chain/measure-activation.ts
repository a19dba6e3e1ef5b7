import { createFastBls } from '@ogong/host/crypto/fast-bls';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { concatBytes } from '@ogong/protocol/base/bytes';
import { HYBRID_PUBLIC_KEY_BYTES } from '@ogong/protocol/crypto/hybrid';
import { SEALED_BOX_KEY_BYTES } from '@ogong/protocol/crypto/sealed-box';
import { type BeaconKeysWorld, openBeaconWorld, prepareActivation } from './beacon-keys-fixture.ts';
import { startTestLedger } from './test-ledger.ts';

export interface ActivationReport {
  /** Whole transaction: a new key and its first shares. */
  readonly firstGas: number;
  /** The same key, shares dealt anew. */
  readonly nextGas: number;
  readonly signatures: number;
  /** Gas of whole transactions: a validator's key for log heads, its replacement, and its key for sealed shares. */
  readonly headKeyGas: number;
  readonly nextHeadKeyGas: number;
  readonly boxKeyGas: number;
}

/** Key bytes without a pattern. */
const fillKey = (sizeBytes: number, seed: number): Uint8Array => {
  const blocks = Array.from({ length: Math.ceil(sizeBytes / 32) }, (_, i) => nodeCrypto.sha256(Uint8Array.of(seed, i)));
  return concatBytes(...blocks).subarray(0, sizeBytes);
};

/**
 * Measures the gas to register a validator's keys and to activate an era of the threshold beacon with three signatures,
 * on a fresh chain.
 */
export async function measureActivation(): Promise<ActivationReport> {
  const ledger = await startTestLedger({ beacon: { origin: 1n, period: 60n }, blockTimeMs: 50 });
  try {
    const world = await openBeaconWorld(ledger, { crypto: nodeCrypto, bls: await createFastBls() });
    const [{ client }] = world.validators as [BeaconKeysWorld['validators'][0]];
    const headKeyGas = await readGas(client.registerHeadKey(fillKey(HYBRID_PUBLIC_KEY_BYTES, 1)));
    const nextHeadKeyGas = await readGas(client.registerHeadKey(fillKey(HYBRID_PUBLIC_KEY_BYTES, 2)));
    const boxKeyGas = await readGas(client.registerBoxKey(fillKey(SEALED_BOX_KEY_BYTES, 3)));
    const activate = async (era: number): Promise<number> =>
      readGas(world.stranger.activateEra(await prepareActivation(world, { generation: 1, era })));
    const [firstGas, nextGas] = [await activate(1), await activate(2)];
    return { firstGas, nextGas, signatures: world.validators.length, headKeyGas, nextHeadKeyGas, boxKeyGas };
  } finally {
    await ledger.stop();
  }
}

const readGas = async (sent: Promise<unknown>): Promise<number> =>
  Number(((await sent) as { readonly gasUsed: bigint }).gasUsed);
