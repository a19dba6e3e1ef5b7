import type { NetworkParameters } from '@ogong/chain/client';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { computeDrawInput, drawArrivals } from '@ogong/protocol/audit/secret-draw';
import { computeSubject, encodeTestReport, type Test } from '@ogong/protocol/audit/test-report';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { computeVrfPublicKey, proveVrf } from '@ogong/protocol/crypto/vrf';
import { createLiveness } from '@ogong/router/liveness-reader';
import { defineAttack } from '../define-attack.ts';

export interface SightedNetwork {
  /** Stake of honest validators, which all test. */
  readonly honest: readonly bigint[];
  /** Stake of the validator that lies. */
  readonly liar: bigint;
  /** `drawn`: it says that the rival missed each test that was drawn. `chosen`: it invents tests besides. */
  readonly lies: 'drawn' | 'chosen';
}

const MEAN_PPM = 50_000;
const EPOCHS = 64n;
const REPORTS = 3;
/** Reports overlap. */
const STEP = 4n;
const modelRoot = new Uint8Array(32).fill(9);
const rival = new Uint8Array(32).fill(1);
const providers = [rival, new Uint8Array(32).fill(2), new Uint8Array(32).fill(3)];
const seedOf = (n: number): Uint8Array => crypto.sha256(utf8Encode(`sighting validator ${n}`));
const beaconOf = (epoch: bigint): Uint8Array => crypto.sha256(utf8Encode(`seen beacon ${epoch}`));

/** A validator says that a rival of its friends does not answer, so that routers send its traffic elsewhere. */
export const falseSightings = defineAttack({
  name: 'false-sightings',
  adversary: 'validator that calls an honest provider unresponsive',
  aim: 'have routers draw a rival of its friends less',
  stoppedBy: 'Beacon and key draw the tested provider, and the median of validators by stake counts',
  restarts: { none: 'a router keeps what validators say in memory, and reads it again' },
  async play({ honest, liar, lies }: SightedNetwork) {
    const stakes = [liar, ...honest];
    const validators = stakes.map((stake, n) => ({
      ...{ address: new Uint8Array(20).fill(n + 1), signingKey: new Uint8Array(20).fill(n + 1), stake },
      ...{ certHash: new Uint8Array(32).fill(n), vrfKey: computeVrfPublicKey(seedOf(n)), endpoint: `${n}` },
    }));
    let refused = '';
    let first = 1n;
    const liveness = createLiveness({
      crypto,
      chain: {
        network: { chainId: 31_337n, settlement: new Uint8Array(20) },
        validators: () => validators,
        parameters: () => ({ greatestRates: { canary: MEAN_PPM, timed: 0 } }) as NetworkParameters,
      },
      links: {
        to: (_service: unknown, { endpoint }: { readonly endpoint: unknown }) => ({
          getTests: async () => ({ report: writeReport(Number(endpoint), first, lies) }),
        }),
      } as never,
      beacons: { get: async (epoch) => ({ epoch, value: beaconOf(epoch) }) as never },
      onError({ endpoint }, error) {
        if (endpoint === '0') refused = (error as Error).message;
      },
    });
    await liveness.read();
    const livenessPpm = liveness.of(rival);
    for (let i = 1; i < REPORTS; i++) {
      first += STEP;
      await liveness.read();
    }
    return { livenessPpm, laterPpm: liveness.of(rival), refused };
  },
  async stage({ play }) {
    const { livenessPpm, laterPpm, refused } = await play({ honest: [30n, 25n], liar: 45n, lies: 'drawn' });
    return {
      tried: 'said with 45 % of the stake that a rival missed every test',
      answered: [`routers multiply the weight of the rival by ${laterPpm / 1_000_000}`],
      worked: livenessPpm !== 1_000_000 || laterPpm !== 1_000_000 || refused !== '',
    };
  },
});

const proofs = new Map<string, { readonly proof: Uint8Array; readonly output: Uint8Array }>();

/** Once for all plays: a proof takes milliseconds. */
function prove(n: number, epoch: bigint) {
  const known = proofs.get(`${n} ${epoch}`);
  if (known !== undefined) return known;
  const input = computeDrawInput(crypto, { kind: 'canary', epoch, beacon: beaconOf(epoch) });
  const proof = proveVrf(seedOf(n), input);
  const output = crypto.verifyVrf(computeVrfPublicKey(seedOf(n)), input, proof) as Uint8Array;
  proofs.set(`${n} ${epoch}`, { proof, output });
  return { proof, output };
}

/** Of validator 0, the liar; others report what happened: nobody missed anything. */
function writeReport(n: number, first: bigint, lies: SightedNetwork['lies']): Uint8Array {
  const draws: { epoch: bigint; proof: Uint8Array }[] = [];
  const tests: Test[] = [];
  for (let epoch = first; epoch < first + EPOCHS; epoch++) {
    const { proof, output } = prove(n, epoch);
    const drawn = providers.flatMap((providerId) => {
      const subject = computeSubject({ providerId, modelRoot });
      const isLied = n === 0 && providerId === rival;
      const arrivals = drawArrivals(crypto, output, { subject, meanPpm: MEAN_PPM });
      const told = isLied && lies === 'chosen' ? [0] : arrivals;
      return told.map((_, arrival) => ({ epoch, providerId, modelRoot, arrival, isMissed: isLied }));
    });
    if (drawn.length === 0) continue;
    draws.push({ epoch, proof });
    tests.push(...drawn);
  }
  const validator = new Uint8Array(20).fill(n + 1);
  return encodeTestReport({ chainId: 31_337n, validator, kind: 'canary', draws, tests });
}
