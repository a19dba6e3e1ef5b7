import { randomBytes } from 'node:crypto';
import { Secret } from '@ogong/host/crypto/secret';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { systemClock } from '@ogong/host/time/clock';
import { createChainView } from '@ogong/host/views/chain-view';
import { computeVrfPublicKey } from '@ogong/protocol/crypto/vrf';
import { fakeBls } from '@ogong/testing/protocol/fake-bls';
import { fakeSealedBox } from '@ogong/testing/protocol/fake-sealed-box';
import type { ThresholdParts } from '@ogong/validator/beacon/threshold-state';
import { joinTexts } from '@ogong/validator/canary/compose-canary';
import { createGuardedSigner } from '@ogong/validator/signer/guarded-signer';
import { GUARD_SCHEMA } from '@ogong/validator/signer/signing-guard';
import { VALIDATOR_SCHEMA } from '@ogong/validator/store/schema';
import { createValidator, type Validator } from '@ogong/validator/validator';
import type { LedgerMember } from '../chain/ledger.ts';
import { createSimulatedIdentity } from '../network/simulated-wire.ts';
import { EQUAL_STAKE, type Plan } from '../plan.ts';
import { createCheapHybridSigner, createCheapLedgerSigner } from '../world/cheap-crypto.ts';
import { drawBytes } from '../world/draws.ts';
import type { Disk } from '../world/process.ts';
import type { World } from '../world/world.ts';

export const VALIDATOR_PORT = 7_100;
const TOKEN = 10n ** 18n;

export interface ValidatorTimes {
  readonly epochMs: number;
  readonly settleMs: number;
  readonly auditWindowMs: number;
  readonly graceMs: number;
  /** Share of replies that it audits. Default: all. */
  readonly alpha?: number | undefined;
  /** Origins of gateways: validators buy their tests of providers there. Default: it buys none. */
  readonly shops?: readonly string[] | undefined;
}

const TEXTS = joinTexts([
  'A word that nobody has written to anybody, and that fits into a sentence of any length, is what tests are made of.',
]);

export const validatorName = (index: number): string => `validator-${index}`;
const hostOf = (index: number): string => `10.1.${index >> 8}.${index & 0xff}`;
const accountOf = (seed: number, index: number) => createCheapLedgerSigner(seed, validatorName(index)).address;
export const signingKeyOf = (seed: number, index: number) =>
  createCheapLedgerSigner(seed, `${validatorName(index)} signing key`);
const headKeyOf = (seed: number, index: number) => createCheapHybridSigner(seed, `${validatorName(index)} head`);
const vrfSeedOf = (seed: number, index: number) => drawBytes(seed, `${validatorName(index)} vrf`, 32);
const linkIdOf = (seed: number, index: number) => drawBytes(seed, `${validatorName(index)} link`, 32);

/** As the registry lists it. */
export const listValidator = (seed: number, index: number): LedgerMember => ({
  address: accountOf(seed, index),
  signingKey: signingKeyOf(seed, index).address,
  stake: BigInt(EQUAL_STAKE) * TOKEN,
  endpoint: `${hostOf(index)}:${VALIDATOR_PORT}`,
  certHash: linkIdOf(seed, index),
  vrfKey: computeVrfPublicKey(vrfSeedOf(seed, index)),
});

/** The same with the stake that a plan gives it. */
export const listMember = ({ seed, stakes }: Pick<Plan, 'seed' | 'stakes'>, index: number): LedgerMember => ({
  ...listValidator(seed, index),
  stake: BigInt(stakes?.[index] ?? EQUAL_STAKE) * TOKEN,
});

const boxSecretOf = (seed: number, index: number) => drawBytes(seed, `${validatorName(index)} box`, 32);

/** As `ogong-validatord register` does it. */
export const registerKeys = ({ seed, ledger }: World, index: number): Promise<void> =>
  ledger.registerKeys(accountOf(seed, index), {
    box: fakeSealedBox.deriveKey(boxSecretOf(seed, index)),
    head: headKeyOf(seed, index).publicKey,
  });

/** Points and boxes cost nothing, and hide nothing. */
const openThreshold = (seed: number, index: number): ThresholdParts => ({
  ...{ bls: fakeBls, box: fakeSealedBox, boxSecret: boxSecretOf(seed, index) },
  drawSeed: () => new Uint8Array(randomBytes(32)),
});

/** The program of `ogong-validatord`, without its command line. */
export async function simulateValidator(
  world: World,
  index: number,
  { disk, times: { alpha = 1, shops = [], ...times } }: { readonly disk: Disk; readonly times: ValidatorTimes },
): Promise<Validator> {
  const { seed, crypto, wire } = world;
  const account = accountOf(seed, index);
  const chain = createChainView(
    { deployment: world.ledger.deployment, refreshMs: 10_000 },
    { connect: async () => world.connectChain(account), onError: () => undefined },
  );
  const signer = createGuardedSigner(crypto, {
    key: signingKeyOf(seed, index),
    account,
    headKey: headKeyOf(seed, index),
    store: disk.open('signer', GUARD_SCHEMA),
  });
  await chain.refresh().catch(() => undefined);
  const gateways = shops.map((gateway) => ({ gateway, keys: [new Secret('simulate')] }));
  const canaries = gateways.length > 0 && { gateways, texts: TEXTS, random: Math.random };
  const validator = createValidator(
    {
      ...{ bind: { host: hostOf(index), port: VALIDATOR_PORT }, alpha, stakeMs: 10_000, ...times },
      ...(canaries && { canaries }),
    },
    {
      ...{ crypto, clock: systemClock, signer, chain, log: world.logOf(validatorName(index)) },
      store: disk.open('validator', VALIDATOR_SCHEMA),
      vrfSeed: vrfSeedOf(seed, index),
      ...(world.ledger.deployment.beaconKeys && { threshold: openThreshold(seed, index) }),
      identity: createSimulatedIdentity(wire, linkIdOf(seed, index)),
      metrics: createMetrics('validator'),
    },
  );
  await validator.start();
  chain.start();
  return validator;
}
