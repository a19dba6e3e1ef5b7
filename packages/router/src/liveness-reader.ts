import type { LinkPool } from '@ogong/host/link/link-pool';
import type { BeaconView } from '@ogong/host/views/beacon-view';
import type { ChainView } from '@ogong/host/views/chain-view';
import { compareSightings, computeLivenessPpm, updateCredit, weighCredit } from '@ogong/protocol/audit/liveness';
import { DRAW_KINDS, type DrawKind } from '@ogong/protocol/audit/secret-draw';
import { countTests, parseTestReport, verifyTestReport } from '@ogong/protocol/audit/test-report';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { PPM } from '@ogong/protocol/exchange/reputation';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

export interface LivenessDependencies {
  readonly crypto: Crypto;
  readonly chain: Pick<ChainView, 'network' | 'validators' | 'parameters'>;
  readonly links: Pick<LinkPool, 'to'>;
  readonly beacons: Pick<BeaconView, 'get'>;
  readonly onError?: (validator: QuorumMember, error: unknown) => void;
}

/** The newest report of one validator. */
interface Heard {
  readonly reportHash: string;
  readonly counts: ReturnType<typeof countTests>;
}

export type Liveness = ReturnType<typeof createLiveness>;

const CALL_TIMEOUT_MS = 5_000;
/** Most remembered proofs. Each is checked once: reports overlap by almost all of their epochs. */
const MAX_PROOFS = 16_384;

/**
 * Reads from the validators' tests which providers answer, and which use devices of their own (docs/spec/canary.md). Each draw is
 * recomputed before a test counts. Of the two kinds of tests the worse counts.
 */
export function createLiveness(dependencies: LivenessDependencies) {
  const crypto = rememberProofs(dependencies.crypto);
  const sightings = DRAW_KINDS.map((kind) => createSightings(kind, { ...dependencies, crypto }));
  return {
    /** @returns parts per million; a factor of the routing weight. */
    of: (providerId: Uint8Array): number => Math.min(...sightings.map((each) => each.of(providerId))),
    /** A validator that cannot be read, or that shows false draws, is left out. */
    async read(): Promise<void> {
      for (const each of sightings) await each.read();
    },
  };
}

/** Collects the results of validators' tests of one kind. */
function createSightings(kind: DrawKind, dependencies: LivenessDependencies) {
  const { chain, crypto, onError = () => {} } = dependencies;
  const heard = new Map<string, Heard>();
  const credits = new Map<string, number>();

  const weigh = ({ address, stake }: QuorumMember): bigint => weighCredit(stake, credits.get(toHex(address)) ?? PPM);

  function judge(providerId: string): number {
    const validators = chain.validators();
    const all = validators.reduce((sum, one) => sum + weigh(one), 0n);
    return computeLivenessPpm(listSightings(providerId), all);
  }

  function listSightings(providerId: string) {
    return chain.validators().flatMap((one) => {
      const counts = heard.get(toHex(one.address))?.counts.get(providerId);
      return counts === undefined ? [] : [{ weight: weigh(one), stake: one.stake, ...counts }];
    });
  }

  /** Adjusts a validator's credit by the distance of its new report from those of all testers of the same providers. */
  function adjustCredit(name: string, counts: Heard['counts']): void {
    const allStake = chain.validators().reduce((sum, { stake }) => sum + stake, 0n);
    const reports = [...counts].flatMap(
      ([providerId, own]) => compareSightings(own, listSightings(providerId), allStake) ?? [],
    );
    credits.set(name, updateCredit(credits.get(name) ?? PPM, reports));
  }

  async function readOne(validator: QuorumMember, greatestPpm: number): Promise<void> {
    const name = toHex(validator.address);
    const tests = await fetchTests({ ...dependencies, crypto }, validator, { kind, greatestPpm });
    if (tests.reportHash === heard.get(name)?.reportHash) return;
    heard.set(name, tests);
    adjustCredit(name, tests.counts);
  }

  return {
    of: (providerId: Uint8Array): number => (heard.size === 0 ? PPM : judge(toHex(providerId))),
    async read(): Promise<void> {
      const greatestPpm = chain.parameters()?.greatestRates[kind];
      // Nothing is known before the first reading of the chain. Without a rate, nothing was tested.
      if (greatestPpm === undefined || greatestPpm === 0) return heard.clear();
      await Promise.all(
        chain.validators().map((validator) =>
          readOne(validator, greatestPpm).catch((error: unknown) => {
            heard.delete(toHex(validator.address));
            onError(validator, error);
          }),
        ),
      );
    },
  };
}

async function fetchTests(
  { crypto, chain, links, beacons }: LivenessDependencies,
  validator: QuorumMember,
  { kind, greatestPpm }: { readonly kind: DrawKind; readonly greatestPpm: number },
): Promise<Heard> {
  const service = links.to(ValidatorService, validator);
  const { report: bytes } = await service.getTests({ kind }, { timeoutMs: CALL_TIMEOUT_MS });
  const report = parseTestReport(bytes);
  const values = new Map<bigint, Uint8Array>();
  for (const { epoch } of report.draws) values.set(epoch, (await beacons.get(epoch)).value);
  const { chainId } = chain.network;
  const beaconOf = (epoch: bigint): Uint8Array | undefined => values.get(epoch);
  const terms = { chainId, kind, validator, beaconOf, greatestPpm };
  const { checks, tests } = verifyTestReport(crypto, report, terms);
  const failed = checks.find(({ status }) => status === 'fail');
  if (failed !== undefined) throw new Error(`its tests do not count: ${failed.id}: ${failed.detail}`);
  return { reportHash: toHex(crypto.sha256(bytes)), counts: countTests(tests) };
}

function rememberProofs(crypto: Crypto): Crypto {
  const known = new Map<string, Uint8Array | undefined>();
  return {
    ...crypto,
    verifyVrf(publicKey, alpha, proof) {
      const name = toHex(crypto.sha256(publicKey, alpha, proof));
      if (!known.has(name)) {
        if (known.size >= MAX_PROOFS) known.delete(known.keys().next().value as string);
        known.set(name, crypto.verifyVrf(publicKey, alpha, proof));
      }
      return known.get(name);
    },
  };
}
